package faults_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/audit"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/position"
)

// childEnv makes the test binary run child instead of the tests; its value is
// the ledger's directory.
const childEnv = "HOLDFAST_TEST_CHILD"

// child fills a ledger under a file size limit until a write fails. It prints a
// line per acknowledged fill and checks that the failure is final.
func child() int {
	l, err := holdfast.Open(context.Background(), os.Getenv(childEnv), holdfast.Options{SnapshotInterval: -1})
	if err != nil {
		fmt.Println("open:", err)
		return 1
	}
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 20_000, Max: 20_000}); err != nil {
		fmt.Println("setrlimit:", err)
		return 1
	}
	for i := range 1000 {
		_, err := l.Apply(context.Background(), ledgertest.Fill(strconv.Itoa(i), "A", "I", position.Buy, "1", "100"))
		if err == nil {
			fmt.Println("ack", i)
			continue
		}
		if !errors.Is(err, holdfast.ErrOutcomeUnknown) {
			fmt.Println("want outcome unknown, got:", err)
			return 1
		}
		break
	}
	if _, err := l.Apply(context.Background(), ledgertest.Fill("after", "A", "I", position.Buy, "1", "100")); !errors.Is(err, holdfast.ErrFailed) {
		fmt.Println("want failed, got:", err)
		return 1
	}
	if err := l.Err(); !errors.Is(err, holdfast.ErrFailed) {
		fmt.Println("want the journal's error, got:", err)
		return 1
	}
	if p, ok := l.Position(position.Key{Account: "A", Instrument: "I"}); !ok || p.Qty.IsZero() {
		fmt.Println("reads do not go on")
		return 1
	}
	_ = l.Close() // fails as well: there is no room for MARK either
	fmt.Println("done")
	return 0
}

func TestWriteErrorIsFinal(t *testing.T) {
	dir := t.TempDir()
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), childEnv+"="+dir)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	acked := linesWith(string(out), "ack ")
	require.NotEmpty(t, acked)

	l := ledgertest.Open(t, dir, ledgertest.Quiet())
	p, ok := l.Position(position.Key{Account: "A", Instrument: "I"})
	require.True(t, ok)
	n, err := strconv.Atoi(p.Qty.String())
	require.NoError(t, err)
	require.GreaterOrEqual(t, n, len(acked), "every acknowledged fill is there")
	require.LessOrEqual(t, n, len(acked)+1, "at most the one in flight besides")
	rep, err := l.Verify(t.Context(), audit.Options{Deep: true})
	require.NoError(t, err)
	require.Empty(t, rep.Findings)
}

// linesWith returns the lines of a text that begin with a prefix.
func linesWith(text, prefix string) []string {
	var out []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, prefix) {
			out = append(out, strings.TrimSpace(line))
		}
	}
	return out
}
