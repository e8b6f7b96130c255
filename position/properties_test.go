package position_test

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"math/big"
	"os"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/moneyprinter/holdfast/position"
)

// Random sequences of all kinds of mutation over a few keys of two instruments,
// against sums and lots that are computed here in rationals, step by step, and
// against a world in which what was busted never happened.

// worldSteps is how many mutations a world sees; HOLDFAST_OPS says how many all
// worlds together see, of which rapid makes a hundred at a time.
const worldSteps = 60

func worlds(t *testing.T) int {
	t.Helper()
	ops, err := strconv.Atoi(cmp.Or(os.Getenv("HOLDFAST_OPS"), "12000"))
	require.NoError(t, err, "HOLDFAST_OPS")
	return (ops + 100*worldSteps - 1) / (100 * worldSteps)
}

// The seed of all properties of the run is logged, also where nothing fails.
// -rapid.seed=N repeats it.
func init() { //nolint:gochecknoinits // before the flags are parsed, so that they win
	if f := flag.Lookup("rapid.seed"); f != nil {
		_ = f.Value.Set(strconv.FormatUint(uint64(os.Getpid())*2_654_435_761+1, 10))
	}
}

// world is a book with what is known of it beside.
type world struct {
	*book
	t     *rapid.T
	names []position.Key
	given []position.Mutation // what was accepted, in order
	fills []position.Fill     // those among them, newest last
	gone  map[string]bool     // busted
	fixed map[string]position.Correct
	count int
	times position.Time
	kinds map[string]int
	met   bool // lots were transferred to an opposite position; see TestBustAfterLotsMet
}

func drawWorld(t *rapid.T, kinds map[string]int) *world {
	rules := position.Rules{
		CostMethod: rapid.SampledFrom([]position.CostMethod{
			position.Average, position.FIFO, position.LIFO, position.HIFO, position.SpecificLot, position.SpecificSize,
		}).Draw(t, "method"),
		OverReduction: rapid.SampledFrom([]position.OverReduction{position.FlipOver, position.FlipOver, position.RejectOver}).Draw(t, "over"),
	}
	w := &world{book: newBook(rules), t: t, gone: map[string]bool{}, fixed: map[string]position.Correct{}, kinds: kinds}
	w.names = []position.Key{
		{Account: "A", Instrument: "X"},
		{Account: "B", Instrument: "X"},
		{Account: "A", Instrument: "X", Leg: "hedge"},
		{Account: "A", Instrument: "Y"},
	}
	for _, name := range []string{"X", "Y"} {
		w.step(w.definition(name))
	}
	return w
}

func (w *world) definition(name string) position.DefineInstrument {
	kind := rapid.SampledFrom([]position.InstrumentKind{
		position.Linear, position.Inverse, position.Spot, position.Quanto, position.Option,
	}).Draw(w.t, "kind")
	d := position.DefineInstrument{Meta: w.meta(), Instrument: name, Terms: position.Terms{
		Kind: kind, Base: "TOK", Quote: "USD", Multiplier: drawDecimal(w.t, "multiplier"),
	}}
	if kind == position.Quanto {
		d.Terms.Settlement = "EUR"
	}
	if rapid.IntRange(0, 2).Draw(w.t, "rounds") == 0 {
		mode := func(name string) position.Round {
			return position.Round{
				Mode:   rapid.SampledFrom([]position.RoundMode{position.Exact, position.HalfEven, position.HalfUp, position.Down, position.Up, position.Floor, position.Ceiling}).Draw(w.t, name),
				Digits: uint8(rapid.IntRange(2, 8).Draw(w.t, name+" digits")),
			}
		}
		d.Terms.Rounding = position.Rounding{Average: mode("average"), Realized: mode("realized")}
	}
	return d
}

func (w *world) meta() position.Meta {
	w.count++
	// Event times stand still and run back now and then.
	w.times += position.Time(rapid.IntRange(-1, 3).Draw(w.t, "time"))
	w.times = max(w.times, 1)
	return position.Meta{Ident: fmt.Sprintf("m%d", w.count), Time: w.times}
}

