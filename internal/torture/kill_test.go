//go:build fault

package torture

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/faultos"
)

// The environment of a child: what it does ("kill" or "endless"), where, with
// which seed, and, to be killed, at which operation and whether in the middle of
// a write.
const (
	childEnv = "HOLDFAST_TORTURE_CHILD"
	rootEnv  = "HOLDFAST_TORTURE_ROOT"
	seedEnv  = "HOLDFAST_TORTURE_SEED"
	nthEnv   = "HOLDFAST_TORTURE_NTH"
	shortEnv = "HOLDFAST_TORTURE_SHORT"
)

// child prints its notes as they come and ends with a line "done".
func child() int {
	seed, _ := strconv.ParseUint(os.Getenv(seedEnv), 10, 64)
	nth, _ := strconv.Atoi(os.Getenv(nthEnv))
	root := os.Getenv(rootEnv)
	do, segment := small, 1<<10
	if os.Getenv(childEnv) == "endless" {
		do, segment = endless, 16<<10
	} else {
		d, err := faultos.Watch(root)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		d.Strike(faultos.Rule{Kinds: faultos.Changes(), Nth: nth, Kill: true, Short: os.Getenv(shortEnv) != ""})
	}
	r := newRun(root, workload{segment: segment}, seed)
	r.note = func(text string) {
		if _, err := os.Stdout.WriteString(text + "\n"); err != nil {
			os.Exit(1) // the parent is gone
		}
	}
	if err := do(r); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	r.note("done")
	return 0
}

func spawn(ctx context.Context, what, root string, seed uint64, env ...string) (*exec.Cmd, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.CommandContext(ctx, exe)
	cmd.Env = append(os.Environ(), childEnv+"="+what, rootEnv+"="+root, seedEnv+"="+strconv.FormatUint(seed, 10))
	cmd.Env = append(cmd.Env, env...)
	return cmd, nil
}

// TestEveryKill kills a process with SIGKILL at each operation that changes the
// disk, before it and, if it is a write, in the middle of it. A short run takes
// every third operation.
func TestEveryKill(t *testing.T) {
	seed := seedOf(t)
	stride := 3
	if os.Getenv("HOLDFAST_FAULTS") != "" {
		stride = 1
	}
	// What the children would have done in the end: they all do the same.
	whole := newRun(scratch(t), workload{segment: 1 << 10}, seed)
	require.NoError(t, small(whole))
	c := &checker{segment: 1 << 10, oracles: whole.oracles}
	work := scratch(t)
	var next, killed atomic.Int64
	var ended atomic.Bool
	next.Store(int64(seed % uint64(stride))) //nolint:gosec // small
	var wg sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for !ended.Load() {
				nth := int(next.Add(int64(stride)) - int64(stride) + 1)
				for _, short := range []string{"", "1"} {
					dead, err := killOnce(t.Context(), filepath.Join(work, fmt.Sprintf("%d-%s", nth, short)), c, seed, nth, short)
					if err != nil {
						t.Errorf("killed at operation %d (%q): %v\n  replay: HOLDFAST_SEED=%d HOLDFAST_FAULTS=1 go run ./internal/faultbuild test -count=1 -v -run TestEveryKill ./internal/torture",
							nth, short, err, seed)
						ended.Store(true)
					}
					if !dead {
						ended.Store(true)
						return
					}
					killed.Add(1)
				}
			}
		})
	}
	wg.Wait()
	t.Logf("HOLDFAST_SEED=%d: %d processes killed", seed, killed.Load())
}

// killOnce reports whether the child was killed before it was done.
func killOnce(ctx context.Context, root string, c *checker, seed uint64, nth int, short string) (bool, error) {
	if err := os.MkdirAll(root, 0o700); err != nil {
		return false, err
	}
	defer func() { _ = os.RemoveAll(root) }()
	cmd, err := spawn(ctx, "kill", root, seed, nthEnv+"="+strconv.Itoa(nth), shortEnv+"="+short)
	if err != nil {
		return false, err
	}
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	f := floors{}
	done := false
	for _, line := range wholeLines(string(out)) {
		if line == "done" {
			done = true
			continue
		}
		f.note(line)
	}
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || !signalled(exit)) {
		return false, fmt.Errorf("%w: %s", err, stderr.String())
	}
	if _, err = c.check(root, f); err != nil {
		return !done, err
	}
	return !done, nil
}

func signalled(e *exec.ExitError) bool {
	st, ok := e.Sys().(syscall.WaitStatus)
	return ok && st.Signaled() && st.Signal() == syscall.SIGKILL
}

// wholeLines leaves out what the end of the process cut off.
func wholeLines(out string) []string {
	var lines []string
	s := bufio.NewScanner(strings.NewReader(out[:strings.LastIndexByte(out, '\n')+1]))
	for s.Scan() {
		lines = append(lines, s.Text())
	}
	return lines
}
