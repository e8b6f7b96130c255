package position_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/position"
)

func by(m position.CostMethod) position.Rules { return position.Rules{CostMethod: m} }

// of selects lots: a label, a price and an opening, each may be empty.
func of(f position.Fill, label, price, opened string) position.Fill {
	f.Lot = &position.LotRef{Label: label, Opened: opened}
	if price != "" {
		p := dec(price)
		f.Lot.Price = &p
	}
	return f
}

func named(f position.Fill, id string) position.Fill {
	f.Ident = id
	return f
}

const day = 24 * 60 * 60 * 1_000_000_000

func uses(c position.Change) string {
	s := ""
	for _, u := range c.Consumed {
		s += fmt.Sprintf("%d:%s@%s ", u.ID, u.Qty, u.Cost)
	}
	return s
}

// checkLots checks what holds for all lots.
func checkLots(t require.TestingT, p *position.Position) {
	if p.Terms.CostMethod == position.Average {
		require.Nil(t, p.Lots)
		return
	}
	require.NotNil(t, p.Lots)
	require.Len(t, p.Lots.Open, p.Lots.Count)
	qty, cost, err := p.Lots.Quantity()
	require.NoError(t, err)
	require.Equal(t, p.Qty, qty, "the lots sum to the quantity")
	require.Equal(t, p.Cost, cost, "the lots sum to the cost")
	for i, l := range p.Lots.Open {
		require.Equal(t, p.Qty.Sign(), l.Qty.Sign())
		require.Less(t, l.ID, p.Lots.Next)
		if i > 0 {
			before := p.Lots.Open[i-1]
			require.True(t, before.Opened < l.Opened || before.Opened == l.Opened && before.ID < l.ID, "the lots are in order")
		}
	}
	if p.Lots.Count == 0 {
		require.Zero(t, p.Lots.Sum, "nothing left has no digest")
		require.Nil(t, p.Lots.Open)
	}
}

func TestLotMethods(t *testing.T) {
	t.Parallel()
	// Not in the order of their times; two of one price.
	long := muts(at(buy("5", "10"), 2*day), at(buy("4", "12"), day), at(buy("6", "11"), 3*day), at(buy("1", "12"), 4*day))
	short := muts(at(sell("5", "10"), 2*day), at(sell("4", "12"), day), at(sell("6", "11"), 3*day), at(sell("1", "10"), 4*day))
	inverse := append(muts(define(position.Inverse, "", "XBT", "USD", "")), long...)
	// One price, but what the costs of 7 and of 1 are rounded by makes the second
	// look dearer in its 15th digit.
	even := muts(define(position.Inverse, "", "XBT", "USD", ""), buy("7", "41234"), buy("1", "41234"))
	spread := muts(buy("1", "-5"), buy("1", "3"), buy("1", "-7"), buy("1", "0"))
	for _, c := range []struct {
		method         position.CostMethod
		held           []position.Mutation
		f              position.Fill
		uses, realized string
	}{
		{position.FIFO, long, sell("3", "20"), "2:3@36 ", "24"},
		{position.FIFO, long, sell("10", "20"), "2:4@48 1:5@50 3:1@11 ", "91"},
		{position.FIFO, short, buy("5", "9"), "2:-4@-48 1:-1@-10 ", "13"},
		{position.LIFO, long, sell("3", "20"), "4:1@12 3:2@22 ", "26"},
		{position.LIFO, short, buy("16", "9"), "4:-1@-10 3:-6@-66 1:-5@-50 2:-4@-48 ", "30"},
		{position.HIFO, long, sell("3", "20"), "2:3@36 ", "24"},
		{position.HIFO, long, sell("6", "20"), "2:4@48 4:1@12 3:1@11 ", "49"},
		{position.HIFO, short, buy("6", "9"), "1:-5@-50 4:-1@-10 ", "6"},
		{position.HIFO, inverse, sell("4.5", "12"), "2:4@0.333333333333333333 4:0.5@0.041666666666666666 ", "-0.000000000000000001"},
		{position.HIFO, even, sell("3", "41234"), "1:3@0.000072755493039724 ", "0"},
		{position.HIFO, spread, sell("2", "1"), "2:1@3 4:1@0 ", "-1"},
		{position.HIFO, spread, sell("3", "1"), "2:1@3 4:1@0 1:1@-5 ", "5"},
		{position.SpecificLot, long, sell("16", "20"), "2:4@48 1:5@50 3:6@66 4:1@12 ", "144"},
		{position.SpecificLot, long, of(sell("4", "20"), "m-1", "", ""), "2:4@48 ", "32"},
		{position.SpecificLot, long, of(sell("2", "20"), "", "11", ""), "3:2@22 ", "18"},
		{position.SpecificLot, long, of(sell("5", "20"), "", "12", ""), "2:4@48 4:1@12 ", "40"},
		{position.SpecificLot, long, of(sell("2", "20"), "", "", "1970-01-03"), "1:2@20 ", "20"},
		{position.SpecificLot, long, of(sell("2", "20"), "", "12", "1970-01-02T00:00:00Z"), "2:2@24 ", "16"},
		{position.SpecificSize, long, of(sell("1", "20"), "", "12", ""), "4:1@12 ", "8"},
		{position.SpecificSize, long, sell("6", "20"), "3:6@66 ", "54"},
		{position.FIFO, long, of(sell("2", "20"), "", "12", ""), "2:2@24 ", "16"},
		{position.LIFO, long, of(sell("2", "20"), "", "12", ""), "4:1@12 2:1@12 ", "16"},
	} {
		s := newMemory(by(c.method))
		for _, m := range c.held {
			require.NoError(t, s.Apply(m))
			if p := s.image(key); p != nil {
				checkLots(t, p)
			}
		}
		before := s.image(key)
		require.NoError(t, s.Apply(c.f), "%s %v", c.method, c.f)
		require.Equal(t, c.uses, uses(s.last[0]), "%s %v", c.method, c.f)
		wants(t, s.image(key), figs{"realized": c.realized})
		checkLots(t, s.image(key))
		after, err := before.Lots.After(s.last[0].Consumed, s.last[0].Opened, s.image(key).Lots)
		require.NoError(t, err)
		require.Equal(t, s.image(key).Lots, after)
	}
}