func (w *world) image(k position.Key) *position.Position { return w.positions[k] }

func (w *world) key() position.Key { return rapid.SampledFrom(w.names).Draw(w.t, "key") }

// some draws a quantity of what is open: all, a part, or more.
func (w *world) some(p *position.Position) position.Decimal {
	if p == nil || !p.IsOpen() {
		return drawDecimal(w.t, "qty")
	}
	switch rapid.IntRange(0, 3).Draw(w.t, "size") {
	case 0:
		return p.Qty.Abs()
	case 1:
		half, err := p.Qty.Abs().Quo(position.FromInt(rapid.Int64Range(2, 9).Draw(w.t, "part")))
		if err == nil && !half.IsZero() {
			return half
		}
	case 2:
		if p.Lots != nil && len(p.Lots.Open) > 0 {
			return rapid.SampledFrom(p.Lots.Open).Draw(w.t, "lot").Qty.Abs()
		}
	}
	return drawDecimal(w.t, "qty")
}

func (w *world) ref(p *position.Position) *position.LotRef {
	if p == nil || p.Lots == nil || len(p.Lots.Open) == 0 || rapid.IntRange(0, 2).Draw(w.t, "ref") > 0 {
		return nil
	}
	l := rapid.SampledFrom(p.Lots.Open).Draw(w.t, "lot")
	return &position.LotRef{Label: l.Label}
}

func (w *world) draw() position.Mutation {
	k := w.key()
	p := w.image(k)
	meta := w.meta()
	switch rapid.IntRange(0, 19).Draw(w.t, "mutation") {
	case 0:
		return position.Mark{Meta: meta, Instrument: k.Instrument, Price: drawDecimal(w.t, "mark")}
	case 1:
		return position.Charge{
			Meta: meta, Key: k, Amount: drawDecimal(w.t, "amount"), Currency: rapid.SampledFrom([]string{"USD", "BNB"}).Draw(w.t, "currency"),
			Kind: rapid.SampledFrom([]position.ChargeKind{position.Funding, position.FeeCharge, position.RealizedCharge, position.OtherCharge}).Draw(w.t, "kind"),
		}
	case 2:
		stop := drawDecimal(w.t, "stop")
		return position.Amend{Meta: meta, Key: k, Stop: &stop}
	case 3:
		s := position.Split{
			Meta: meta, Instrument: k.Instrument,
			Ratio: position.FromInt(rapid.Int64Range(1, 5).Draw(w.t, "ratio")), Per: position.FromInt(rapid.Int64Range(1, 5).Draw(w.t, "per")),
		}
		if rapid.Bool().Draw(w.t, "increment") {
			s.Increment = dec("0.01")
			if cash := drawDecimal(w.t, "cash"); rapid.Bool().Draw(w.t, "has cash") {
				s.CashPrice = &cash
			}
		}
		return s
	case 4:
		if rapid.IntRange(0, 3).Draw(w.t, "settle") == 0 {
			return position.Settle{Meta: meta, Instrument: k.Instrument, Price: drawDecimal(w.t, "price")}
		}
		return position.Settle{Meta: meta, Instrument: k.Instrument, Reason: position.WriteOff}
	case 5, 6:
		to := w.key()
		m := position.Transfer{Meta: meta, Key: k, ToAccount: to.Account, ToStrategy: to.Strategy, ToLeg: to.Leg, Lot: w.ref(p)}
		if rapid.Bool().Draw(w.t, "some") {
			m.Qty = w.some(p)
		}
		return m
	case 7:
		return w.adjust(meta, k, p)
	case 8:
		return w.adopt(meta, k)
	case 9, 10:
		if len(w.fills) > 0 {
			f := w.fills[max(0, len(w.fills)-1-rapid.IntRange(0, 12).Draw(w.t, "which"))]
			if rapid.Bool().Draw(w.t, "bust") {
				return position.Bust{Meta: meta, Key: f.Key, Fill: f.Ident}
			}
			return position.Correct{Meta: meta, Key: f.Key, Fill: f.Ident, Side: f.Side, Qty: w.some(w.image(f.Key)), Price: drawDecimal(w.t, "price"), Fee: f.Fee, FeeCurrency: f.FeeCurrency}
		}
	case 11:
		if rapid.IntRange(0, 3).Draw(w.t, "define") == 0 {
			return w.definition(k.Instrument)
		}
	}
	f := position.Fill{
		Meta: meta, Key: k, Side: rapid.SampledFrom([]position.Side{position.Buy, position.Sell}).Draw(w.t, "side"),
		Qty: w.some(p), Price: drawDecimal(w.t, "price"),
	}
	if p != nil && p.IsOpen() && int(f.Side) != p.Qty.Sign() {
		f.Lot = w.ref(p)
	}
	if rapid.Bool().Draw(w.t, "has fee") {
		f.Fee, f.FeeCurrency = drawDecimal(w.t, "fee"), rapid.SampledFrom([]string{"", "USD", "TOK"}).Draw(w.t, "fee currency")
	}
	return f
}

