package journal_test

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"

	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/journal/internal/journaltest"
)

// childEnv makes the test binary do a child's work instead of the tests.
const childEnv = "HOLDFAST_JOURNAL_CHILD"

func TestMain(m *testing.M) {
	if what := os.Getenv(childEnv); what != "" {
		if err := child(what, os.Getenv(childEnv+"_DIR")); err != nil {
			fmt.Println("error:", err)
			os.Exit(1)
		}
		return
	}
	goleak.VerifyTestMain(m)
}

func child(what, dir string) error {
	o := journal.Options{SegmentSize: 8 << 10, Holder: journal.Holder{Verb: what, Reach: "nats://127.0.0.1:4222"}}
	switch what {
	case "hold":
		j, err := journal.Open(dir, o)
		if err != nil {
			return err
		}
		fmt.Println("ready")
		_, _ = bufio.NewReader(os.Stdin).ReadString('\n')
		return j.Close()
	case "append":
		j, err := journal.Open(dir, o)
		if err != nil {
			return err
		}
		return appendAcks(j)
	case "limit":
		return limited(dir, o)
	}
	return errors.New("unknown child " + what)
}

// appendAcks commits groups of changing size for ever and prints the last seq
// of each once it is durable. Every fourth group is an atomic batch, and now
// and then MARK is saved and the oldest segments go.
func appendAcks(j *journal.Journal) error {
	for n := 1; ; n++ {
		b := j.NewBatch()
		seq := j.Durable()
		size := 1 + n%37
		for i := range size {
			flags := journal.Flags(0)
			if n%4 == 0 && i < size-1 {
				flags = journal.More
			}
			seq++
			b.Append(journaltest.Payload(seq), flags, int64(seq))
		}
		if err := j.Commit(b); err != nil {
			return err
		}
		if _, err := fmt.Println("ack", seq); err != nil {
			return err
		}
		switch {
		case n%50 == 0 && seq > 2000:
			if _, err := j.Trim(seq-1500, 0); err != nil {
				return err
			}
		case n%23 == 0:
			if err := j.SaveMark(); err != nil {
				return err
			}
		}
	}
}

// limited appends until a file may not grow any more, and says what came of it.
func limited(dir string, o journal.Options) error {
	o.SegmentSize = 0
	j, err := journal.Open(dir, o)
	if err != nil {
		return err
	}
	if err = unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 10_000, Max: unix.RLIM_INFINITY}); err != nil {
		return err
	}
	var first error
	for first == nil {
		seq := j.Durable()
		b := j.NewBatch()
		for range 5 {
			seq++
			b.Append(journaltest.Payload(seq), 0, int64(seq))
		}
		if first = j.Commit(b); first == nil {
			fmt.Println("ack", seq)
		}
	}
	var failed *journal.FailedError
	if !errors.As(first, &failed) || !errors.Is(first, journal.ErrFailed) || !errors.Is(first, syscall.EFBIG) || failed.Synced() {
		return fmt.Errorf("not the error of a file that is too large: %w", first)
	}
	if err = unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: unix.RLIM_INFINITY, Max: unix.RLIM_INFINITY}); err != nil {
		return err
	}
	// There is room again, and still it is over.
	for _, again := range []error{j.Commit(j.NewBatch()), j.SaveMark()} {
		if !errors.Is(again, first) {
			return fmt.Errorf("not the first error: %w", again)
		}
	}
	if _, err = j.Trim(1<<60, 0); !errors.Is(err, first) {
		return fmt.Errorf("not the first error: %w", err)
	}
	if err = j.Close(); err != nil {
		return err
	}
	// The same process may open again, since no fsync failed.
	if j, err = journal.Open(dir, o); err != nil {
		return err
	}
	fmt.Println("reopened", j.Durable(), j.Recovery().CutBytes)
	return j.Close()
}

// start runs the test binary as a child.
func start(tb testing.TB, what, dir string) (*exec.Cmd, *bufio.Scanner) {
	tb.Helper()
	exe, err := os.Executable()
	require.NoError(tb, err)
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childEnv+"="+what, childEnv+"_DIR="+dir)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	require.NoError(tb, err)
	out, err := cmd.StdoutPipe()
	require.NoError(tb, err)
	require.NoError(tb, cmd.Start())
	tb.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd, bufio.NewScanner(out)
}

// line returns the next line of a child.
func line(tb testing.TB, out *bufio.Scanner) string {
	tb.Helper()
	require.True(tb, out.Scan(), "the child ended: %v", out.Err())
	return out.Text()
}

func number(tb testing.TB, text, before string) uint64 {
	tb.Helper()
	rest, ok := strings.CutPrefix(text, before+" ")
	require.True(tb, ok, text)
	first, _, _ := strings.Cut(rest, " ")
	n, err := strconv.ParseUint(first, 10, 64)
	require.NoError(tb, err)
	return n
}
