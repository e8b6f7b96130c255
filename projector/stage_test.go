package projector_test

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

func TestDuplicates(t *testing.T) {
	l := newScribe(projector.Options{})
	k := key("A", "X")
	l.apply(t, fill("open", k, position.Buy, "1", "10", 1))
	flip := fill("flip", k, position.Sell, "3", "11", 2)
	first := l.apply(t, flip)
	require.Equal(t, []projector.Outcome{{First: 3, Last: 4}}, first.Outcomes)
	require.Len(t, first.Changes, 2)
	before := body(t, l.book)

	retry := flip
	retry.Time = 99 // the time is no content
	version := uint64(77)
	retry.ExpectVersion = &version // nor is the condition, which held the first time
	again := l.apply(t, retry)
	require.Equal(t, []projector.Outcome{{First: 3, Last: 4, Duplicate: true}}, again.Outcomes)
	require.Empty(t, again.Changes)
	require.Equal(t, before, body(t, l.book))

	other := flip
	other.Price = dec("12")
	_, err := l.try([]position.Mutation{other}, false)
	require.ErrorIs(t, err, projector.ErrIDReused)
	require.ErrorContains(t, err, "record 3")
	_, err = l.try([]position.Mutation{other}, true)
	require.ErrorIs(t, err, projector.ErrIDReused, "insisting is about age, not about content")
	_, err = l.try([]position.Mutation{mark("flip", "X", "1", 3)}, false)
	require.ErrorIs(t, err, projector.ErrIDReused)
	require.Equal(t, before, body(t, l.book))
}

func TestRefusedMutationLeavesNoTrace(t *testing.T) {
	l := newScribe(projector.Options{})
	k := key("A", "X")
	l.apply(t, fill("1", k, position.Buy, "1", "10", 1))
	before := body(t, l.book)
	version := uint64(5)
	f := fill("2", k, position.Buy, "1", "10", 2)
	f.ExpectVersion = &version
	_, err := l.try([]position.Mutation{f}, false)
	var conflict *position.VersionError
	require.ErrorAs(t, err, &conflict)
	require.Equal(t, uint64(1), conflict.Have)
	var member *projector.MemberError
	require.NotErrorAs(t, err, &member, "a mutation alone is no batch")
	require.Equal(t, before, body(t, l.book))

	version = 1
	require.False(t, l.apply(t, f).Outcomes[0].Duplicate, "the refused id is still free")

	// What was staged and never accepted is no trace either.
	before = body(t, l.book)
	_, err = l.book.Stage(1, []position.Mutation{fill("3", key("B", "Y"), position.Buy, "1", "1", 3), mark("4", "X", "100", 4)}, false)
	require.NoError(t, err)
	require.Equal(t, before, body(t, l.book))
	l.apply(t, fill("3", key("C", "Z"), position.Buy, "1", "1", 3))
	_, ok := l.book.Position(key("B", "Y"))
	require.False(t, ok)
}

func TestBatchIsAllOrNothing(t *testing.T) {
	l := newScribe(projector.Options{})
	k := key("A", "X")
	before := body(t, l.book)
	bad := position.Amend{Meta: position.Meta{Ident: "c", Time: 3}, Key: key("A", "NEVER"), NoStop: true}
	_, err := l.try([]position.Mutation{
		fill("a", k, position.Buy, "1", "10", 1), mark("b", "X", "12", 2), bad, fill("d", k, position.Buy, "1", "10", 4),
	}, false)
	require.ErrorIs(t, err, position.ErrUnknownPosition)
	var member *projector.MemberError
	require.ErrorAs(t, err, &member)
	require.Equal(t, 2, member.Index)
	require.Equal(t, before, body(t, l.book))
}

