package projector_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

func TestRecomputeConfirmsWhatWasStaged(t *testing.T) {
	o := projector.Options{Window: 60}
	h := record(t, o, 300)
	last := len(h.bodies) - 1
	o = h.scribe.options(o)
	b := projector.New(o)
	require.NoError(t, b.Recompute(stream(h.scribe.records)))
	h.require(t, last, b)
	for i := 1; i <= last; i += 17 {
		if h.bodies[i] == nil {
			continue
		}
		b, err := projector.Load(bytes.NewReader(h.bodies[i]), o)
		require.NoError(t, err)
		require.NoError(t, b.Recompute(stream(h.scribe.records[h.ends[i-1].Seq:])))
		h.require(t, last, b)
	}
}

// TestRecomputeFindsWrongArithmetic changes every record in turn as a wrong
// build would have written it, and wants the very seq.
func TestRecomputeFindsWrongArithmetic(t *testing.T) {
	o := projector.Options{Window: 1000}
	l := newScribe(o)
	l.work(newRand(t), 120, nil)
	o = l.options(o)
	var d wire.Decoder
	planted := 0
	for i, r := range l.records {
		c, err := d.Change(r.Payload)
		require.NoError(t, err)
		ulp := dec("0.000000000000000001")
		switch {
		case c.After != nil:
			c.After.Cost, err = c.After.Cost.Add(ulp)
			require.NoError(t, err)
		case c.Instrument != nil:
			c.Instrument.Version++
		case c.Account != nil:
			c.Account.Version++
		default:
			continue
		}
		planted++
		records := slices.Clone(l.records)
		records[i].Payload = wire.AppendChange(nil, &c)
		require.NoError(t, projector.New(o).Replay(stream(records), projector.Until{}), "a replay believes it")
		err = projector.New(o).Recompute(stream(records))
		require.ErrorIs(t, err, projector.ErrMismatch)
		var m *projector.MismatchError
		require.ErrorAs(t, err, &m)
		require.Equal(t, r.Seq, m.Seq, err)
		require.Equal(t, records[i].Payload, m.Recorded)
		require.Equal(t, r.Payload, m.Computed)
	}
	require.Greater(t, planted, 50)
}

func TestRecomputeFindsOtherLies(t *testing.T) {
	o := projector.Options{}
	l := newScribe(o)
	k := key("A", "X")
	l.apply(t, fill("1", k, position.Buy, "1", "10", 1))
	l.apply(t, fill("2", k, position.Sell, "3", "10", 2)) // flips: records 3 and 4
	l.apply(t, fill("3", k, position.Buy, "1", "10", 3))
	var d wire.Decoder
	edit := func(i int, f func(c *position.Change)) func(rs []projector.Record) []projector.Record {
		return func(rs []projector.Record) []projector.Record {
			c, err := d.Change(rs[i].Payload)
			require.NoError(t, err)
			f(&c)
			rs[i].Payload = wire.AppendChange(nil, &c)
			return rs
		}
	}
	cases := map[string]struct {
		bend   func(rs []projector.Record) []projector.Record
		seq    uint64
		reason string
	}{
		"more changes than recorded": {func(rs []projector.Record) []projector.Record {
			rs = edit(2, func(c *position.Change) { c.Parts = 1 })(rs)
			rs[2].More = false
			return rs[:3]
		}, 3, "another change"},
		"fewer changes than recorded": {func(rs []projector.Record) []projector.Record {
			rs = edit(4, func(c *position.Change) { c.Parts = 2 })(rs)
			rs[4].More = true
			next := rs[4]
			next.Seq, next.More = 6, false
			return edit(5, func(c *position.Change) { c.Part = 1 })(append(rs, next))
		}, 5, "another change"},
		"recorded twice": {func(rs []projector.Record) []projector.Record {
			next := rs[4]
			next.Seq = 6
			return append(rs, next)
		}, 6, "record 5 did it"},
		"a cause that is refused": {edit(4, func(c *position.Change) {
			f := as[position.Fill](t, c.Cause)
			f.Qty, f.Price = dec("100000000000000000000"), dec("100000000000000000000")
			c.Cause = f
		}), 5, "out of range"},
		"a cause without form": {edit(4, func(c *position.Change) {
			f := as[position.Fill](t, c.Cause)
			f.Qty = dec("-1")
			c.Cause = f
		}), 5, "qty must be positive"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			err := projector.New(o).Recompute(stream(c.bend(slices.Clone(l.records))))
			require.ErrorIs(t, err, projector.ErrMismatch)
			var m *projector.MismatchError
			require.ErrorAs(t, err, &m)
			require.Equal(t, c.seq, m.Seq, err)
			require.ErrorContains(t, err, c.reason)
		})
	}
	half := slices.Clone(l.records)
	half[3].Payload = []byte{0xff}
	var at *projector.RecordError
	require.ErrorAs(t, projector.New(o).Recompute(stream(half)), &at, "half a batch is not compared")
	require.EqualValues(t, 4, at.Seq)

	// Without an epoch record the stamps alone tell the epoch.
	late := slices.Clone(l.records[1:])
	for i := range late {
		late[i].Seq--
		edit(i, func(c *position.Change) { c.Prev = late[i].Seq - 1 })(late)
	}
	replayed, recomputed := projector.New(o), projector.New(o)
	require.NoError(t, replayed.Replay(stream(late), projector.Until{}))
	require.NoError(t, recomputed.Recompute(stream(late)))
	require.Equal(t, body(t, replayed), body(t, recomputed))
	epoch, era := replayed.View().Epoch()
	require.EqualValues(t, 1, epoch)
	require.Nil(t, era)
}

