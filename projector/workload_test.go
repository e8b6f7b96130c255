package projector_test

import (
	"bytes"
	"fmt"
	"iter"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

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
	records []projector.Record
	epoch   uint64
	clock   position.Time
}

func newScribe(o projector.Options) *scribe {
	l := &scribe{book: projector.New(o), clock: 1_000_000}
	l.begin(position.ArithmeticVersion)
	return l
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
	l.commit(l.book.StageEpoch(l.clock, l.epoch, position.Epoch{Build: "test", Arithmetic: arithmetic, Salt: [16]byte{byte(l.epoch)}}))
}

func (l *scribe) commit(s *projector.Staged) {
	l.note(s)
	l.book.Accept(s)
	l.book.Publish(s)
}

func (l *scribe) note(s *projector.Staged) {
	head := l.book.Head()
	for i := range s.Changes {
		l.records = append(l.records, projector.Record{
			Stamp:   position.Stamp{Seq: head + 1 + uint64(i), Epoch: l.epoch, Time: s.At},
			More:    i < len(s.Changes)-1,
			Payload: position.AppendChange(nil, &s.Changes[i]),
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

// stream yields records the way the journal may: with one payload buffer.
func stream(records []projector.Record) iter.Seq2[projector.Record, error] {
	return func(yield func(projector.Record, error) bool) {
		var room []byte
		for _, r := range records {
			room = append(room[:0], r.Payload...)
			r.Payload = room
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
	switch x.rnd.IntN(12) {
	case 0, 1:
		return position.Mark{Meta: x.id(), Instrument: x.instrument(), Price: x.number(200)}
	case 2:
		kind := position.ChargeKind(x.rnd.IntN(5))
		return position.Charge{Meta: x.id(), Key: x.key(), Kind: kind, Amount: x.number(3).Neg(), Currency: []string{"USD", "XBT"}[x.rnd.IntN(2)]}
	case 3:
		return position.Charge{
			Meta: x.id(), Key: position.Key{Account: fmt.Sprintf("A%d", x.rnd.IntN(4))},
			Kind: position.Cash, Amount: x.number(1000), Currency: "USD",
		}
	case 4:
		stop := x.number(50)
		return position.Amend{Meta: x.id(), Key: x.key(), Stop: &stop, Tags: []string{"t"}, Metadata: map[string]string{"a": fmt.Sprint(x.n)}}
	case 5:
		return x.definition()
	}
	f := position.Fill{Meta: x.id(), Key: x.key(), Side: position.Buy, Qty: dec(fmt.Sprint(x.rnd.IntN(3) + 1)), Price: x.number(200), Fee: dec("0.01")}
	if x.rnd.IntN(2) == 0 {
		f.Side = position.Sell
	}
	if x.rnd.IntN(20) == 0 {
		v := uint64(x.rnd.IntN(3))
		f.ExpectVersion = &v
	}
	return f
}

func (x *trader) definition() position.Mutation {
	d := position.DefineInstrument{Meta: x.id(), Instrument: x.instrument()}
	switch d.Instrument {
	case "INV":
		d.Terms = position.Terms{Kind: position.Inverse, Base: "XBT", Quote: "USD", Settlement: "XBT"}
	case "SPOT":
		d.Terms = position.Terms{Kind: position.Spot, Base: "BTC", Quote: "USD"}
	default:
		d.Terms = position.Terms{Multiplier: dec(fmt.Sprint(x.rnd.IntN(2) + 1)), Quote: "USD"}
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
