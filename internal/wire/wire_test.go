package wire_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/moneyprinter/holdfast/internal/sample"
	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/position"
)

func TestRoundTripOfRandomValues(t *testing.T) {
	s := sample.NewValues(t, 0)
	var d wire.Decoder
	var buf []byte
	for i := range 10_000 {
		switch i % 5 {
		case 0, 1:
			c := s.Change()
			buf = wire.AppendChange(buf[:0], &c)
			got, err := d.Change(buf)
			require.NoError(t, err, "%d: %+v", i, c)
			require.Equal(t, c, got)
			require.Equal(t, buf, wire.AppendChange(nil, &got))
		case 2:
			m := s.Mutation()
			buf = wire.AppendMutation(buf[:0], m)
			got, err := d.Mutation(buf)
			require.NoError(t, err, "%d: %+v", i, m)
			require.Equal(t, m, got)
		case 3:
			p := s.Position()
			buf = wire.AppendPosition(buf[:0], p)
			got, err := d.Position(buf)
			require.NoError(t, err, "%d: %+v", i, p)
			require.Equal(t, p, got)
			require.Equal(t, buf, wire.AppendPosition(nil, got))
		case 4:
			in, a := s.Instrument(), s.Account()
			gotIn, err := d.Instrument(wire.AppendInstrument(nil, in))
			require.NoError(t, err)
			require.Equal(t, in, gotIn)
			gotA, err := d.Account(wire.AppendAccount(nil, a))
			require.NoError(t, err)
			require.Equal(t, a, gotA)
		}
	}
}

// drawn lets rapid choose, and so shrink, what sample.Values makes of it.
type drawn struct{ *rapid.T }

func (d drawn) Uint64() uint64 { return rapid.Uint64().Draw(d.T, "n") }

func TestRoundTripOfDrawnValues(t *testing.T) {
	var d wire.Decoder // with tables from earlier values
	rapid.Check(t, func(rt *rapid.T) {
		s := sample.Values{Rand: rand.New(drawn{rt})}
		c := s.Change()
		got, err := d.Change(wire.AppendChange(nil, &c))
		require.NoError(rt, err)
		require.Equal(rt, c, got)
		m := s.Mutation()
		again, err := d.Mutation(wire.AppendMutation(nil, m))
		require.NoError(rt, err)
		require.Equal(rt, m, again)
	})
}

// A position by itself has its lots, and the same one in a change only their
// number and digest, from which the lots before make those after.
func TestLotsOfAnImage(t *testing.T) {
	p := sample.OpenPosition()
	got, err := new(wire.Decoder).Position(wire.AppendPosition(nil, p))
	require.NoError(t, err)
	require.Equal(t, p, got)

	c := position.Change{Kind: position.Increased, Parts: 1, Cause: sample.Fill(), After: p}
	change, err := new(wire.Decoder).Change(wire.AppendChange(nil, &c))
	require.NoError(t, err)
	require.Equal(t, &position.Lots{Count: 2, Next: p.Lots.Next, Sum: p.Lots.Sum}, change.After.Lots)
	change.After.Lots = p.Lots
	require.Equal(t, c, change)

	// Without lots there is one form of both.
	p = sample.LotPosition()
	p.Lots = &position.Lots{Next: 3}
	got, err = new(wire.Decoder).Position(wire.AppendPosition(nil, p))
	require.NoError(t, err)
	require.Equal(t, p, got)
}

// Records share what they repeat: the terms always, what earlier cycles came to
// from one change of a key to its next.
func TestDecoderShares(t *testing.T) {
	var d wire.Decoder
	change := func(c position.Change) *position.Position {
		got, err := d.Change(wire.AppendChange(nil, &c))
		require.NoError(t, err)
		require.Equal(t, c, got)
		return got.After
	}
	c := sample.Changes()["fill_increased"]
	first := change(c)
	other := c
	p := *c.After
	p.Key.Account, p.Prior = "B", nil
	other.After = &p
	require.Same(t, first.Terms, change(other).Terms)
	second := change(c)
	require.Same(t, first.Terms, second.Terms)
	require.NotSame(t, first, second)

	// Decoded twice in a row, and then with other content.
	require.Same(t, second.Prior, change(c).Prior)
	q := *c.After
	q.Prior = &position.Lifetime{Wins: 7}
	c.After = &q
	require.Equal(t, uint64(7), change(c).Prior.Wins)
	q.Prior = &position.Lifetime{}
	require.Equal(t, new(position.Lifetime), change(c).Prior)

	i, err := d.Instrument(wire.AppendInstrument(nil, &position.Instrument{Name: "X", Terms: sample.Terms()}))
	require.NoError(t, err)
	require.Same(t, first.Terms, i.Terms)
	m, err := d.Mutation(wire.AppendMutation(nil, position.DefineInstrument{Instrument: "X"}))
	require.NoError(t, err)
	require.Equal(t, position.DefineInstrument{Instrument: "X"}, m, "what a definition leaves out is not filled in")

	none, err := d.Position(wire.AppendPosition(nil, &position.Position{Key: sample.Key()}))
	require.NoError(t, err)
	require.Equal(t, sample.PlainTerms(), none.Terms, "terms are never nil")
}

