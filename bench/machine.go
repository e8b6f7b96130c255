package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

// pin lets this program run on so many processors: it executes itself anew with only
// those, so that the runtime sees no others.
func pin(n int) error {
	if n == 0 || n == runtime.NumCPU() {
		return nil
	}
	if n < 0 || n > runtime.NumCPU() {
		return fmt.Errorf("-cpus %d: there are %d", n, runtime.NumCPU())
	}
	runtime.LockOSThread()
	var all, some unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return err
	}
	for cpu := 0; some.Count() < n; cpu++ {
		if all.IsSet(cpu) {
			some.Set(cpu)
		}
	}
	if err := unix.SchedSetaffinity(0, &some); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return unix.Exec(self, os.Args, os.Environ())
}

// machine describes what was measured on, without naming it.
func machine(dir string) (string, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return "", err
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return "", err
	}
	name, present := processor()
	release, _, _ := strings.Cut(unix.ByteSliceToString(u.Release[:]), "-")
	return fmt.Sprintf("%s, %d of %d processors, GOMAXPROCS %d, Linux %s, %s, %s; load before the run %s",
		name, runtime.NumCPU(), max(present, runtime.NumCPU()), runtime.GOMAXPROCS(0), release, fileSystem(fs.Type), runtime.Version(), load()), nil
}

// commit names the state of the repository, "" outside of one.
func commit() string {
	out, err := exec.Command("git", "rev-parse", "--short=12", "HEAD").Output()
	if err != nil {
		return ""
	}
	name := string(bytes.TrimSpace(out))
	if changed, err := exec.Command("git", "status", "--porcelain", "--untracked-files=no").Output(); err == nil && len(changed) > 0 {
		name += ", changed"
	}
	return name
}

// processor returns the model and how many the machine has.
func processor() (name string, n int) {
	b, _ := os.ReadFile("/proc/cpuinfo")
	name = runtime.GOARCH
	for line := range strings.Lines(string(b)) {
		member, value, _ := strings.Cut(line, ":")
		switch strings.TrimSpace(member) {
		case "model name":
			name = strings.TrimSpace(value)
		case "processor":
			n++
		}
	}
	return name, n
}

// load is the load of the last minute: of more than a fraction of the
// processors, it tells the reader to trust only ratios.
func load() string {
	b, _ := os.ReadFile("/proc/loadavg")
	first, _, _ := strings.Cut(string(b), " ")
	return first
}

func fileSystem(magic int64) string {
	switch magic {
	case unix.EXT4_SUPER_MAGIC:
		return "ext4"
	case unix.XFS_SUPER_MAGIC:
		return "xfs"
	case unix.BTRFS_SUPER_MAGIC:
		return "btrfs"
	case unix.TMPFS_MAGIC:
		return "tmpfs"
	case unix.OVERLAYFS_SUPER_MAGIC:
		return "overlayfs"
	}
	return fmt.Sprintf("file system %#x", magic)
}