func TestBatchMembersSeeEachOther(t *testing.T) {
	l := newScribe(projector.Options{})
	a, b := key("A", "X"), key("B", "X")
	zero, one, two := uint64(0), uint64(1), uint64(2)
	f1, f2, f3 := fill("1", a, position.Buy, "2", "10", 1), fill("2", a, position.Buy, "1", "13", 2), fill("5", a, position.Sell, "5", "20", 5)
	f1.ExpectVersion, f2.ExpectVersion, f3.ExpectVersion = &zero, &one, &two
	s := l.apply(t, f1, f2, fill("3", b, position.Sell, "1", "12", 3), mark("4", "X", "15", 4), f3)
	require.Len(t, s.Changes, 6)
	require.Equal(t, projector.Outcome{First: 6, Last: 7}, s.Outcomes[4])
	for i := range s.Changes {
		if p := s.Changes[i].After; p != nil {
			require.EqualValues(t, 2+i, p.Seq)
		}
	}
	closed := s.Changes[4].After
	require.Equal(t, "20", closed.High.String())
	require.Equal(t, "15", closed.Mark.String(), "the mark of the same batch")
	p, ok := l.book.Position(a)
	require.True(t, ok)
	require.Equal(t, "-2", p.Qty.String())
	require.EqualValues(t, 7, p.Seq)
	require.EqualValues(t, 4, p.Version)
	p, _ = l.book.Position(b)
	require.Equal(t, "15", p.High.String())
	require.EqualValues(t, 4, p.Seq, "a mark is no change of the position")
	require.EqualValues(t, 1, p.Version)

	// A definition with other terms sees what the batch opened, and what it closed.
	terms := position.Terms{Multiplier: dec("5"), Quote: "USD"}
	open, shut := fill("6", key("A", "Z"), position.Buy, "1", "1", 6), fill("7", key("A", "Z"), position.Sell, "1", "1", 7)
	_, err := l.try([]position.Mutation{open, define("8", "Z", terms, 8)}, false)
	require.ErrorIs(t, err, position.ErrInstrumentInUse)
	l.apply(t, open, shut, define("8", "Z", terms, 8))
	require.Equal(t, projector.Counts{Positions: 3, Open: 2, Instruments: 2, Window: 8, Cycles: 1}, l.book.View().Counts())
	l.apply(t, fill("9", key("A", "Z"), position.Buy, "1", "1", 9))
	_, err = l.try([]position.Mutation{fill("10", key("A", "Z"), position.Sell, "1", "1", 9), define("11", "Z", position.Terms{Multiplier: dec("6"), Quote: "USD"}, 8)}, false)
	require.NoError(t, err)
}

func TestBatchPartlyKnown(t *testing.T) {
	l := newScribe(projector.Options{})
	k := key("A", "X")
	terms := position.Terms{Multiplier: dec("1"), Quote: "USD"}
	f1, f2, f3 := fill("1", k, position.Buy, "1", "10", 1), fill("2", k, position.Buy, "1", "10", 2), fill("3", k, position.Buy, "1", "10", 3)
	d := define("d", "X", terms, 1)
	l.apply(t, d, f1, f2)

	s := l.apply(t, f2, d, f1)
	require.Empty(t, s.Changes)
	require.Equal(t, []projector.Outcome{
		{First: 4, Last: 4, Duplicate: true}, {First: 2, Last: 2, Duplicate: true}, {First: 3, Last: 3, Duplicate: true},
	}, s.Outcomes)

	var member *projector.MemberError
	_, err := l.try([]position.Mutation{f1, f3}, false)
	require.ErrorIs(t, err, projector.ErrPartlyKnown)
	require.ErrorAs(t, err, &member)
	require.Equal(t, 1, member.Index)
	_, err = l.try([]position.Mutation{f3, f1}, true)
	require.ErrorIs(t, err, projector.ErrPartlyKnown)
	require.ErrorAs(t, err, &member)
	require.Equal(t, 0, member.Index)

	// An unknown member that would be refused does not hide that others are known.
	version := uint64(99)
	f3.ExpectVersion = &version
	_, err = l.try([]position.Mutation{f1, f3}, false)
	require.ErrorIs(t, err, projector.ErrPartlyKnown)
	f3.ExpectVersion = nil

	// A definition in force already is neither new nor known.
	s = l.apply(t, define("e", "X", terms, 5), f1, f2)
	require.Empty(t, s.Changes)
	require.Equal(t, projector.Outcome{First: 2, Last: 2, Duplicate: true}, s.Outcomes[0])
	s = l.apply(t, define("f", "X", terms, 5), f3)
	require.Len(t, s.Changes, 1)
	require.Equal(t, projector.Outcome{First: 5, Last: 5}, s.Outcomes[1])

	_, err = l.try([]position.Mutation{fill("9", k, position.Buy, "1", "1", 1), fill("9", k, position.Buy, "1", "1", 1)}, false)
	require.ErrorIs(t, err, projector.ErrPartlyKnown)
	_, err = l.try([]position.Mutation{fill("9", k, position.Buy, "1", "1", 1), fill("9", k, position.Buy, "1", "2", 1)}, false)
	require.ErrorIs(t, err, projector.ErrIDReused)
	require.ErrorAs(t, err, &member)
	require.Equal(t, 1, member.Index)
}

