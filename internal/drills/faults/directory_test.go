package faults_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// directories is a child that meets the failed fsync of a directory beside the
// appends: by a snapshot, or by the MARK that is saved every second.
func (c *faulty) directories() error {
	if err := c.open(); err != nil {
		return err
	}
	for i := range 60 {
		if err := c.append(i); err != nil {
			return err
		}
	}
	if c.kind == "snapdir" {
		if _, err := c.l.Snapshot(context.Background()); err == nil {
			return fmt.Errorf("a snapshot whose name may be lost")
		}
	}
	fmt.Println("ready")
	for i := 60; ; i++ {
		select {
		case <-c.l.Failed():
			_, _ = c.l.Snapshot(context.Background()) // refused: it would sync the directory again
			if err := c.l.Close(); err != nil {
				return err
			}
			return c.l.Err()
		case <-time.After(20 * time.Millisecond): // MARK is written where it has something new to say
			_ = c.append(i) // it may have failed by now
		}
	}
}

// onlyOnce requires that a directory was synced no more after that had failed.
func onlyOnce(t *testing.T, log string) {
	t.Helper()
	notes, err := os.ReadFile(log)
	require.NoError(t, err)
	require.Equal(t, 1, strings.Count(string(notes), "(INJECTED)"), "%s", notes)
	_, after, _ := strings.Cut(string(notes), "(INJECTED)")
	require.NotContains(t, after, "sync(", "%s", notes)
}

func TestAFailedDirectorySyncBesideTheAppendsIsFinal(t *testing.T) {
	t.Run("snapshot", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "ledger")
		wrapper, log := injected(t, filepath.Join(dir, "backups"), "fsync:error=EIO:when=1+")
		runFaulty(t, dir, "snapdir", childSync, wrapper...)
		onlyOnce(t, log)
	})
	t.Run("mark", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "ledger")
		wrapper, log := injected(t, dir, "fsync:error=EIO:when=1+")
		runAttached(t, dir, "markdir", childSync, wrapper...)
		onlyOnce(t, log)
	})
}

// runAttached runs a child and attaches the tracer when it is ready, so that only
// what comes afterwards fails: tracers count calls by thread, and which thread
// makes the n-th one is not known. It returns what the child printed.
func runAttached(t *testing.T, dir, kind string, wantExit int, wrapper ...string) string {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	child := exec.CommandContext(t.Context(), exe)
	child.Env = append(os.Environ(), childEnv+"="+dir, faultEnv+"="+kind, waitEnv+"=1")
	in, err := child.StdinPipe()
	require.NoError(t, err)
	out, err := child.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, child.Start())
	lines := bufio.NewReader(out)
	var all strings.Builder
	for line := ""; line != "ready\n"; {
		line, err = lines.ReadString('\n')
		require.NoError(t, err, line)
		all.WriteString(line)
	}
	args := slices.DeleteFunc(slices.Clone(wrapper[1:]), func(a string) bool { return a == "-qq" }) // so that it says when it is attached
	tracer := exec.CommandContext(t.Context(), wrapper[0], append(args, "-p", strconv.Itoa(child.Process.Pid))...)
	said, err := tracer.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, tracer.Start())
	words := bufio.NewReader(said)
	word, _ := words.ReadString('\n') // its end is seen below
	if !strings.Contains(word, "attached") {
		_ = child.Process.Kill()
		_ = child.Wait()
		_ = tracer.Wait()
		t.Skipf("may not trace another process: %s", word)
	}
	_, err = io.WriteString(in, "go\n")
	require.NoError(t, err)
	_, err = io.Copy(&all, lines)
	require.NoError(t, err)
	_ = child.Wait() // the exit code says it
	_, _ = io.Copy(io.Discard, words)
	_ = tracer.Wait() // it ends with the child
	require.Equal(t, wantExit, child.ProcessState.ExitCode(), "%s", &all)
	return all.String()
}