func TestLotRefusals(t *testing.T) {
	t.Parallel()
	held := muts(at(buy("5", "10"), day), at(buy("4", "12"), 2*day), at(buy("4", "12"), 2*day))
	for _, c := range []struct {
		method position.CostMethod
		f      position.Fill
		err    error
		text   string
	}{
		{position.SpecificLot, sell("1", "20"), position.ErrLotChoice, "3 lots that hold 13 match, 1 is to be taken"},
		{position.SpecificLot, of(sell("4", "20"), "", "12", ""), position.ErrLotChoice, "2 lots"},
		{position.SpecificSize, of(sell("3", "20"), "", "12", ""), position.ErrLotChoice, "2 lots"},
		{position.SpecificLot, of(sell("6", "20"), "", "10", ""), position.ErrNoLot, "hold 5, less than 6"},
		{position.SpecificLot, of(sell("1", "20"), "none", "", ""), position.ErrNoLot, "none of 3 open ones"},
		{position.FIFO, of(sell("1", "20"), "", "10.5", ""), position.ErrNoLot, "none of 3"},
		{position.FIFO, of(sell("1", "20"), "", "10", "1970-01-03"), position.ErrNoLot, "none of 3"},
		{position.FIFO, of(sell("9", "20"), "", "12", ""), position.ErrNoLot, "hold 8, less than 9"},
		{position.FIFO, of(sell("14", "20"), "", "12", ""), position.ErrNoLot, "A/X holds 13"},
		{position.FIFO, of(buy("1", "20"), "", "12", ""), position.ErrInvalid, "lot selects by price or opened"},
		{position.FIFO, of(buy("1", "20"), "a", "", "1970-01-03"), position.ErrInvalid, "lot selects by price or opened"},
		{position.Average, of(sell("1", "20"), "", "12", ""), position.ErrInvalid, "lot has no meaning under average cost"},
		{position.Average, of(sell("20", "20"), "a", "", ""), position.ErrInvalid, "lot has no meaning under average cost"},
		{position.Average, of(buy("1", "20"), "a", "", ""), position.ErrInvalid, "lot has no meaning under average cost"},
		{position.FIFO, of(sell("1", "20"), "", "", "yesterday"), position.ErrInvalid, "neither a date nor an RFC 3339 time"},
	} {
		s := newMemory(by(c.method))
		for _, m := range held {
			require.NoError(t, s.Apply(m))
		}
		refused(t, s, c.f, c.err, c.text)
	}
}