func TestRecomputeNamesArithmeticItDoesNotKnow(t *testing.T) {
	o := projector.Options{}
	l := newScribe(o)
	k := key("A", "X")
	l.apply(t, fill("1", k, position.Buy, "1", "10", 1))
	l.begin(position.ArithmeticVersion + 1)
	l.apply(t, fill("2", k, position.Buy, "1", "10", 2))
	b := projector.New(o)
	err := b.Recompute(stream(l.records))
	require.ErrorIs(t, err, projector.ErrNotRecomputable)
	require.ErrorContains(t, err, "record 3")
	require.NotErrorIs(t, err, projector.ErrMismatch)

	// Replay assigns, so it does not care; and the snapshot remembers.
	require.NoError(t, projector.New(o).Replay(stream(l.records), projector.Until{}))
	b, err = projector.Load(bytes.NewReader(body(t, l.book)), o)
	require.NoError(t, err)
	l2 := &scribe{book: b, epoch: l.epoch, clock: l.clock}
	l2.apply(t, fill("3", k, position.Buy, "1", "10", 3))
	b, err = projector.Load(bytes.NewReader(body(t, l.book)), o)
	require.NoError(t, err)
	require.ErrorIs(t, b.Recompute(stream(l2.records)), projector.ErrNotRecomputable)
}

// TestRecomputeByTheArithmeticOfEachEpoch: what an older build wrote is folded by
// its rules, and what this one has written after it by the present ones.
func TestRecomputeByTheArithmeticOfEachEpoch(t *testing.T) {
	k := key("A", "ETHEUR")
	spot := func(id, base string, policy position.BaseFee) position.Mutation {
		return position.DefineInstrument{
			Meta: position.Meta{Ident: id, Time: 1}, Instrument: k.Instrument,
			Terms: position.Terms{Kind: position.Spot, Base: base, Quote: "EUR", BaseFee: policy},
		}
	}
	paid := func(id string) position.Mutation {
		return position.Charge{Meta: position.Meta{Ident: id, Time: 1}, Key: k, Kind: position.FeeCharge, Amount: dec("-0.1"), Currency: "ETH"}
	}
	trade := func(l *scribe, id string) {
		l.apply(t, fill(id+"b", k, position.Buy, "1", "10", 1))
		l.apply(t, paid(id+"c"))
		l.apply(t, fill(id+"s", k, position.Sell, "1", "11", 1))
	}
	var last *position.Position
	var records []projector.Record
	b, clock := projector.New(projector.Options{}), position.Time(0)
	for arithmetic := uint32(1); arithmetic <= position.ArithmeticVersion; arithmetic++ {
		rules, known := position.Rules{}.Under(arithmetic)
		require.True(t, known)
		var err error
		b, err = projector.Load(bytes.NewReader(body(t, b)), projector.Options{Rules: rules})
		require.NoError(t, err)
		l := &scribe{book: b, clock: clock, epoch: uint64(arithmetic)}
		l.begin(arithmetic)
		for i, base := range []string{"ETH", "XBT", "ETH"} {
			id := fmt.Sprintf("%d-%d", arithmetic, i)
			l.apply(t, spot(id, base, position.BaseFee(i/2)))
			trade(l, id)
		}
		records, clock = append(records, l.records...), l.clock
		p, ok := b.View().Position(k)
		require.True(t, ok)
		last = &p
	}
	require.NotEmpty(t, last.Totals.Fees)
	again := projector.New(projector.Options{})
	require.NoError(t, again.Recompute(stream(records)))
	p, ok := again.View().Position(k)
	require.True(t, ok)
	require.Equal(t, *last, p)
}

// TestEpochInsideABatch: a writer may put the record that begins its epoch in
// front of its first batch.
func TestEpochInsideABatch(t *testing.T) {
	o := projector.Options{}
	l := newScribe(o)
	k := key("A", "X")
	l.apply(t, fill("1", k, position.Buy, "1", "10", 1), fill("2", k, position.Buy, "1", "10", 2))
	l.begin(position.ArithmeticVersion)
	l.apply(t, fill("3", k, position.Buy, "1", "10", 3), fill("4", k, position.Buy, "1", "10", 4))
	l.records[0].More, l.records[3].More = true, true
	b := projector.New(o)
	require.NoError(t, b.Recompute(stream(l.records)))
	require.Equal(t, body(t, l.book), body(t, b))
	b = projector.New(o)
	require.NoError(t, b.Replay(stream(l.records), projector.Until{Seq: 5}))
	require.EqualValues(t, 3, b.Head())
}

