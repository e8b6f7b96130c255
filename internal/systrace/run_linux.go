package systrace

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The layout of the structure that PTRACE_GET_SYSCALL_INFO fills in.
const (
	infoSize   = 88
	atNumber   = 24
	atArgs     = 32
	infoEntry  = 1
	infoExit   = 2
	syscallBit = 0x80 // in the signal of a stop, by PTRACE_O_TRACESYSGOOD
	maxData    = 256
)

// Run runs a program to its end and returns in order the operations on below and
// on what is below it. Its standard error is ours; what it writes to its standard output is recorded as
// writes to [os.DevNull]. An exit code other than 0 is an error, and
// the operations are returned with it.
func Run(argv, env []string, below string) (ops []Op, err error) {
	// The kernel knows the thread that traces, and answers only that one.
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		ops, err = run(argv, env, below)
	}()
	<-done
	return ops, err
}

func run(argv, env []string, below string) ([]Op, error) {
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("systrace: %w", err)
	}
	defer func() { _ = null.Close() }()
	p, err := os.StartProcess(argv[0], argv, &os.ProcAttr{
		Env: env, Files: []*os.File{null, null, os.Stderr}, Sys: &syscall.SysProcAttr{Ptrace: true},
	})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	t := &tracer{pid: p.Pid, below: below, pending: map[int]*Op{}}
	ops, err := t.follow()
	if err != nil {
		_ = p.Kill()
	}
	_ = p.Release()
	return ops, err
}

// tracer follows one process and all its threads.
type tracer struct {
	pid     int
	below   string
	ops     []*Op
	pending map[int]*Op // by thread, between the entry and the exit of a call
}

func (t *tracer) follow() ([]Op, error) {
	var status unix.WaitStatus
	if _, err := wait(t.pid, &status); err != nil || !status.Stopped() {
		return nil, fmt.Errorf("%w: the child did not stop: %w", ErrUnavailable, err)
	}
	err := unix.PtraceSetOptions(t.pid, unix.PTRACE_O_TRACESYSGOOD|unix.PTRACE_O_TRACECLONE|unix.PTRACE_O_EXITKILL)
	if err == nil {
		err = unix.PtraceSyscall(t.pid, 0)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	for {
		tid, err := wait(-1, &status)
		if err != nil {
			return nil, fmt.Errorf("systrace: wait: %w", err)
		}
		switch {
		case tid == t.pid && status.Exited():
			if code := status.ExitStatus(); code != 0 {
				return t.result(), fmt.Errorf("systrace: exit code %d", code)
			}
			return t.result(), nil
		case tid == t.pid && status.Signaled():
			return nil, fmt.Errorf("systrace: killed by %s", status.Signal())
		case status.Stopped():
			if err = t.stopped(tid, status); err != nil && !errors.Is(err, unix.ESRCH) {
				return nil, err
			}
		}
	}
}

func (t *tracer) result() []Op {
	out := make([]Op, len(t.ops))
	for i, op := range t.ops {
		out[i] = *op
	}
	return out
}

// stopped looks at a stop and lets the thread go on.
func (t *tracer) stopped(tid int, status unix.WaitStatus) error {
	deliver := 0
	switch sig := int(status.StopSignal()); sig {
	case int(unix.SIGTRAP) | syscallBit:
		if err := t.syscall(tid); err != nil {
			return err
		}
	case int(unix.SIGTRAP), int(unix.SIGSTOP): // of ptrace: a new thread, the exec
	default:
		deliver = sig
	}
	return unix.PtraceSyscall(tid, deliver)
}

// syscall is called twice for each system call of a thread.
func (t *tracer) syscall(tid int) error {
	var info [infoSize]byte
	_, _, errno := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_GET_SYSCALL_INFO, uintptr(tid),
		infoSize, uintptr(unsafe.Pointer(&info)), 0, 0) //nolint:gosec // what the call is for
	if errno != 0 {
		return fmt.Errorf("%w: system call of the child: %w", ErrUnavailable, errno)
	}
	word := func(at int) uint64 { return binary.NativeEndian.Uint64(info[at:]) }
	switch info[0] {
	case infoEntry:
		var args [6]uint64
		for i := range args {
			args[i] = word(atArgs + 8*i)
		}
		op := t.enter(tid, word(atNumber), args)
		if op == nil || !t.watched(op.Path) && !t.watched(op.To) {
			return nil
		}
		op.From = len(t.ops)
		if op.Call != Sync {
			t.ops = append(t.ops, op)
		}
		t.pending[tid] = op
	case infoExit:
		op := t.pending[tid]
		if op == nil {
			return nil
		}
		delete(t.pending, tid)
		op.Failed = int64(word(atNumber)) < 0 //nolint:gosec // a result below 0 is an error
		if op.Call == Sync {
			t.ops = append(t.ops, op)
		}
	}
	return nil
}

