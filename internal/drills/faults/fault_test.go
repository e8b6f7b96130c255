package faults_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/audit"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
)

// runFaulty runs a child on a ledger, under a wrapper such as strace, and returns
// what it printed.
func runFaulty(t *testing.T, dir, kind string, wantExit int, wrapper ...string) string {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	args := append(wrapper, exe)
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Env = append(os.Environ(), childEnv+"="+dir, faultEnv+"="+kind, "GOMAXPROCS=2")
	out, err := cmd.CombinedOutput()
	require.Equal(t, wantExit, cmd.ProcessState.ExitCode(), "%v\n%s", err, out)
	return string(out)
}

// cleanDigest is that of a run without faults.
func cleanDigest(t *testing.T) string {
	t.Helper()
	out := linesWith(runFaulty(t, filepath.Join(t.TempDir(), "clean"), "", 0), "digest ")
	require.Len(t, out, 1)
	return out[0]
}

// whole checks a ledger after a fault: every acknowledged mutation is there at
// its seq, none twice, a repeat changes nothing, and the state is that of a run
// without faults.
func whole(t *testing.T, dir, out, digest string) {
	t.Helper()
	require.Contains(t, linesWith(out, "digest "), digest)
	l := ledgertest.Open(t, dir, faultOptions(""))
	require.Equal(t, digest, fmt.Sprintf("digest %x", l.View().Digest()))
	acks := map[int][2]uint64{}
	for _, line := range linesWith(out, "ack ") {
		var i int
		var at [2]uint64
		_, err := fmt.Sscanf(line, "ack %d %d %d", &i, &at[0], &at[1])
		require.NoError(t, err, line)
		was, twice := acks[i]
		require.True(t, !twice || was == at, "%d is acknowledged at %v and at %v", i, was, at)
		acks[i] = at
	}
	require.Len(t, acks, faultFills)
	for i, at := range acks {
		r, err := l.Apply(t.Context(), faultFill(i))
		require.NoError(t, err)
		require.Equal(t, holdfast.Result{ID: r.ID, First: at[0], Last: at[1], Duplicate: true}, r, "fill %d", i)
	}
	rep, err := l.Verify(t.Context(), audit.Options{Deep: true})
	require.NoError(t, err)
	require.Empty(t, rep.Findings)
	require.NoError(t, l.Close())
}

func TestWritingIsTakenUpAgainAfterLimits(t *testing.T) {
	digest := cleanDigest(t)
	for kind, want := range map[string]string{"fsize": "failed file_too_large", "nofile": "failed too_many_files"} {
		t.Run(kind, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "ledger")
			out := runFaulty(t, dir, kind, 0)
			require.NotEmpty(t, linesWith(out, want), "%s", out)
			whole(t, dir, out, digest)
		})
	}
}

// A file system that is full, which takes root to make.
func TestWritingIsTakenUpAgainOnAFullDisk(t *testing.T) {
	root := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", root).CombinedOutput(); err != nil {
		t.Skipf("needs the right to mount a tmpfs: %v %s", err, out)
	}
	t.Cleanup(func() {
		out, err := exec.Command("umount", root).CombinedOutput()
		require.NoError(t, err, "%s", out)
	})
	dir := filepath.Join(root, "ledger")
	out := runFaulty(t, dir, "tmpfs", 0)
	require.NotEmpty(t, linesWith(out, "failed no_space"), "%s", out)
	require.NotEmpty(t, linesWith(out, "reopen no_space"), "it cannot be opened while the disk is full: %s", out)
	whole(t, dir, out, cleanDigest(t))
}

// injected is the wrapper that lets system calls on one path fail, and the file
// in which it notes them.
func injected(t *testing.T, path, inject string) (wrapper []string, log string) {
	t.Helper()
	strace, err := exec.LookPath("strace")
	if err != nil || runtime.GOOS != "linux" {
		t.Skip("needs strace")
	}
	log = filepath.Join(t.TempDir(), "strace")
	call, _, _ := strings.Cut(inject, ":")
	return []string{strace, "-f", "-qq", "-y", "-e", "signal=none", "-o", log, "-P", path, "-e", "trace=" + call, "-e", "inject=" + inject}, log
}

