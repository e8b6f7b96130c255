package histories_test

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/audit"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/keyring"
	"github.com/moneyprinter/holdfast/position"
)

// schedule is a way to bring the same mutations into a ledger. No two of them
// may end in another state, or tell another history.
type schedule struct {
	Segment   int
	Batch     int  // mutations per ApplyBatch; 0: one at a time
	Async     int  // many in flight instead, waited for after so many; 0: none
	Snapshot  int  // after so many mutations; 0: never
	Trim      bool // behind the newest snapshot
	Reopen    int  // after so many mutations; 0: never
	Kill      int  // goes on with a copy made while some are in flight; 0: never
	Encrypted bool
}

func drawSchedule(r *rand.Rand, trim bool) schedule {
	s := schedule{Segment: 2 << (10 + r.IntN(9)), Encrypted: r.IntN(2) == 1}
	switch r.IntN(3) {
	case 0:
		s.Batch = 1 + r.IntN(60)
	case 1:
		s.Async = 1 + r.IntN(200)
	}
	every := func(n int) int {
		if r.IntN(2) == 0 {
			return 0
		}
		return n/4 + r.IntN(n)
	}
	s.Snapshot, s.Reopen, s.Kill = every(200), every(300), every(300)
	s.Trim = trim && s.Snapshot > 0
	return s
}

// scheduled is one run of a schedule.
type scheduled struct {
	tb  testing.TB
	s   schedule
	o   holdfast.Options
	dir string
	l   *holdfast.Ledger
}

func (s schedule) run(tb testing.TB, rules position.Rules, ms []position.Mutation) (digest [32]byte, changes []string) {
	tb.Helper()
	o := holdfast.Options{
		SnapshotInterval: -1, SnapshotEvery: 1 << 40, SegmentSize: s.Segment, Now: ledgertest.NewClock().Now, Rules: rules, Window: 1 << 14,
		SnapshotKeep: 2, Retain: 1 << 62,
	}
	if s.Trim {
		o.Retain = -1
	}
	if s.Encrypted {
		o.Keys = keyring.New(ledgertest.MasterKey(tb, 7))
	}
	r := &scheduled{tb: tb, s: s, o: o, dir: filepath.Join(ledgertest.MemoryDir(tb), "0")}
	r.l = ledgertest.Open(tb, r.dir, o)
	due := func(n, from, to int) bool { return n > 0 && from/n != to/n }
	for at := 0; at < len(ms); {
		n := min(max(1, s.Batch, s.Async), len(ms)-at)
		if due(s.Kill, at, at+n) {
			r.kill(ms[at : at+n])
		}
		r.apply(ms[at : at+n]) // after a kill, some of them are known
		if due(s.Snapshot, at, at+n) {
			_, err := r.l.Snapshot(tb.Context())
			require.NoError(tb, err)
		}
		if at += n; due(s.Reopen, at-n, at) {
			require.NoError(tb, r.l.Close())
			r.l = ledgertest.Open(tb, r.dir, o)
		}
	}
	digest = r.l.View().Digest()
	require.NoError(tb, r.l.Close())
	r.l = ledgertest.Open(tb, r.dir, o)
	require.Equal(tb, digest, r.l.View().Digest(), "after the last reopening")
	rep, err := r.l.Verify(tb.Context(), audit.Options{Deep: true})
	require.NoError(tb, err)
	require.Empty(tb, rep.Findings)
	changes = told(tb, r.l)
	require.NoError(tb, r.l.Close())
	return digest, changes
}

func (r *scheduled) apply(ms []position.Mutation) {
	r.tb.Helper()
	switch {
	case r.s.Async > 0:
		ledgertest.ApplyAll(r.tb, r.l, ms)
	case r.s.Batch > 0:
		for len(ms) > 0 {
			n := slices.IndexFunc(ms, refolds) // which come alone or first
			if n < 0 {
				n = len(ms)
			}
			n = max(n, 1)
			_, err := r.l.ApplyBatch(r.tb.Context(), ms[:n])
			if errors.Is(err, holdfast.ErrPartlyKnown) { // in flight when it was killed: one by one
				ledgertest.ApplyAll(r.tb, r.l, ms[:n])
			} else {
				require.NoError(r.tb, err)
			}
			ms = ms[n:]
		}
	default:
		for _, m := range ms {
			_, err := r.l.Apply(r.tb.Context(), m)
			require.NoError(r.tb, err)
		}
	}
}