// watched reports whether a path is one that the caller wants to see.
func (t *tracer) watched(path string) bool {
	rel, err := filepath.Rel(t.below, path)
	return path == os.DevNull || err == nil && filepath.IsLocal(rel)
}

// enter returns the operation of a system call that begins; nil: not one of ours.
func (t *tracer) enter(tid int, number uint64, a [6]uint64) *Op {
	fd := func(i int) string { return t.descriptor(a[i]) }
	switch number {
	case unix.SYS_OPENAT:
		return t.open(tid, a)
	case unix.SYS_WRITE, unix.SYS_PWRITE64:
		return &Op{Call: Write, Path: fd(0), Data: read(tid, a[1], min(a[2], maxData))}
	case unix.SYS_WRITEV, unix.SYS_PWRITEV, unix.SYS_FTRUNCATE, unix.SYS_FALLOCATE, unix.SYS_SENDFILE:
		return &Op{Call: Write, Path: fd(0)}
	case unix.SYS_COPY_FILE_RANGE, unix.SYS_SPLICE:
		return &Op{Call: Write, Path: fd(2)}
	case unix.SYS_TRUNCATE:
		return &Op{Call: Write, Path: t.path(tid, a[0])}
	case unix.SYS_FSYNC, unix.SYS_FDATASYNC:
		return &Op{Call: Sync, Path: fd(0)}
	case unix.SYS_RENAMEAT, unix.SYS_RENAMEAT2:
		return &Op{Call: Rename, Path: t.path(tid, a[1]), To: t.path(tid, a[3])}
	case unix.SYS_LINKAT:
		return &Op{Call: Link, Path: t.path(tid, a[1]), To: t.path(tid, a[3])}
	case unix.SYS_UNLINKAT:
		return &Op{Call: Unlink, Path: t.path(tid, a[1])}
	case unix.SYS_MKDIRAT:
		return &Op{Call: Mkdir, Path: t.path(tid, a[1])}
	}
	return nil
}

func (t *tracer) open(tid int, a [6]uint64) *Op {
	op := &Op{Call: Open, Path: t.path(tid, a[1]), ReadOnly: a[2]&unix.O_ACCMODE == unix.O_RDONLY}
	if a[2]&unix.O_CREAT != 0 {
		_, err := os.Lstat(op.Path) // nothing changes while the thread is stopped
		op.Created = err != nil
	}
	return op
}

// descriptor returns what a descriptor of the child is open on.
func (t *tracer) descriptor(fd uint64) string {
	path, err := os.Readlink(fmt.Sprintf("/proc/%d/fd/%d", t.pid, int32(fd))) //nolint:gosec // its low half is the number
	if err != nil {
		return err.Error()
	}
	return path
}

// path returns a path that the child passes, made absolute. Descriptors of
// directories are not followed: os.Root is not used by what is traced.
func (t *tracer) path(tid int, at uint64) string {
	var text []byte
	for len(text) < unix.PathMax {
		part, _, whole := bytes.Cut(read(tid, at+uint64(len(text)), 64), []byte{0})
		if text = append(text, part...); whole || len(part) < 64 {
			break
		}
	}
	path := string(text)
	if filepath.IsAbs(path) {
		return filepath.Clean(path)
	}
	dir, err := os.Readlink(fmt.Sprintf("/proc/%d/cwd", t.pid))
	if err != nil {
		return path
	}
	return filepath.Join(dir, path)
}

// read copies up to n bytes of the child's memory, less where it ends before.
func read(tid int, at, n uint64) []byte {
	b := make([]byte, n)
	got, err := unix.PtracePeekData(tid, uintptr(at), b)
	if err != nil && got == 0 {
		return nil
	}
	return b[:got]
}

// wait waits for a thread that this thread traces, and for no other child.
func wait(pid int, status *unix.WaitStatus) (int, error) {
	for {
		tid, err := unix.Wait4(pid, status, unix.WALL|unix.WNOTHREAD, nil)
		if !errors.Is(err, unix.EINTR) {
			return tid, err
		}
	}
}