// untilItHits repeats a drill until the call that its tracer refuses is one of a
// commit. A tracer counts calls by thread, and the runtime moves goroutines
// between threads, so that the n-th call may be one which costs the ledger
// nothing: zeros that are written ahead, MARK in its second. A drill checks what
// such a run has to leave, too, and says whether a commit was hit.
func untilItHits(t *testing.T, drill func(n int) bool) {
	t.Helper()
	for n := range 20 {
		if drill(n) {
			return
		}
	}
	t.Fatal("no call that was refused belongs to a commit")
}

// The system refuses a call once, or until the process ends.
func TestInjectedFaults(t *testing.T) {
	digest := cleanDigest(t)
	for _, c := range []struct {
		name, path, inject, times, want string
		sticky                          bool
	}{
		{"write EIO", "journal/00000000000000000001", "write:error=EIO:when=", "", "failed io", false},
		{"write ENOSPC", "journal/00000000000000000001", "write:error=ENOSPC:when=", "", "failed no_space", false},
		{"write EDQUOT", "journal/00000000000000000001", "write:error=EDQUOT:when=", "", "failed quota", false},
		{"write EROFS, for good", "journal/00000000000000000001", "write:error=EROFS:when=", "+", "failed read_only", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			untilItHits(t, func(n int) bool {
				dir := filepath.Join(t.TempDir(), "ledger")
				wrapper, log := injected(t, filepath.Join(dir, c.path), c.inject+strconv.Itoa(3+n%4)+c.times)
				exit := 0
				if c.sticky {
					exit = 1
				}
				out := runFaulty(t, dir, "", exit, wrapper...)
				notes, err := os.ReadFile(log)
				require.NoError(t, err)
				require.Contains(t, string(notes), "(INJECTED)", "%s", out)
				if c.sticky {
					out += runFaulty(t, dir, "", 0)
				}
				whole(t, dir, out, digest)
				failed := linesWith(out, "failed ")
				require.Len(t, linesWith(out, c.want), len(failed), "it fails in no other way: %s", out)
				return len(failed) > 0
			})
		})
	}
}

// A failed fsync ends the process, and nothing that failed to be synced is synced
// again before it does: not by a retry, not by Close. The system is asked.
func TestAFailedSyncIsNeverRepeated(t *testing.T) {
	digest := cleanDigest(t)
	for _, c := range []struct{ name, path, inject, kind string }{
		{"segment", "journal/00000000000000000001", "fsync:error=EIO:when=1", ""},
		{"segment, no space", "journal/00000000000000000001", "fsync:error=ENOSPC:when=1", ""},
		{"segment, for good", "journal/00000000000000000001", "fsync:error=EIO:when=1+", ""},
		{"directory of the segments", "journal", "fsync:error=EIO:when=1", "small"},
		{"directory of MARK", ".", "fsync:error=EIO:when=1", "small"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "ledger")
			wrapper, log := injected(t, filepath.Join(dir, c.path), c.inject)
			out := runAttached(t, dir, c.kind, childSync, wrapper...)
			require.NotEmpty(t, linesWith(out, "sync "), "%s", out)
			notes, err := os.ReadFile(log)
			require.NoError(t, err)
			_, after, found := strings.Cut(string(notes), "(INJECTED)")
			require.True(t, found)
			require.NotContains(t, after, "sync(", "synced again: %s", notes)

			out += runFaulty(t, dir, "", 0) // the next process
			whole(t, dir, out, digest)
		})
	}
}

// The rename of MARK fails when a segment was begun: the segment's name is durable
// then, but MARK does not know it, so the commit has failed.
func TestARefusedRenameOfMark(t *testing.T) {
	digest := cleanDigest(t)
	untilItHits(t, func(int) bool {
		dir := filepath.Join(t.TempDir(), "ledger")
		wrapper, _ := injected(t, filepath.Join(dir, "MARK"), "renameat:error=EIO:when=1")
		out := runAttached(t, dir, "small", 0, wrapper...)
		whole(t, dir, out, digest)
		failed := linesWith(out, "failed ")
		require.Len(t, linesWith(out, "failed io"), len(failed), "%s", out)
		return len(failed) > 0
	})
}