func (w *world) adjust(meta position.Meta, k position.Key, p *position.Position) position.Mutation {
	a := position.Adjust{Meta: meta, Key: k, Reason: "checked"}
	if rapid.Bool().Draw(w.t, "adjusts qty") {
		a.Qty = w.some(p)
		if rapid.Bool().Draw(w.t, "down") {
			a.Qty = a.Qty.Neg()
		} else if price := drawDecimal(w.t, "price"); rapid.Bool().Draw(w.t, "priced") {
			a.Price = &price
		}
	}
	if rapid.Bool().Draw(w.t, "adjusts cost") {
		a.Cost = drawDecimal(w.t, "cost")
	}
	if rapid.Bool().Draw(w.t, "adjusts profit") {
		a.Realized, a.Funding = drawDecimal(w.t, "realized"), drawDecimal(w.t, "funding")
	}
	return a
}

func (w *world) adopt(meta position.Meta, k position.Key) position.Mutation {
	a := position.Adopt{Meta: meta, Key: k}
	price := drawDecimal(w.t, "price")
	switch rapid.IntRange(0, 3).Draw(w.t, "adopt") {
	case 0:
		return a
	case 1:
		for range rapid.IntRange(1, 3).Draw(w.t, "lots") {
			l := position.AdoptedLot{Qty: drawDecimal(w.t, "lot qty"), Price: &price, Opened: meta.Time}
			a.Lots = append(a.Lots, l)
			a.Qty = sum(w.t, a.Qty, l.Qty)
		}
		return a
	}
	a.Qty, a.Price = drawDecimal(w.t, "qty"), &price
	if rapid.Bool().Draw(w.t, "short") {
		a.Qty = a.Qty.Neg()
	}
	return a
}

// step applies a mutation and checks all that can be said of it.
func (w *world) step(m position.Mutation) {
	if m.Validate() != nil {
		return
	}
	b, err := position.MarshalMutation(m)
	require.NoError(w.t, err)
	read, err := position.UnmarshalMutation(b)
	require.NoError(w.t, err, "%s", b)
	require.Equal(w.t, m, read)
	before, changes := maps.Clone(w.positions), len(w.log)
	if err = w.apply(w.t, m); err != nil {
		w.kinds["refused "+m.Type()]++
		require.Equal(w.t, before, w.positions, "a refusal changes nothing")
		require.Len(w.t, w.log, changes)
		return
	}
	w.kinds[m.Type()]++
	w.note(m)
	total := new(big.Rat) // of all values
	for i := range w.last() {
		c := &w.last()[i]
		w.encode(c)
		total.Add(total, ratOf(c.Value))
		if c.After != nil {
			w.change(before[c.After.Key], c)
			before[c.After.Key] = c.After
		}
	}
	w.flow(m, total)
}