func refolds(m position.Mutation) bool {
	switch m.(type) {
	case position.Bust, position.Correct:
		return true
	}
	return false
}

// kill goes on with what a crash would have left while mutations were in flight:
// of those, some are there and some are not.
func (r *scheduled) kill(ms []position.Mutation) {
	r.tb.Helper()
	var futures []*holdfast.Future
	for _, m := range ms {
		f, err := r.l.ApplyAsync(r.tb.Context(), m)
		require.NoError(r.tb, err)
		futures = append(futures, f)
	}
	n, err := strconv.Atoi(filepath.Base(r.dir))
	require.NoError(r.tb, err)
	next := filepath.Join(filepath.Dir(r.dir), strconv.Itoa(n+1))
	for { // MARK comes before journal/; its replacement may be seen half way
		err = os.CopyFS(next, os.DirFS(r.dir))
		if !errors.Is(err, fs.ErrNotExist) {
			break
		}
		require.NoError(r.tb, os.RemoveAll(next))
	}
	require.NoError(r.tb, err)
	for _, f := range futures {
		_, err = f.Wait(r.tb.Context())
		require.NoError(r.tb, err)
	}
	require.NoError(r.tb, r.l.Close())
	require.NoError(r.tb, os.RemoveAll(r.dir))
	r.dir = next
	r.l = ledgertest.Open(r.tb, r.dir, r.o)
}

// told is the history that a ledger tells, without the numbers of records, which
// depend on how often it was opened.
func told(tb testing.TB, l *holdfast.Ledger) (out []string) {
	tb.Helper()
	for e, err := range l.History(tb.Context(), holdfast.Filter{Records: true}) {
		require.NoError(tb, err)
		c := e.Change
		if c.Kind == position.EpochBegun {
			continue
		}
		c.Prev, c.Fill = 0, 0
		if c.After != nil {
			after := *c.After
			after.Seq = 0
			c.After = &after
		}
		out = append(out, string(position.AppendChangeJSON(nil, position.Stamp{}, &c)))
	}
	return out
}

// marketMutations are those of the market simulator.
func marketMutations(t *testing.T, n int) (out []position.Mutation) {
	t.Helper()
	f, err := os.Open(filepath.Join("..", "..", "..", "testdata", "market.ndjson"))
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	for in := bufio.NewScanner(f); in.Scan() && len(out) < n; {
		m, err := position.UnmarshalMutation(in.Bytes())
		require.NoError(t, err)
		out = append(out, m)
	}
	return out
}

