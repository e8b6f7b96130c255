package projector_test

import (
	"bytes"
	"fmt"
	"iter"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/sample"
	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// newRand returns a seeded generator and says its seed.
func newRand(tb testing.TB) *rand.Rand {
	tb.Helper()
	seed := rand.Uint64()
	tb.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

func dec(s string) position.Decimal { return position.MustParse(s) }

func key(account, instrument string) position.Key {
	return position.Key{Account: account, Instrument: instrument}
}

func fill(id string, k position.Key, side position.Side, qty, price string, at position.Time) position.Fill {
	return position.Fill{
		Meta: position.Meta{Ident: id, Time: at}, Key: k,
		Side: side, Qty: dec(qty), Price: dec(price), Fee: dec("0.01"),
	}
}

func mark(id, instrument, price string, at position.Time) position.Mark {
	return position.Mark{Meta: position.Meta{Ident: id, Time: at}, Instrument: instrument, Price: dec(price)}
}

func define(id, instrument string, terms position.Terms, at position.Time) position.DefineInstrument {
	return position.DefineInstrument{Meta: position.Meta{Ident: id, Time: at}, Instrument: instrument, Terms: terms}
}

// scribe does what a ledger does with a book, and keeps the records.
type scribe struct {
	book    *projector.Book
	prints  position.FingerprintKey
	records []projector.Record
	epoch   uint64
	clock   position.Time
	thrifty bool // gives back what is published, as a ledger does
}

func newScribe(o projector.Options) *scribe {
	l := &scribe{clock: 1_000_000, prints: o.Prints}
	l.book = projector.New(l.options(o))
	l.begin(position.ArithmeticVersion)
	return l
}

// options lets a book look up what the scribe has recorded.
func (l *scribe) options(o projector.Options) projector.Options {
	o.History = func(key position.Key, fill string, first, head uint64) (*position.History, error) {
		return historyIn(l.records[:head], key, fill, first)
	}
	return o
}

// historyIn reads a history from records that begin with the first one.
func historyIn(records []projector.Record, key position.Key, fill string, first uint64) (*position.History, error) {
	var d wire.Decoder
	var h *position.History
	for i, r := range records {
		c, err := d.Change(r.Payload)
		if err != nil {
			return nil, err
		}
		f, ok := c.Cause.(position.Fill)
		if ok && f.Key == key && f.Ident == fill && c.Part == 0 && (first == 0 || r.Seq == first) {
			h = &position.History{Seq: r.Seq}
			if err = before(h, key, slices.Clone(records[:i])); err != nil {
				return nil, err
			}
		}
		if h == nil {
			continue
		}
		mk, of := c.Cause.(position.Mark)
		of = of && mk.Instrument == key.Instrument || c.After != nil && c.After.Key == key || c.Instrument != nil && c.Instrument.Name == key.Instrument
		if n := len(h.Mutations); of && (n == 0 || h.Mutations[n-1].ID() != c.Cause.ID()) {
			h.Mutations = append(h.Mutations, c.Cause)
		}
		if tr, is := c.Cause.(position.Transfer); is && tr.To() == key {
			h.Transfers = append(h.Transfers, c)
		}
	}
	if h == nil {
		return nil, fmt.Errorf("%w: %q", position.ErrUnknownFill, fill)
	}
	return h, nil
}

// before sets what the records come to, which may end inside a batch.
func before(h *position.History, key position.Key, records []projector.Record) error {
	records[len(records)-1].More = false
	b := projector.New(projector.Options{})
	if err := b.Replay(stream(records), projector.Until{}); err != nil {
		return err
	}
	if p, ok := b.Position(key); ok {
		h.Position = &p
	}
	if in, ok := b.View().Instrument(key.Instrument); ok {
		h.Instrument = &in
	}
	return nil
}

func (l *scribe) apply(tb testing.TB, ms ...position.Mutation) *projector.Staged {
	tb.Helper()
	s, err := l.try(ms, false)
	require.NoError(tb, err)
	return s
}

// try stages, records, accepts and publishes.
func (l *scribe) try(ms []position.Mutation, insist bool) (*projector.Staged, error) {
	l.clock += 7
	s, err := l.book.Stage(l.clock, ms, insist)
	if err != nil {
		return nil, err
	}
	l.commit(s)
	return s, nil
}

func (l *scribe) begin(arithmetic uint32) {
	l.clock += 7
	l.epoch++
	l.commit(l.book.StageEpoch(l.clock, l.epoch, position.Epoch{Build: "test", Arithmetic: arithmetic, Salt: [16]byte{byte(l.epoch)}, Identity: sample.Identity(), Prints: l.prints}))
}

func (l *scribe) commit(s *projector.Staged) {
	l.note(s)
	l.book.Accept(s)
	l.book.Publish(s)
	if l.thrifty {
		l.book.Reuse(s)
	}
}

func (l *scribe) note(s *projector.Staged) {
	head := l.book.Head()
	for i := range s.Changes {
		l.records = append(l.records, projector.Record{
			Stamp:   position.Stamp{Seq: head + 1 + uint64(i), Epoch: l.epoch, Time: s.At},
			More:    i < len(s.Changes)-1,
			Payload: wire.AppendChange(nil, &s.Changes[i]),
		})
	}
}

// as asserts a type that the test itself has made sure of.
func as[T any](tb testing.TB, v any) T {
	tb.Helper()
	out, ok := v.(T)
	require.Truef(tb, ok, "%T", v)
	return out
}

// stream yields records the way the journal does: with payloads that stay as they
// are.
func stream(records []projector.Record) iter.Seq2[projector.Record, error] {
	return func(yield func(projector.Record, error) bool) {
		for _, r := range records {
			if !yield(r, nil) {
				return
			}
		}
	}
}

// body is everything that a book has published: two books with the same body
// cannot be told apart.
func body(tb testing.TB, b *projector.Book) []byte {
	tb.Helper()
	var buf bytes.Buffer
	n, err := b.View().WriteTo(&buf)
	require.NoError(tb, err)
	require.EqualValues(tb, buf.Len(), n)
	return buf.Bytes()
}

// trader makes random mutations: few keys, so that they collide, go flat, flip
// and are marked all the time.
type trader struct {
	rnd  *rand.Rand
	n    int
	past []position.Mutation
}

func (x *trader) id() position.Meta {
	x.n++
	// Event times run out of order, and rarely far behind.
	at := position.Time(1000 + x.n*10 - x.rnd.IntN(60))
	if x.rnd.IntN(50) == 0 {
		at = position.Time(x.rnd.IntN(1000) + 1)
	}
	return position.Meta{Ident: fmt.Sprintf("m-%d", x.n), Time: at}
}

func (x *trader) key() position.Key {
	return position.Key{
		Account:    fmt.Sprintf("A%d", x.rnd.IntN(3)),
		Instrument: x.instrument(),
		Strategy:   []string{"", "s"}[x.rnd.IntN(2)],
		Leg:        []string{"", "", "long"}[x.rnd.IntN(3)],
	}
}

func (x *trader) instrument() string {
	return []string{"LIN", "INV", "SPOT", "UNDEF", "OTHER"}[x.rnd.IntN(5)]
}

func (x *trader) number(limit int) position.Decimal {
	return dec(fmt.Sprintf("%d.%d", x.rnd.IntN(limit)+1, x.rnd.IntN(100)))
}

func (x *trader) mutation() position.Mutation {
	m := x.any()
	x.past = append(x.past, m)
	return m
}

func (x *trader) any() position.Mutation {
	switch x.rnd.IntN(20) {
	case 0, 1, 2:
		return position.Mark{Meta: x.id(), Instrument: x.instrument(), Price: x.number(200)}
	case 3:
		kind := position.ChargeKind(x.rnd.IntN(5))
		return position.Charge{Meta: x.id(), Key: x.key(), Kind: kind, Amount: x.number(3).Neg(), Currency: []string{"USD", "XBT"}[x.rnd.IntN(2)]}
	case 4:
		return position.Charge{
			Meta: x.id(), Key: position.Key{Account: fmt.Sprintf("A%d", x.rnd.IntN(4))},
			Kind: position.Cash, Amount: x.number(1000), Currency: "USD",
		}
	case 5:
		stop := x.number(50)
		return position.Amend{Meta: x.id(), Key: x.key(), Stop: &stop, Tags: []string{"t"}, Metadata: map[string]string{"a": fmt.Sprint(x.n)}}
	case 6:
		return x.definition()
	case 7, 8:
		return x.amendment()
	case 9, 10:
		return x.move()
	}
	f := position.Fill{Meta: x.id(), Key: x.key(), Side: position.Buy, Qty: dec(fmt.Sprint(x.rnd.IntN(3) + 1)), Price: x.number(200), Fee: dec("0.01")}
	if x.rnd.IntN(2) == 0 {
		f.Side = position.Sell
	}
	if x.rnd.IntN(20) == 0 {
		v := uint64(x.rnd.IntN(3))
		f.ExpectVersion = &v
	}
	if x.rnd.IntN(20) == 0 {
		f.Lot = &position.LotRef{Label: fmt.Sprintf("m-%d", x.n-x.rnd.IntN(20))}
	}
	return f
}

// amendment busts or corrects a fill of late, rarely one that never was.
func (x *trader) amendment() position.Mutation {
	f := position.Fill{Meta: position.Meta{Ident: "never"}, Key: x.key(), Side: position.Buy, Qty: dec("1"), Price: dec("1")}
	for range 30 {
		if len(x.past) == 0 {
			break
		}
		m := x.past[len(x.past)-1-x.rnd.IntN(min(len(x.past), 60))]
		if p, ok := m.(position.Fill); ok {
			f = p
			break
		}
	}
	if x.rnd.IntN(2) == 0 {
		return position.Bust{Meta: x.id(), Key: f.Key, Fill: f.Ident, Reason: "bust"}
	}
	return position.Correct{
		Meta: x.id(), Key: f.Key, Fill: f.Ident, Side: f.Side,
		Qty: dec(fmt.Sprint(x.rnd.IntN(3) + 1)), Price: x.number(200), Fee: dec("0.02"), Reason: "correct",
	}
}

// move is what changes positions without a fill.
func (x *trader) move() position.Mutation {
	k := x.key()
	switch x.rnd.IntN(6) {
	case 0:
		s := position.Split{Meta: x.id(), Instrument: k.Instrument, Ratio: dec(fmt.Sprint(x.rnd.IntN(3) + 1)), Per: dec(fmt.Sprint(x.rnd.IntN(3) + 1))}
		if x.rnd.IntN(2) == 0 {
			price := x.number(50)
			s.Increment, s.CashPrice = dec("1"), &price
		}
		return s
	case 1:
		if x.rnd.IntN(3) == 0 {
			return position.Settle{Meta: x.id(), Instrument: k.Instrument, Reason: position.WriteOff}
		}
		return position.Settle{Meta: x.id(), Instrument: k.Instrument, Price: x.number(100)}
	case 2, 3:
		to := x.key()
		tr := position.Transfer{Meta: x.id(), Key: k, ToAccount: to.Account, ToStrategy: to.Strategy, ToLeg: to.Leg}
		if tr.To() == k {
			tr.ToStrategy = "other"
		}
		if x.rnd.IntN(2) == 0 {
			tr.Qty = dec("1")
		}
		return tr
	case 4:
		return position.Adjust{Meta: x.id(), Key: k, Qty: x.number(2), Funding: dec("1"), Reason: "adjust"}
	}
	price := x.number(100)
	a := position.Adopt{Meta: x.id(), Key: k, Qty: x.number(4), Price: &price, Reason: "adopt"}
	switch x.rnd.IntN(3) {
	case 0:
		a.Qty = a.Qty.Neg()
	case 1:
		a.Qty, a.Price = position.Decimal{}, nil
	}
	return a
}

func (x *trader) definition() position.Mutation {
	d := position.DefineInstrument{Meta: x.id(), Instrument: x.instrument()}
	switch d.Instrument {
	case "INV":
		d.Terms = position.Terms{Kind: position.Inverse, Base: "XBT", Quote: "USD", Settlement: "XBT"}
	case "SPOT":
		d.Terms = position.Terms{Kind: position.Spot, Base: "BTC", Quote: "USD", CostMethod: position.FIFO}
	default:
		d.Terms = position.Terms{Multiplier: dec(fmt.Sprint(x.rnd.IntN(2) + 1)), Quote: "USD", CostMethod: position.CostMethod(x.rnd.IntN(5) + 1)}
	}
	return d
}

// batch returns one mutation, several, or some of the past again.
func (x *trader) batch() []position.Mutation {
	switch x.rnd.IntN(10) {
	case 0, 1, 2:
		ms := make([]position.Mutation, x.rnd.IntN(5)+2)
		for i := range ms {
			ms[i] = x.mutation()
		}
		return ms
	case 3:
		if len(x.past) > 0 {
			return []position.Mutation{x.past[len(x.past)-1-x.rnd.IntN(min(len(x.past), 40))]}
		}
	}
	return []position.Mutation{x.mutation()}
}

// work applies n random batches, some of which are refused, and begins an epoch
// now and then.
func (l *scribe) work(rnd *rand.Rand, n int, each func(ms []position.Mutation, s *projector.Staged, err error)) {
	x := &trader{rnd: rnd, n: len(l.records)}
	for range n {
		if rnd.IntN(40) == 0 {
			l.begin(position.ArithmeticVersion)
		}
		ms := x.batch()
		s, err := l.try(ms, rnd.IntN(30) == 0)
		if each != nil {
			each(ms, s, err)
		}
	}
}