// What rounding leaves in a lot's cost does not keep its price from selecting it.
func TestLotPriceAfterPartialClose(t *testing.T) {
	t.Parallel()
	s := newMemory(by(position.SpecificLot))
	require.NoError(t, s.Apply(define(position.Linear, "0.1", "", "", "")))
	require.NoError(t, s.Apply(buy("3", "0.333333333333333333")))
	require.NoError(t, s.Apply(buy("7", "0.3")))
	require.NoError(t, s.Apply(of(sell("1", "1"), "", "0.333333333333333333", "")))
	require.NoError(t, s.Apply(of(sell("1", "1"), "", "0.333333333333333333", "")), "the price still selects")
	wants(t, s.image(key), figs{"qty": "8"})
}

func TestLotLabelsAndNumbers(t *testing.T) {
	t.Parallel()
	s := newMemory(by(position.FIFO))
	require.NoError(t, s.Apply(named(buy("1", "10"), "first")))
	require.NoError(t, s.Apply(of(named(buy("1", "11"), "second"), "mine", "", "")))
	require.Equal(t, []position.Lot{{ID: 2, Qty: dec("1"), Cost: dec("11"), Opened: 1, Label: "mine"}}, s.last[0].Opened)
	require.Equal(t, "first", s.image(key).Lots.Open[0].Label)
	require.NoError(t, s.Apply(named(sell("5", "12"), "flip")))
	require.Equal(t, position.Closed, s.last[0].Kind)
	require.Equal(t, "1:1@10 2:1@11 ", uses(s.last[0]))
	require.Equal(t, &position.Lots{Next: 3}, s.last[0].After.Lots, "flat keeps the numbering")
	require.Equal(t, []position.Lot{{ID: 3, Qty: dec("-3"), Cost: dec("-36"), Opened: 1, Label: "flip"}}, s.last[1].Opened)
	require.NoError(t, s.Apply(buy("3", "1")))
	require.NoError(t, s.Apply(buy("3", "1")))
	wants(t, s.image(key), figs{"lots": "4:3@3 next 5", "cycle": "3"})
	require.NoError(t, s.Apply(sell("3", "1")))
	d := define(position.Linear, "", "", "", "")
	d.Terms.CostMethod = position.Average
	require.NoError(t, s.Apply(d))
	require.NoError(t, s.Apply(buy("3", "1")))
	wants(t, s.image(key), figs{"lots": "none"})
}

func TestLotsAreLimited(t *testing.T) {
	t.Parallel()
	s := newMemory(by(position.FIFO))
	lots := make([]position.Lot, position.MaxLots)
	for i := range lots {
		lots[i] = position.Lot{ID: uint64(i + 1), Qty: dec("1"), Cost: dec("2"), Opened: 1}
	}
	var none *position.Lots
	_, err := none.After(nil, append(slices.Clip(lots), position.Lot{ID: 10_001, Qty: dec("1"), Opened: 2}), &position.Lots{Next: 10_002})
	require.ErrorIs(t, err, position.ErrTooManyLots)
	require.NoError(t, s.Apply(buy("1", "2")))
	full := *s.image(key)
	full.Lots = &position.Lots{Open: lots, Count: len(lots), Next: 10_001}
	full.Qty, full.Cost = dec("10000"), dec("20000")
	s.positions[key] = &full
	refused(t, s, buy("1", "2"), position.ErrTooManyLots, "10001 would be open, at most 10000")
	require.NoError(t, s.Apply(sell("9999.5", "3")))
	require.Len(t, s.last[0].Consumed, 10_000)
	wants(t, s.image(key), figs{"lots": "10000:0.5@1 next 10001", "realized": "9999.5"})
}