// drawMutations makes mutations of most kinds over a few keys. Some may be
// refused.
func drawMutations(r *rand.Rand, n int, busts bool) (out []position.Mutation) {
	var fills []position.Fill
	dec := func(n int) *position.Decimal {
		d := position.FromInt(int64(n))
		return &d
	}
	for i := range n {
		meta := position.Meta{Ident: "m-" + strconv.Itoa(i), Time: position.Time(1_700_000_000_000_000_000 + i)}
		key := position.Key{Account: "A" + strconv.Itoa(r.IntN(3)), Instrument: "I" + strconv.Itoa(r.IntN(3))}
		var m position.Mutation
		switch k := r.IntN(40); {
		case k < 2:
			m = position.Mark{Meta: meta, Instrument: key.Instrument, Price: *dec(90 + r.IntN(20))}
		case k < 4:
			m = position.Charge{Meta: meta, Key: key, Kind: position.Funding, Amount: *dec(r.IntN(9) - 4), Currency: "USD"}
		case k < 5:
			m = position.Amend{Meta: meta, Key: key, Stop: dec(80 + r.IntN(9)), Tags: []string{"t" + strconv.Itoa(r.IntN(3))}}
		case k < 6 && i%50 == 0:
			m = position.Split{Meta: meta, Instrument: key.Instrument, Ratio: *dec(2)}
		case k < 7:
			m = position.Adopt{Meta: meta, Key: key, Qty: *dec(1 + r.IntN(9)), Price: dec(100), Reason: "agreed"}
		case k < 8:
			m = position.Transfer{Meta: meta, Key: key, ToAccount: "B"}
		case k < 10 && busts && len(fills) > 0:
			f := fills[r.IntN(len(fills))]
			m = position.Bust{Meta: meta, Key: f.Key, Fill: f.Ident, Reason: "venue"}
		case k < 12 && busts && len(fills) > 0:
			f := fills[r.IntN(len(fills))]
			m = position.Correct{Meta: meta, Key: f.Key, Fill: f.Ident, Side: f.Side, Qty: f.Qty, Price: *dec(95), Fee: f.Fee}
		default:
			f := position.Fill{Meta: meta, Key: key, Side: position.Buy, Qty: *dec(1 + r.IntN(5)), Price: *dec(90 + r.IntN(20)), Fee: position.MustParse("0.01")}
			if r.IntN(2) == 0 {
				f.Side = position.Sell
			}
			fills = append(fills, f)
			m = f
		}
		out = append(out, m)
	}
	return out
}

// accepted are the mutations that a ledger takes one after the other, so that a
// refusal is no matter of the schedule.
func accepted(t *testing.T, rules position.Rules, ms []position.Mutation) (out []position.Mutation) {
	t.Helper()
	o := ledgertest.Quiet()
	o.Rules = rules
	l := ledgertest.Open(t, filepath.Join(ledgertest.MemoryDir(t), "ledger"), o)
	for _, m := range ms {
		if _, err := l.Apply(t.Context(), m); err == nil {
			out = append(out, m)
		}
	}
	require.NoError(t, l.Close())
	return out
}

// TestSameUnderEverySchedule brings the same mutations into ledgers of other
// segment sizes, groups, snapshots, trims, reopenings and kills. HOLDFAST_SCHEDULES=n
// draws so many schedules per workload; HOLDFAST_SEED repeats a draw.
func TestSameUnderEverySchedule(t *testing.T) {
	schedules, n := 3, 300
	if m, err := strconv.Atoi(os.Getenv("HOLDFAST_SCHEDULES")); err == nil {
		schedules, n = m, 3000
	}
	seed := ledgertest.Seed(t)
	t.Log("seed", seed)
	r := rand.New(rand.NewPCG(seed, 5))
	for _, w := range []struct {
		name   string
		method position.CostMethod
		trim   bool
		ms     []position.Mutation
	}{
		{"market", position.Average, true, marketMutations(t, n)},
		{"drawn, fifo", position.FIFO, true, drawMutations(r, n, false)},
		{"drawn, average, busts", position.Average, false, drawMutations(r, n, true)},
		{"drawn, lifo, busts", position.LIFO, false, drawMutations(r, n, true)},
	} {
		t.Run(w.name, func(t *testing.T) {
			rules := position.Rules{CostMethod: w.method}
			ms := accepted(t, rules, w.ms)
			require.Greater(t, len(ms), n/2)
			digest, changes := schedule{Segment: 1 << 20}.run(t, rules, ms)
			require.GreaterOrEqual(t, len(changes), len(ms))
			for range schedules {
				s := drawSchedule(r, w.trim)
				d, c := s.run(t, rules, ms)
				require.Equal(t, digest, d, "%+v", s)
				if !s.Trim {
					require.Len(t, c, len(changes), "%+v", s)
				}
				require.LessOrEqual(t, len(c), len(changes))
				require.Equal(t, changes[len(changes)-len(c):], c, "%+v", s)
			}
			t.Logf("%d mutations, %d changes, %d schedules, digest %s", len(ms), len(changes), schedules, fmt.Sprintf("%.8x", digest))
		})
	}
}