// note keeps what the world without busts is made of.
func (w *world) note(m position.Mutation) {
	switch v := m.(type) {
	case position.Fill:
		w.fills = append(w.fills, v)
	case position.Bust:
		w.gone[v.Fill] = true
		return
	case position.Correct:
		w.fixed[v.Fill] = v
		return
	}
	w.given = append(w.given, m)
}

// retell applies to a new world what was accepted, without what was busted and
// with what was corrected as it should have been: it comes to the same.
func (w *world) retell() {
	if w.met {
		return
	}
	again := newBook(w.rules)
	for _, m := range w.given {
		if f, ok := m.(position.Fill); ok {
			if w.gone[f.Ident] {
				continue
			}
			if c, is := w.fixed[f.Ident]; is {
				f.Side, f.Qty, f.Price, f.Fee, f.FeeCurrency = c.Side, c.Qty, c.Price, c.Fee, c.FeeCurrency
				m = f
			}
		}
		if err := again.apply(w.t, m); err != nil {
			require.ErrorIs(w.t, err, position.ErrUnknownPosition, "%s %s", m.Type(), m.ID())
			if m.Type() == "amend" {
				continue // notes on what never was
			}
			// After a bust a key may be flat that here is not known at all.
			require.Equal(w.t, "adjust", m.Type())
			return
		}
	}
	for k, p := range w.positions {
		want := again.positions[k]
		if want == nil {
			want = &position.Position{Terms: p.Terms}
		}
		require.Equal(w.t, want.Qty, p.Qty, "%s", k)
		require.Equal(w.t, want.Cost, p.Cost, "%s", k)
		a, ok1 := want.Lifetime()
		b, ok2 := p.Lifetime()
		require.True(w.t, ok1 && ok2)
		require.Equal(w.t, a.Realized, b.Realized, "%s", k)
		require.ElementsMatch(w.t, a.Fees, b.Fees, "%s", k)
		require.Equal(w.t, unnumbered(want.Lots), unnumbered(p.Lots), "%s", k)
		if w.kind("transfer") == 0 { // it brings the extremes of then
			require.Equal(w.t, [2]position.Decimal{want.High, want.Low}, [2]position.Decimal{p.High, p.Low}, "%s", k)
		}
	}
}

// kind counts the accepted mutations of a type.
func (w *world) kind(name string) (n int) {
	for _, m := range w.given {
		if m.Type() == name {
			n++
		}
	}
	return n
}

// unnumbered are the open lots without their numbers, which a refold gives anew.
func unnumbered(l *position.Lots) []position.Lot {
	if l == nil || len(l.Open) == 0 {
		return nil
	}
	lots := slices.Clone(l.Open)
	for i := range lots {
		lots[i].ID = 0
	}
	slices.SortStableFunc(lots, func(a, b position.Lot) int {
		return cmp.Or(cmp.Compare(a.Opened, b.Opened), cmp.Compare(a.Label, b.Label), a.Qty.Cmp(b.Qty), a.Cost.Cmp(b.Cost))
	})
	return lots
}

// TestWorlds runs random worlds; see HOLDFAST_OPS.
func TestWorlds(t *testing.T) {
	t.Parallel()
	n, kinds, ops := worlds(t), map[string]int{}, 0
	t.Logf("-rapid.seed=%s, %d worlds of %d mutations a hundred times", flag.Lookup("rapid.seed").Value, n, worldSteps)
	rapid.Check(t, func(t *rapid.T) {
		for range n {
			w := drawWorld(t, kinds)
			for range worldSteps {
				w.step(w.draw())
				ops++
			}
			w.retell()
		}
	})
	for _, name := range slices.Sorted(maps.Keys(kinds)) {
		t.Logf("%8d %s", kinds[name], name)
	}
	t.Logf("%d operations", ops)
}