// A change and the lots before give the lots after; anything else is refused.
func TestLotsAfter(t *testing.T) {
	t.Parallel()
	s := newMemory(by(position.FIFO))
	for i := range 20 {
		require.NoError(t, s.Apply(at(buy("2", fmt.Sprint(10+i)), position.Time(1+i%3))))
	}
	before := s.image(key).Lots
	require.NoError(t, s.Apply(sell("21", "1")))
	c, want := s.last[0], s.image(key).Lots
	bare := &position.Lots{Count: want.Count, Next: want.Next, Sum: want.Sum}
	got, err := before.After(c.Consumed, c.Opened, bare)
	require.NoError(t, err)
	require.Equal(t, want, got)

	var none *position.Lots
	got, err = none.After(nil, nil, nil)
	require.NoError(t, err)
	require.Nil(t, got)
	all := make([]position.LotUse, 0, 20)
	for _, l := range before.Open {
		all = append(all, position.LotUse{ID: l.ID, Qty: l.Qty, Cost: l.Cost})
	}
	got, err = before.After(all, nil, nil)
	require.NoError(t, err)
	require.Nil(t, got, "none are kept once all have left")
	_, err = before.After(nil, nil, nil)
	require.ErrorIs(t, err, position.ErrFormat)
	got, err = none.After(nil, before.Open, before)
	require.NoError(t, err)
	require.Equal(t, before, got, "the digest does not hang on the order in which lots came")

	bad := func(name string, consumed []position.LotUse, opened []position.Lot, want position.Lots) {
		t.Helper()
		_, refusal := before.After(consumed, opened, &want)
		require.ErrorIs(t, refusal, position.ErrFormat, name)
	}
	edited := func(edit func(u []position.LotUse)) []position.LotUse {
		u := append([]position.LotUse(nil), c.Consumed...)
		edit(u)
		return u
	}
	sumless := *bare
	sumless.Sum[15]++
	bad("digest", c.Consumed, c.Opened, sumless)
	sumless = *bare
	sumless.Count--
	bad("count", c.Consumed, c.Opened, sumless)
	sumless = *bare
	sumless.Next--
	bad("next", c.Consumed, c.Opened, sumless)
	bad("one less", c.Consumed[1:], nil, *bare)
	bad("unknown", edited(func(u []position.LotUse) { u[0].ID = 99 }), nil, *bare)
	bad("number zero", edited(func(u []position.LotUse) { u[0].ID = 0 }), nil, *bare)
	bad("twice", append(edited(func([]position.LotUse) {}), c.Consumed[0]), nil, *bare)
	bad("too much", edited(func(u []position.LotUse) { u[10].Qty = dec("3") }), nil, *bare)
	bad("the other way", edited(func(u []position.LotUse) { u[10].Qty = dec("-1") }), nil, *bare)
	bad("other cost", edited(func(u []position.LotUse) { u[10].Cost = dec("1") }), nil, *bare)
	bad("nothing of it", edited(func(u []position.LotUse) { u[10].Qty = dec("0") }), nil, *bare)
	bad("open already", nil, before.Open[:1], *before)
	_, err = before.After(c.Consumed, nil, nil)
	require.ErrorIs(t, err, position.ErrFormat)
	require.Equal(t, 20, before.Count, "lots never change")
}

func TestLotsSplit(t *testing.T) {
	t.Parallel()
	var none *position.Lots
	got, err := none.Split(dec("2"), dec("1"))
	require.NoError(t, err)
	require.Nil(t, got)

	s := newMemory(by(position.LIFO))
	for _, f := range []position.Fill{buy("0.000000000000000001", "7"), buy("1000", "3"), buy("1", "4"), buy("0.000000000000000001", "9000000000000000000")} {
		require.NoError(t, s.Apply(f))
	}
	held := s.image(key).Lots
	got, err = held.Split(dec("1000"), dec("333"))
	require.NoError(t, err)
	// 3·10⁻¹⁸ of the first, three units of it: nothing is lost while it rounds up.
	require.Equal(t, "1:0.000000000000000003@0.000000000000000007 2:3003.003003003003003003@3000 3:3.003003003003003003@4 4:0.000000000000000003@9 next 5", lots(got))
	got, err = held.Split(dec("1"), dec("3"))
	require.NoError(t, err)
	require.Equal(t, "2:333.333333333333333333@3000.000000000000000007 3:0.333333333333333333@13 next 5", lots(got))
	require.Equal(t, 2, got.Count)
	again, err := none.After(nil, got.Open, got)
	require.NoError(t, err)
	require.Equal(t, got, again, "the digest is that of its lots")
	got, err = held.Split(dec("0.000000000000000000001"[:20]), dec("100000000000"))
	require.NoError(t, err)
	require.Equal(t, &position.Lots{Next: 5}, got)
	_, err = held.Split(dec("100000000000000000000"), dec("1"))
	require.ErrorIs(t, err, position.ErrOverflow)
}