func TestRepeatedDefinition(t *testing.T) {
	l := newScribe(projector.Options{Window: 2})
	terms := position.Terms{Multiplier: dec("10"), Quote: "USD"}
	l.apply(t, define("1", "X", terms, 10))
	s := l.apply(t, define("2", "X", terms, 20))
	require.Empty(t, s.Changes)
	require.Equal(t, []projector.Outcome{{First: 2, Last: 2, Duplicate: true}}, s.Outcomes)
	require.EqualValues(t, 1, l.book.View().Counts().Window, "what changed nothing is not remembered")
	for i := range 5 {
		l.apply(t, mark(fmt.Sprint("m", i), "X", "1", position.Time(100+i)))
	}
	require.EqualValues(t, 102, l.book.View().Horizon())
	s = l.apply(t, define("1", "X", terms, 10))
	require.Equal(t, []projector.Outcome{{First: 2, Last: 2, Duplicate: true}}, s.Outcomes, "however old, it changes nothing")
	terms.Multiplier = dec("11")
	_, err := l.try([]position.Mutation{define("1", "X", terms, 10)}, false)
	require.ErrorIs(t, err, projector.ErrTooOld)
}

func TestWindowForgetsAndRefusesWhatIsTooOld(t *testing.T) {
	o := projector.Options{Window: 3}
	l := newScribe(o)
	k := key("A", "X")
	for i := range 5 {
		l.apply(t, fill(fmt.Sprint(i), k, position.Buy, "1", "10", position.Time(100+i)))
	}
	require.Equal(t, uint64(3), l.book.View().Counts().Window)
	replayed := projector.New(o)
	require.NoError(t, replayed.Replay(stream(l.records), projector.Until{}))
	loaded, err := projector.Load(bytes.NewReader(body(t, l.book)), o)
	require.NoError(t, err)
	clock := l.clock
	for name, b := range map[string]*projector.Book{"staged": l.book, "replayed": replayed, "loaded": loaded} {
		t.Run(name, func(t *testing.T) {
			again := &scribe{book: b, epoch: 2, clock: clock}
			require.Equal(t, position.Time(101), b.View().Horizon())
			s := again.apply(t, fill("2", k, position.Buy, "1", "10", 102))
			require.Equal(t, []projector.Outcome{{First: 4, Last: 4, Duplicate: true}}, s.Outcomes)
			for _, old := range []position.Mutation{
				fill("1", k, position.Buy, "1", "10", 101),   // forgotten, at the horizon
				fill("0", k, position.Buy, "1", "10", 100),   // forgotten
				fill("new", k, position.Buy, "1", "10", 101), // new, but who knows
			} {
				_, err := again.try([]position.Mutation{old}, false)
				require.ErrorIs(t, err, projector.ErrTooOld)
			}
			s, err := again.try([]position.Mutation{fill("new", k, position.Buy, "1", "10", 101)}, true)
			require.NoError(t, err)
			require.Len(t, s.Changes, 1)
			s = again.apply(t, fill("new", k, position.Buy, "1", "10", 101))
			require.True(t, s.Outcomes[0].Duplicate)
			again.apply(t, fill("young", k, position.Buy, "1", "10", 103))
		})
	}
}

