package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The drill kills real processes of the real binary with SIGKILL, at moments
// spread over the phases that the processes log, and checks after each kill what
// an operator and an engine rely on. HOLDFAST_KILLS sets how many, and
// HOLDFAST_SEED repeats a run's choices.

// drillFlags make small segments, frequent snapshots and immediate trims, so
// that every phase comes often.
func drillFlags() []string {
	return []string{
		"--phase-log", "--quiet", "--segment-size", "16384", "--backup-every", "150", "--backup-max", "2",
		"--backup-interval", "1h", "--journal-retain", "0",
	}
}

func kills(t *testing.T, short int) int {
	t.Helper()
	s := os.Getenv("HOLDFAST_KILLS")
	if s == "" {
		return short
	}
	n, err := strconv.Atoi(s)
	require.NoError(t, err, "HOLDFAST_KILLS")
	return n
}

func seed(t *testing.T) uint64 {
	t.Helper()
	n := uint64(time.Now().UnixNano())
	if s := os.Getenv("HOLDFAST_SEED"); s != "" {
		var err error
		n, err = strconv.ParseUint(s, 10, 64)
		require.NoError(t, err, "HOLDFAST_SEED")
	}
	t.Logf("HOLDFAST_SEED=%d", n)
	return n
}

// binary builds the command once per run of the tests.
func binary(t *testing.T) string {
	t.Helper()
	path, err := builtOnce()
	require.NoError(t, err)
	return path
}

var builtOnce = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "holdfast-drill")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "holdfast")
	out, err := exec.Command("go", "build", "-o", path, ".").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w: %s", err, out)
	}
	return path, nil
})

// victim is a running child whose phases are watched.
type victim struct {
	cmd    *exec.Cmd
	stdout io.ReadCloser
	begins chan string // each "phase X begin" as it is read; never blocks the child for long
	done   chan struct{}

	mu     sync.Mutex
	opened []string // phases begun and not ended
	seen   map[string]int
	tail   bytes.Buffer // stderr that is no phase line
}

func launch(t *testing.T, args ...string) *victim {
	t.Helper()
	v := &victim{cmd: exec.Command(binary(t), args...), begins: make(chan string, 1<<16), done: make(chan struct{}), seen: map[string]int{}}
	var err error
	v.stdout, err = v.cmd.StdoutPipe()
	require.NoError(t, err)
	stderr, err := v.cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, v.cmd.Start())
	go func() {
		defer close(v.done)
		s := bufio.NewScanner(stderr)
		for s.Scan() {
			v.line(s.Text())
		}
	}()
	return v
}

func (v *victim) line(line string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	f := strings.Fields(line)
	if len(f) != 3 || f[0] != "phase" {
		v.tail.WriteString(line + "\n")
		return
	}
	if f[2] == "begin" {
		v.opened = append(v.opened, f[1])
		v.seen[f[1]]++
		select {
		case v.begins <- f[1]:
		default:
		}
		return
	}
	if i := slices.Index(v.opened, f[1]); i >= 0 {
		v.opened = slices.Delete(v.opened, i, i+1)
	}
}

// stopped waits for the child's end and returns the phases it was in.
func (v *victim) stopped() (phases []string, tail string) {
	<-v.done
	_ = v.cmd.Wait() // killed, or its exit code is looked at by the caller
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Clone(v.opened), v.tail.String()
}

// killIn kills the child a moment after it has begun the nth phase of a name,
// and returns false when it ended before.
func (v *victim) killIn(phase string, nth int, after time.Duration, ended <-chan struct{}) bool {
	for {
		select {
		case p := <-v.begins:
			if p != phase {
				continue
			}
			if nth--; nth > 0 {
				continue
			}
			for began := time.Now(); time.Since(began) < after; { // spin: a sleep is too coarse for these moments
			}
			_ = v.cmd.Process.Kill() // it may just have ended
			return true
		case <-ended:
			return false
		}
	}
}

// run runs a verb to its end and returns its standard output.
func runVerb(t *testing.T, wantExit int, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	cmd := exec.Command(binary(t), args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	_ = cmd.Run() // the exit code says it
	require.Equal(t, wantExit, cmd.ProcessState.ExitCode(), "%v\n%s\n%s", args, out.String(), errs.String())
	return out.String()
}

// ack is a line of --ack.
type ack struct {
	ID  string `json:"id"`
	Seq uint64 `json:"seq"`
}

// book collects acknowledgements and refuses two different ones of one id.
type acks struct {
	mu  sync.Mutex
	seq map[string]uint64
	max uint64
}

func (a *acks) add(x ack) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if was, ok := a.seq[x.ID]; ok && was != x.Seq {
		return fmt.Errorf("%s was acknowledged as seq %d, now as %d", x.ID, was, x.Seq)
	}
	a.seq[x.ID] = x.Seq
	a.max = max(a.max, x.Seq)
	return nil
}

