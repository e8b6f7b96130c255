package histories_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/position"
)

// linearEnv makes the test binary run linearChild; its value is the directory.
const linearEnv = "HOLDFAST_LINEAR_CHILD"

const (
	linearClients = 8
	linearKeys    = 4
)

// linearCaller is one of the callers of a process. It writes a line before each
// call and one after it, so that the order of the lines is one in which the
// calls can have happened.
type linearCaller struct {
	l     *holdfast.Ledger
	out   *lineWriter
	rnd   *rand.Rand
	name  string
	known map[string]int64 // newest version that this caller saw of each key
	mine  []linearCall     // appends that it may repeat
}

// lineWriter writes whole lines of many goroutines.
type lineWriter struct {
	mu sync.Mutex
	f  *os.File
}

func (w *lineWriter) line(format string, args ...any) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, _ = fmt.Fprintf(w.f, format+"\n", args...)
}

// linearChild opens the ledger and lets callers work on it until each has made
// its calls. Its standard input names the run, the seed, the calls of each
// caller, and the appends whose outcome is not known from runs before.
func linearChild() int {
	in := bufio.NewScanner(os.Stdin)
	var run, calls int
	var seed uint64
	in.Scan()
	if _, err := fmt.Sscan(in.Text(), &run, &seed, &calls); err != nil {
		fmt.Println("error", err)
		return 1
	}
	var unknown []linearCall
	for in.Scan() {
		var c linearCall
		if _, err := fmt.Sscan(in.Text(), &c.key, &c.id, &c.expect); err != nil {
			fmt.Println("error", err)
			return 1
		}
		unknown = append(unknown, c)
	}
	l, err := holdfast.Open(context.Background(), os.Getenv(linearEnv), holdfast.Options{
		SnapshotInterval: -1, SnapshotEvery: 150, SegmentSize: 16 << 10, Window: 1 << 13, Retain: -1, SnapshotKeep: 2,
	})
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	out := &lineWriter{f: os.Stdout}
	var wg sync.WaitGroup
	for n := range linearClients {
		c := linearCaller{
			l: l, out: out, rnd: rand.New(rand.NewPCG(seed, uint64(run*100+n))), name: fmt.Sprintf("%d-%d", run, n),
			known: map[string]int64{},
		}
		for i := n; i < len(unknown); i += linearClients / 2 { // each by two callers
			c.mine = append(c.mine, unknown[i])
		}
		wg.Go(func() { c.work(calls) })
	}
	wg.Wait()
	if err := l.Close(); err != nil {
		fmt.Println("error", err)
		return 1
	}
	out.line("end")
	return 0
}

func (c *linearCaller) work(calls int) {
	for i := range calls {
		call := linearCall{key: fmt.Sprint("K", c.rnd.IntN(linearKeys)), expect: -1}
		switch n := c.rnd.IntN(10); {
		case n < 3:
		case n < 5 && len(c.mine) > 0:
			call = c.mine[c.rnd.IntN(len(c.mine))]
		default:
			call.id = fmt.Sprintf("%s-%d", c.name, i)
			if version, seen := c.known[call.key]; seen && n < 9 {
				call.expect = version
			}
		}
		c.out.line("call %s %d %s %q %d", c.name, i, call.key, call.id, call.expect)
		reply := c.do(call)
		c.out.line("reply %s %d %s %d %d %d", c.name, i, reply.what, reply.version, reply.qty, reply.first)
		if call.id != "" && c.rnd.IntN(4) == 0 {
			c.mine = append(c.mine, call)
		}
	}
}

// do makes one call. An answer that the ledger must not give is a reply that no
// model takes.
func (c *linearCaller) do(call linearCall) linearReply {
	key := position.Key{Account: "A", Instrument: call.key}
	if call.id == "" {
		p, ok := c.l.Position(key)
		if !ok {
			c.known[call.key] = 0
			return linearReply{what: "read"}
		}
		c.known[call.key] = int64(p.Version)
		var qty int64
		_, _ = fmt.Sscan(p.Qty.String(), &qty)
		return linearReply{what: "read", version: int64(p.Version), qty: qty}
	}
	f := ledgertest.Fill(call.id, key.Account, key.Instrument, position.Buy, "1", "100")
	if call.expect >= 0 {
		version := uint64(call.expect)
		f.ExpectVersion = &version
	}
	r, err := c.l.Apply(context.Background(), f)
	switch {
	case errors.Is(err, holdfast.ErrVersionConflict):
		return linearReply{what: "conflict"}
	case err != nil:
		return linearReply{what: strings.ReplaceAll(fmt.Sprintf("error:%v", err), " ", "_")}
	case r.Duplicate:
		return linearReply{what: "dup", first: r.First}
	}
	c.known[call.key]++ // a guess that others may make wrong
	return linearReply{what: "ok", first: r.First}
}

// TestLinearModel is the sequential specification by example.
func TestLinearModel(t *testing.T) {
	h := newHistory()
	h.take(t, `call a 0 K0 "x" 0`, "reply a 0 ok 0 0 1", `call a 1 K0 "" -1`, "reply a 1 read 1 1 0",
		`call b 0 K0 "y" 0`, "reply b 0 conflict 0 0 0", `call b 1 K0 "x" 7`, "reply b 1 dup 0 0 1")
	h.check(t, true)
	for _, wrong := range [][]string{
		{`call c 0 K0 "" -1`, "reply c 0 read 0 0 0"},     // stale
		{`call c 0 K0 "" -1`, "reply c 0 read 2 2 0"},     // from nowhere
		{`call c 0 K0 "x" -1`, "reply c 0 ok 0 0 0"},      // twice
		{`call c 0 K0 "z" 0`, "reply c 0 ok 0 0 2"},       // over a newer version
		{`call c 0 K0 "z" 1`, "reply c 0 conflict 0 0 0"}, // refused for nothing
		{`call c 0 K0 "z" -1`, "reply c 0 error:x 0 0 0"},
	} {
		g := h.clone()
		g.take(t, wrong...)
		g.check(t, false)
	}
}