// TestWindowOfAnotherSize opens a ledger with a smaller and a larger window than
// it was written with, after an id has passed twice.
func TestWindowOfAnotherSize(t *testing.T) {
	l := newScribe(projector.Options{Window: 3})
	k := key("A", "X")
	for i := range 5 {
		l.apply(t, fill(fmt.Sprint(i), k, position.Buy, "1", "10", position.Time(100+i)))
	}
	_, err := l.try([]position.Mutation{fill("1", k, position.Buy, "1", "10", 101)}, true)
	require.NoError(t, err)
	want := l.book.View().Digest()

	small, err := projector.Load(bytes.NewReader(body(t, l.book)), projector.Options{Window: 2})
	require.NoError(t, err)
	require.Equal(t, want, small.View().Digest())
	require.Equal(t, uint64(2), small.View().Counts().Window)
	require.Equal(t, position.Time(103), small.View().Horizon(), "what does not fit is forgotten")

	large := projector.New(projector.Options{Window: 100})
	require.NoError(t, large.Replay(stream(l.records), projector.Until{}))
	require.Equal(t, want, large.View().Digest())
	raw := body(t, large)
	large, err = projector.Load(bytes.NewReader(raw), projector.Options{Window: 100})
	require.NoError(t, err)
	require.Equal(t, raw, body(t, large))
	s, err := large.Stage(1, []position.Mutation{fill("1", k, position.Buy, "1", "10", 101)}, false)
	require.NoError(t, err)
	require.Equal(t, []projector.Outcome{{First: 7, Last: 7, Duplicate: true}}, s.Outcomes)
}

func TestMarks(t *testing.T) {
	l := newScribe(projector.Options{Rules: position.Rules{DefaultCurrency: "EUR"}})
	k, flat := key("A", "X"), key("B", "X")
	l.apply(t, fill("1", k, position.Buy, "1", "10", 1))
	l.apply(t, fill("2", flat, position.Buy, "1", "10", 2))
	l.apply(t, fill("3", flat, position.Sell, "1", "10", 3))
	s := l.apply(t, mark("4", "X", "14", 4))
	require.Len(t, s.Changes, 1)
	require.Nil(t, s.Changes[0].After)
	held := l.book.View()
	l.apply(t, mark("5", "X", "9", 5))
	l.apply(t, mark("6", "X", "11", 6))
	l.apply(t, mark("7", "OTHER", "99", 7))

	p, _ := l.book.Position(k)
	require.Equal(t, []string{"14", "9", "11"}, []string{p.High.String(), p.Low.String(), p.Mark.String()})
	require.True(t, p.HasMark)
	require.EqualValues(t, 1, p.Version)
	p, _ = l.book.Position(flat)
	require.Equal(t, []string{"10", "10", "11"}, []string{p.High.String(), p.Low.String(), p.Mark.String()}, "a flat position has no extremes to move")
	p, _ = held.Position(k)
	require.Equal(t, []string{"14", "10", "14"}, []string{p.High.String(), p.Low.String(), p.Mark.String()}, "a view never changes")
	in, ok := l.book.View().Instrument("X")
	require.True(t, ok)
	require.False(t, in.Defined)
	require.Equal(t, position.Rules{DefaultCurrency: "EUR"}.DefaultTerms(), *in.Terms)
	require.Equal(t, position.Time(6), in.MarkTime)
}

func TestAcceptOutOfOrderIsABugOfTheCaller(t *testing.T) {
	b := projector.New(projector.Options{})
	first, err := b.Stage(1, []position.Mutation{fill("1", key("A", "X"), position.Buy, "1", "1", 1)}, false)
	require.NoError(t, err)
	second, err := b.Stage(1, []position.Mutation{fill("2", key("A", "X"), position.Buy, "1", "1", 1)}, false)
	require.NoError(t, err)
	require.Panics(t, func() { b.Publish(first) }, "not accepted")
	b.Accept(first)
	require.Panics(t, func() { b.Accept(second) }, "staged on another head")
	require.Panics(t, func() { b.Accept(first) }, "twice")
	b.Publish(first)
	require.Panics(t, func() { b.Publish(first) }, "twice")
	require.EqualValues(t, 1, b.View().Seq())
}