// A decoder must not hold on to its input, and must not be confused by what it
// has seen before.
func TestDecoderSharesNothingWithInput(t *testing.T) {
	s := sample.NewValues(t, 0)
	var d wire.Decoder
	for range 2_000 {
		c := s.Change()
		b := wire.AppendChange(nil, &c)
		got, err := d.Change(b)
		require.NoError(t, err)
		for i := range b {
			b[i] = 0xff
		}
		require.Equal(t, c, got)
		got, err = d.Change(wire.AppendChange(b[:0], &c))
		require.NoError(t, err)
		require.Equal(t, c, got)
	}
}

// The encoders write after what dst holds and touch nothing of it, and what
// they return does not depend on dst's spare capacity.
func TestAppendKeepsWhatIsThere(t *testing.T) {
	s := sample.NewValues(t, 0)
	for range 500 {
		c := s.Change()
		want := wire.AppendChange(nil, &c)
		for _, room := range []int{0, 1, 100, 100_000} {
			dst := append(make([]byte, 0, 7+room), "journal"...)
			got := wire.AppendChange(dst, &c)
			require.Equal(t, "journal", string(got[:7]))
			require.Equal(t, want, got[7:])
		}
	}
}

func TestSeqAndExpectedVersionAreNotEncoded(t *testing.T) {
	s := sample.NewValues(t, 0)
	p := s.Position()
	before := wire.AppendPosition(nil, p)
	p.Seq = 77
	require.Equal(t, before, wire.AppendPosition(nil, p))

	f := s.Fill()
	before = wire.AppendMutation(nil, f)
	version := uint64(3)
	f.ExpectVersion = &version
	require.Equal(t, before, wire.AppendMutation(nil, f))
	require.Equal(t, before, wire.AppendMutation(nil, &f), "a pointer is encoded as its value")
}

func TestEncodeAllocatesNothing(t *testing.T) {
	s := sample.NewValues(t, 11)
	buf := make([]byte, 0, 1<<20)
	for range 200 {
		c := s.Change()
		require.Zero(t, testing.AllocsPerRun(20, func() { buf = wire.AppendChange(buf[:0], &c) }), "%+v", c)
	}
	var m position.Mutation = sample.Fill()
	require.Zero(t, testing.AllocsPerRun(20, func() { wire.FingerprintOf(sample.Prints(), m) }))
}

// Whatever single bit is flipped, the decoder answers, and what it accepts
// encodes to the flipped bytes: there is no second form of a value.
func TestEveryBitFlip(t *testing.T) {
	var d wire.Decoder
	accepted := 0
	for name, c := range sample.Changes() {
		b := wire.AppendChange(nil, &c)
		for bit := range len(b) * 8 {
			b[bit/8] ^= 1 << (bit % 8)
			if got, err := d.Change(b); err == nil {
				accepted++
				require.Equal(t, b, wire.AppendChange(nil, &got), "%s, bit %d", name, bit)
			} else {
				require.ErrorIs(t, err, position.ErrFormat)
			}
			b[bit/8] ^= 1 << (bit % 8)
		}
		for n := range b {
			_, err := d.Change(b[:n])
			if err == nil {
				// A cut at the end of a field can be a smaller change; it must
				// be one that says what it says.
				got, _ := d.Change(b[:n])
				require.Equal(t, b[:n], wire.AppendChange(nil, &got))
			}
		}
	}
	require.NotZero(t, accepted, "flips of digits and letters are other values")
}

// The tables of a decoder are bounded; filling them changes nothing that can be
// seen.
func TestDecoderForgetsAndGoesOn(t *testing.T) {
	var d wire.Decoder
	c := sample.Changes()["fill_opened"]
	var buf []byte
	for i := range 70_000 {
		after := *c.After
		after.Key.Account = "account " + position.FromInt(int64(i)).String()
		after.Terms = sample.Terms()
		after.Terms.Multiplier = position.FromInt(int64(i + 2))
		buf = wire.AppendPosition(buf[:0], &after)
		got, err := d.Position(buf)
		require.NoError(t, err)
		if got.Key != after.Key || *got.Terms != *after.Terms {
			require.Equal(t, after, *got)
		}
	}
}

// A replay meets the same names, keys and terms over and over; only what each
// record owns may be allocated: id, mutation, position and its sets of fees.
func TestDecoderAllocatesNoNameTwice(t *testing.T) {
	c := benchChanges()["fill"]
	other := *c.After
	other.Key.Account = "B"
	one, two := wire.AppendChange(nil, &c), wire.AppendPosition(nil, &other)
	var d wire.Decoder
	allocs := testing.AllocsPerRun(50, func() {
		_, err := d.Change(one)
		require.NoError(t, err)
		_, err = d.Position(two)
		require.NoError(t, err)
	})
	require.LessOrEqual(t, allocs, 5.0+3.0)
}

func num(s string) position.Decimal { return position.MustParse(s) }