// TestTermsOfEarlierBuilds: a definition that is refused today, and that a journal
// holds, is replayed, recomputed and ordered by event time as it was folded.
func TestTermsOfEarlierBuilds(t *testing.T) {
	o := projector.Options{}
	l := newScribe(o)
	d := define("d", "Q", position.Terms{Kind: position.Inverse, Quote: "USD"}, 1)
	require.ErrorIs(t, d.Validate(), position.ErrInvalid)
	k := key("A", "Q")
	l.apply(t, d)
	l.apply(t, fill("1", k, position.Buy, "100", "50000", 2))
	require.NoError(t, projector.New(o).Replay(stream(l.records), projector.Until{}))
	require.NoError(t, projector.New(o).Recompute(stream(l.records)))
	v, refused, err := projector.EventOrder(o, nil, stream(l.records), 0)
	require.NoError(t, err)
	require.Empty(t, refused)
	p, ok := v.Position(k)
	require.True(t, ok)
	require.Equal(t, "0.002", p.Cost.String(), "inverse, not linear by default")
	require.Equal(t, "USD", p.Terms.Settlement)
}

// TestRecomputeByTheArithmeticOfTheEpoch: what a build of arithmetic 1 has written
// is recomputed by arithmetic 1, and what followed by the newest, busts of old
// fills included; either under the other's name is a mismatch.
func TestRecomputeByTheArithmeticOfTheEpoch(t *testing.T) {
	a, b := key("A", "X"), key("B", "X")
	stop := dec("90")
	story := func(l *scribe, n string) {
		l.apply(t, fill("0"+n, a, position.Buy, "1", "100", 1), fill("1"+n, a, position.Buy, "4", "100", 1))
		l.apply(t, position.Amend{Meta: position.Meta{Ident: "2" + n, Time: 1}, Key: a, Stop: &stop})
		l.apply(t, mark("3"+n, "X", "500", 1), mark("4"+n, "X", "100", 1))
		l.apply(t, fill("5"+n, b, position.Sell, "2", "100", 2))
		l.apply(t, position.Transfer{Meta: position.Meta{Ident: "6" + n, Time: 3}, Key: a, ToAccount: "B", Qty: dec("1")})
		l.apply(t, position.Split{Meta: position.Meta{Ident: "7" + n, Time: l.clock}, Instrument: "X", Ratio: dec("10")})
	}
	old := &scribe{clock: 1_000_000}
	first, ok := position.Rules{}.Under(1)
	require.True(t, ok)
	o := projector.Options{Rules: first}
	old.book = projector.New(old.options(o))
	old.begin(1)
	story(old, "a")
	p, _ := old.book.Position(a)
	require.Equal(t, stop, p.Conditions.Stop)
	p, _ = old.book.Position(b)
	require.Equal(t, "50", p.High.String(), "500 before the split")

	l := &scribe{clock: old.clock, epoch: old.epoch, records: old.records}
	l.book = projector.New(l.options(projector.Options{}))
	require.NoError(t, l.book.Replay(stream(l.records), projector.Until{}))
	l.begin(position.ArithmeticVersion)
	l.apply(t, position.Bust{Meta: position.Meta{Ident: "z", Time: 9}, Key: a, Fill: "0a"})
	p, _ = l.book.Position(a)
	require.Equal(t, "30", p.Qty.String())
	require.Equal(t, "9", p.Conditions.Stop.String(), "a bust folds the split by the newest arithmetic")
	story(l, "b")
	whole := projector.New(l.options(projector.Options{}))
	require.NoError(t, whole.Recompute(stream(l.records)))
	require.Equal(t, body(t, l.book), body(t, whole))
	s, err := whole.Stage(l.clock+7, []position.Mutation{position.Split{Meta: position.Meta{Ident: "s", Time: l.clock + 7}, Instrument: "X", Ratio: dec("2")}}, false)
	require.NoError(t, err)
	for i := range s.Changes {
		if after := s.Changes[i].After; after != nil && after.Key == a {
			require.NotEqual(t, p.Conditions.Stop, after.Conditions.Stop, "what is staged then is folded by the newest")
		}
	}

	for _, arithmetic := range []uint32{1, position.ArithmeticVersion} {
		mixed := slices.Clone(l.records)
		var d wire.Decoder
		for i, r := range mixed {
			c, err := d.Change(r.Payload)
			require.NoError(t, err)
			if c.Epoch != nil {
				c.Epoch.Arithmetic = arithmetic
				mixed[i].Payload = wire.AppendChange(nil, &c)
			}
		}
		require.ErrorIs(t, projector.New(l.options(projector.Options{})).Recompute(stream(mixed)), projector.ErrMismatch)
	}
}