// read takes acknowledgements from a child's output until it ends. A last line
// without a newline was never acknowledged.
func (a *acks) read(r io.Reader) error {
	b := bufio.NewReader(r)
	for {
		line, err := b.ReadString('\n')
		if err != nil {
			return nil //nolint:nilerr // the end of a killed child's output
		}
		var x ack
		if err := json.Unmarshal([]byte(line), &x); err != nil {
			return fmt.Errorf("line %q: %w", line, err)
		}
		if err := a.add(x); err != nil {
			return err
		}
	}
}

// verified checks a ledger after a kill: no damage, nothing acknowledged missing.
func verified(t *testing.T, dir string, maxAcked uint64) (digest string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(dir, "ledger.json")); os.IsNotExist(err) && maxAcked == 0 {
		return "" // killed while it was being created; the next start begins anew
	}
	var rep struct {
		Last   uint64
		Digest string
	}
	require.NoError(t, json.Unmarshal([]byte(runVerb(t, 0, "verify", "--deep", "-o", "json", "--quiet", "--dir", dir)), &rep))
	require.GreaterOrEqual(t, rep.Last, maxAcked)
	return rep.Digest
}

func marketFile(t *testing.T) string {
	t.Helper()
	path, err := filepath.Abs("../../testdata/market.ndjson")
	require.NoError(t, err)
	return path
}

// leastHit returns the phase that was killed in least often.
func leastHit(hits map[string]int, phases []string) string {
	return slices.MinFunc(phases, func(a, b string) int { return hits[a] - hits[b] })
}

func TestKillIngest(t *testing.T) {
	n := kills(t, 24)
	r := rand.New(rand.NewPCG(seed(t), 7))
	file := marketFile(t)
	clean := filepath.Join(t.TempDir(), "clean")
	runVerb(t, 0, "ingest", "--quiet", "--dir", clean, file)
	want := verified(t, clean, 0)
	phases := []string{"append", "segment", "snapshot", "trim", "recovery"}
	hits, done := map[string]int{}, 0
	for round := 0; done < n; round++ {
		dir := filepath.Join(t.TempDir(), "ledger")
		a := &acks{seq: map[string]uint64{}}
		for i := 0; i < 12 && done < n; i++ {
			phase := leastHit(hits, phases)
			if i == 0 && phase == "recovery" {
				phase = "append" // a new ledger has nothing to recover
			}
			killed := killOneIngest(t, r, dir, file, phase, a, hits)
			verified(t, dir, a.max)
			if !killed {
				break // it came to its end before that phase did
			}
			done++
		}
		finishIngest(t, dir, file, want, a)
	}
	for _, p := range slices.Sorted(maps.Keys(hits)) {
		t.Logf("killed in %-10s %d", p, hits[p])
	}
	t.Logf("kills %d, acknowledged lost 0, digest equal to the uninterrupted run", done)
}

func killOneIngest(t *testing.T, r *rand.Rand, dir, file, phase string, a *acks, hits map[string]int) bool {
	t.Helper()
	v := launch(t, append([]string{"ingest", "--ack", "--dir", dir, file}, drillFlags()...)...)
	ended := make(chan struct{})
	var readErr error
	go func() {
		defer close(ended)
		readErr = a.read(v.stdout)
	}()
	nth := 1
	switch phase {
	case "append":
		nth = 1 + r.IntN(12)
	case "segment", "snapshot", "trim":
		nth = 1 + r.IntN(3)
	}
	killed := v.killIn(phase, nth, time.Duration(r.IntN(1500))*time.Microsecond, ended)
	<-ended
	in, tail := v.stopped()
	require.NoError(t, readErr)
	if !killed {
		require.Zero(t, v.cmd.ProcessState.ExitCode(), "%s", tail)
		return false
	}
	if len(in) == 0 {
		in = []string{"between"}
	}
	for _, p := range in {
		hits[p]++
	}
	return true
}

// finishIngest runs the file to its end and compares with the uninterrupted run.
func finishIngest(t *testing.T, dir, file, want string, a *acks) {
	t.Helper()
	out := runVerb(t, 0, "ingest", "--ack", "--quiet", "--dir", dir, file)
	require.NoError(t, a.read(strings.NewReader(out)), "what was acknowledged keeps its seq")
	require.Equal(t, want, verified(t, dir, a.max), "same digest as the uninterrupted run")
	acknowledged := len(a.seq)
	out = runVerb(t, 0, "ingest", "--quiet", "-o", "json", "--dir", dir, file)
	var sum struct{ Read, Applied, Duplicates, Rejected uint64 }
	require.NoError(t, json.Unmarshal([]byte(out), &sum))
	require.Zero(t, sum.Applied, "everything was applied exactly once")
	require.Equal(t, sum.Read, sum.Duplicates)
	require.GreaterOrEqual(t, uint64(acknowledged), sum.Read)
}
