package histories_test

import (
	"bufio"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/ledgertest"
)

// history is what the callers of one ledger asked and were told, over all the
// processes that served it.
type history struct {
	events []porcupine.Event
	open   map[string]int // calls without a reply, by caller and number
	calls  []linearCall   // by event id
	firsts map[string]uint64
	counts map[string]int
}

func newHistory() *history {
	return &history{open: map[string]int{}, firsts: map[string]uint64{}, counts: map[string]int{}}
}

func (h *history) clone() *history {
	return &history{
		events: slices.Clone(h.events), open: maps.Clone(h.open), calls: slices.Clone(h.calls),
		firsts: maps.Clone(h.firsts), counts: maps.Clone(h.counts),
	}
}

// take adds lines of a process to the history.
func (h *history) take(t *testing.T, lines ...string) {
	t.Helper()
	for _, line := range lines {
		var caller string
		var n int
		if strings.HasPrefix(line, "call ") {
			var c linearCall
			_, err := fmt.Sscanf(line, "call %s %d %s %q %d", &caller, &n, &c.key, &c.id, &c.expect)
			require.NoError(t, err, line)
			id := len(h.calls)
			h.calls = append(h.calls, c)
			h.open[caller+"/"+strconv.Itoa(n)] = id
			h.events = append(h.events, porcupine.Event{Kind: porcupine.CallEvent, Value: c, Id: id})
			continue
		}
		var r linearReply
		_, err := fmt.Sscanf(line, "reply %s %d %s %d %d %d", &caller, &n, &r.what, &r.version, &r.qty, &r.first)
		require.NoError(t, err, line)
		name := caller + "/" + strconv.Itoa(n)
		id, ok := h.open[name]
		require.True(t, ok, line)
		delete(h.open, name)
		h.reply(t, id, r)
	}
}

func (h *history) reply(t *testing.T, id int, r linearReply) {
	t.Helper()
	h.counts[r.what]++
	h.events = append(h.events, porcupine.Event{Kind: porcupine.ReturnEvent, Value: r, Id: id})
	if c := h.calls[id]; r.first != 0 {
		if first := h.firsts[c.id]; first != 0 {
			require.Equal(t, first, r.first, "a duplicate is told the record of then")
		}
		h.firsts[c.id] = r.first
	}
}

// crashed ends the calls that got no reply: they happened before the process
// died, or not at all. It returns the appends among them.
func (h *history) crashed(t *testing.T) (unknown []linearCall) {
	t.Helper()
	for _, name := range slices.Sorted(maps.Keys(h.open)) {
		id := h.open[name]
		h.reply(t, id, linearReply{what: "unknown"})
		if c := h.calls[id]; c.id != "" {
			unknown = append(unknown, c)
		}
	}
	h.open = map[string]int{}
	return unknown
}

func (h *history) check(t *testing.T, want bool) {
	t.Helper()
	require.Equal(t, want, linearizable(h.events), "linearizable")
}

// linearRun makes one history: callers of a child process that is killed in the
// middle, a few times, and started again on the same ledger.
func linearRun(t *testing.T, dir string, seed uint64, kills, calls int) *history {
	t.Helper()
	rnd := rand.New(rand.NewPCG(seed, 1))
	h := newHistory()
	var unknown []linearCall
	for run := range kills + 1 {
		var input strings.Builder
		fmt.Fprintln(&input, run, seed, calls/(kills+1)/linearClients)
		for _, c := range unknown {
			fmt.Fprintln(&input, c.key, c.id, c.expect)
		}
		lines := -1 // to the end
		if run < kills {
			lines = 1 + rnd.IntN(2*calls/(kills+1))
		}
		unknown = append(unknown, h.child(t, dir, input.String(), lines)...)
	}
	require.Empty(t, h.open)
	return h
}

// child runs one process and kills it after so many lines.
func (h *history) child(t *testing.T, dir, input string, lines int) (unknown []linearCall) {
	t.Helper()
	exe, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), exe)
	cmd.Env = append(os.Environ(), linearEnv+"="+dir)
	cmd.Stdin, cmd.Stderr = strings.NewReader(input), os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	ended := false
	in := bufio.NewReader(out)
	for n := 0; ; n++ {
		if n == lines {
			require.NoError(t, cmd.Process.Kill()) // what it wrote before is still read
		}
		line, readErr := in.ReadString('\n')
		if readErr != nil {
			break // a line that is not whole was not written before its call
		}
		if line = strings.TrimSpace(line); line == "end" {
			ended = true
			continue
		}
		require.False(t, strings.HasPrefix(line, "error"), line)
		h.take(t, line)
	}
	err = cmd.Wait()
	require.True(t, ended || lines >= 0, "the process ended by itself: %v", err)
	return h.crashed(t)
}

// TestLinearizable lets concurrent callers append with expected versions, repeat
// appends and read, over kills of the process, and checks that some order of all
// calls explains every answer. HOLDFAST_HISTORIES=n makes so many histories of a
// thousand calls; HOLDFAST_SEED repeats one.
func TestLinearizable(t *testing.T) {
	histories, calls := 20, 200
	if n, err := strconv.Atoi(os.Getenv("HOLDFAST_HISTORIES")); err == nil {
		histories, calls = n, 1000
	}
	seed := ledgertest.Seed(t)
	total := map[string]int{}
	kills := 0
	for i := range histories {
		dir := filepath.Join(ledgertest.MemoryDir(t), "ledger")
		h := linearRun(t, dir, seed+uint64(i), i%4, calls)
		require.NoError(t, os.RemoveAll(dir))
		kills += i % 4
		for what, n := range h.counts {
			total[what] += n
		}
		require.True(t, linearizable(h.events), "history of seed %d with %d kills:\n%s", seed+uint64(i), i%4, h)
		if i%100 == 99 {
			t.Log(i+1, "histories", kills, "kills", total)
		}
	}
	t.Log(histories, "histories from seed", seed, kills, "kills", total)
	for _, what := range []string{"ok", "dup", "conflict", "read", "unknown"} {
		require.NotZero(t, total[what], what)
	}
}

// TestLinearizabilityCanFail plants lies into a real history.
func TestLinearizabilityCanFail(t *testing.T) {
	h := linearRun(t, filepath.Join(ledgertest.MemoryDir(t), "ledger"), 7, 1, 400)
	require.True(t, linearizable(h.events))
	planted := map[string]int{}
	for i, e := range h.events {
		r, ok := e.Value.(linearReply)
		if !ok {
			continue
		}
		lie := r
		name := ""
		switch {
		case r.what == "read" && r.version > 20:
			name, lie.version, lie.qty = "stale read", r.version-20, r.qty-20
		case r.what == "ok":
			name, lie.what = "an append is told to have been one before", "dup"
		case r.what == "dup":
			name, lie.what = "applied twice", "ok"
		}
		if name == "" || planted[name] > 5 {
			continue
		}
		planted[name]++
		g := slices.Clone(h.events)
		g[i].Value = lie
		require.False(t, linearizable(g), "%s at event %d", name, i)
	}
	lost := h.clone()
	key := ""
	for i := range slices.Backward(h.calls) {
		if h.calls[i].id != "" {
			key = h.calls[i].key
		}
	}
	lost.take(t, `call z 0 `+key+` "" -1`, "reply z 0 read 0 0 0")
	lost.check(t, false)
	t.Log(planted, "and a lost write: each refused")
	require.Len(t, planted, 3)
}

func (h *history) String() string {
	var b strings.Builder
	for _, e := range h.events {
		fmt.Fprintf(&b, "%d %v\n", e.Id, e.Value)
	}
	return b.String()
}
