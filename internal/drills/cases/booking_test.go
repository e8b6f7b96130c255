package cases_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/moneyprinter/holdfast/position"
)

// Cases of lots that are booked by a selection, as beancount does it: an
// inventory and a transaction in, the lots that were matched and those that
// remain out.

type bookingSource struct {
	caseHead
	Accounting  struct{ Matching string }
	Disabled    bool         `json:"disabled_upstream"` // the source skips it
	InitialLots []bookingRow `json:"initial_lots"`
	Apply       struct {
		Date     string
		Postings []bookingRow
	}
	Expect struct {
		Booked    []bookingRow
		Error     string
		Remaining []bookingRow `json:"remaining_lots"`
	}
}

type bookingRow struct {
	Qty, Symbol, Flag string
	Price             json.RawMessage
	Cost              *bookingCost
}

type bookingCost struct{ Price, Currency, Date, Label string }

// unnamed begins the ids here, so that a lot whose label begins so has none.
const unnamed = "case-"

// wholeDay is the time of a day's lots.
func wholeDay(date string) (position.Time, error) {
	at, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return 0, err
	}
	return position.At(at)
}

type bookingRun struct {
	*bookingSource
	ledger ledger
	method position.CostMethod
	over   position.OverReduction
	qty    map[position.Key]position.Decimal // as it will be after the postings so far
	lots   map[position.Key]map[uint64]position.Lot
	known  map[string]bool // instruments that were defined
	count  int
	policies
}

func bookingCase(tb testing.TB, raw json.RawMessage) (policies, error) {
	tb.Helper()
	var c bookingSource
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, err
	}
	r := bookingRun{
		bookingSource: &c, ledger: newLedger(tb), policies: policies{}, known: map[string]bool{},
		qty: map[position.Key]position.Decimal{}, lots: map[position.Key]map[uint64]position.Lot{},
	}
	return r.policies, r.run()
}

func (r *bookingRun) run() error {
	if err := r.choose(); err != nil {
		return err
	}
	if err := r.begin(); err != nil {
		return err
	}
	batch, err := r.batch()
	if err != nil {
		return r.refused(err)
	}
	for i, m := range batch {
		batch[i] = position.Stated(m)
	}
	results, err := r.ledger.ApplyBatch(r.ledger.tb.Context(), batch)
	if err != nil {
		if err = r.refused(err); err != nil {
			return err
		}
		return r.remaining()
	}
	if r.Expect.Error != "" {
		return fmt.Errorf("nothing was refused, but the source says %q", r.Expect.Error)
	}
	if err = r.booked(results); err != nil {
		return err
	}
	return r.remaining()
}

// choose maps the booking method of the source to options of ours.
func (r *bookingRun) choose() error {
	r.over = position.RejectOver
	selects := slices.ContainsFunc(r.Apply.Postings, func(p bookingRow) bool {
		return strings.HasPrefix(p.Qty, "-") && p.Cost != nil && p.Cost.ref(true) != nil
	})
	switch m := r.Accounting.Matching; {
	case m == "AVERAGE" && selects:
		// It averages what the selection matches; that must be one lot here.
		r.method = position.SpecificLot
		r.use("average over one selected lot: cost_method=specific")
	case m == "AVERAGE":
		r.method = position.Average
		r.use("average without lots: their sum is compared")
	case m == "STRICT":
		r.method = position.SpecificLot
	case m == "STRICT_WITH_SIZE":
		r.method = position.SpecificSize
	case m == "NONE":
		r.method = position.FIFO
		r.use("booking none: a leg per side, nothing reduces")
	default:
		var err error
		if r.method, err = position.ParseCostMethod(strings.ToLower(m)); err != nil {
			return err
		}
	}
	if r.Disabled && r.Accounting.Matching == "FIFO" {
		r.over = position.FlipOver // what crosses zero is in cases that the source skips
	}
	r.use("cost_method=" + r.method.String())
	r.use("over_reduction=" + r.over.String())
	return nil
}

// key is the one that holds a side of a symbol at a cost currency. An inventory
// may hold both sides at once.
func (r *bookingRun) key(symbol, currency, side string) (position.Key, error) {
	k := position.Key{Account: "source", Instrument: symbol + "/" + currency, Leg: side}
	if r.known[k.Instrument] {
		return k, nil
	}
	r.known[k.Instrument] = true
	return k, r.ledger.Apply(position.DefineInstrument{
		Meta: r.meta(dawn), Instrument: k.Instrument,
		Terms: position.Terms{Quote: currency, CostMethod: r.method, OverReduction: r.over},
	})
}

func (r *bookingRun) meta(at position.Time) position.Meta {
	r.count++
	return position.Meta{Ident: fmt.Sprintf("%s%s-%d", unnamed, r.ID, r.count), Time: at}
}

func sideOf(d position.Decimal) string {
	if d.Sign() < 0 {
		return "short"
	}
	return "long"
}

// begin adopts the inventory.
func (r *bookingRun) begin() error {
	adopts := map[position.Key]*position.Adopt{}
	for _, l := range r.InitialLots {
		lot, err := r.lot(&l)
		if err != nil {
			return err
		}
		k, err := r.key(l.Symbol, l.Cost.Currency, sideOf(lot.Qty))
		if err != nil {
			return err
		}
		a := adopts[k]
		if a == nil {
			a = &position.Adopt{Meta: r.meta(dawn), Key: k, Reason: "inventory"}
			adopts[k] = a
		}
		if a.Qty, err = a.Qty.Add(lot.Qty); err != nil {
			return err
		}
		a.Lots = append(a.Lots, lot)
		r.qty[k] = a.Qty
	}
	for k, a := range adopts {
		if r.method == position.Average {
			var cost position.Decimal
			for _, l := range a.Lots {
				n, err := l.Qty.Mul(*l.Price)
				if err != nil {
					return err
				}
				if cost, err = cost.Add(n); err != nil {
					return err
				}
			}
			a.Cost, a.Lots = &cost, nil
		}
		if err := r.ledger.Apply(*a); err != nil {
			return err
		}
		r.note(k)
	}
	if len(adopts) > 1 {
		r.use("inventory of several legs or currencies: a position each")
	}
	return nil
}

// note remembers the lots that a position has.
func (r *bookingRun) note(k position.Key) {
	p, _ := r.ledger.Position(k)
	r.lots[k] = map[uint64]position.Lot{}
	if p.Lots != nil {
		for _, l := range p.Lots.Open {
			r.lots[k][l.ID] = l
		}
	}
}

// lot reads a row. A lot whose date the case lost has that of the one that
// remains of the same price.
func (r *bookingRun) lot(l *bookingRow) (position.AdoptedLot, error) {
	qty, err := position.Parse(l.Qty)
	if err != nil {
		return position.AdoptedLot{}, err
	}
	price, err := position.Parse(l.Cost.Price)
	if err != nil {
		return position.AdoptedLot{}, err
	}
	date := l.Cost.Date
	for _, x := range slices.Concat(r.Expect.Remaining, []bookingRow{{Cost: &bookingCost{Price: l.Cost.Price, Date: "2010-01-01"}}}) {
		if date == "" && x.Cost != nil && x.Cost.Price == l.Cost.Price {
			date = x.Cost.Date
		}
	}
	at, err := wholeDay(date)
	return position.AdoptedLot{Qty: qty, Price: &price, Opened: at, Label: l.Cost.Label}, err
}

// ref selects lots by what a cost names.
func (c *bookingCost) ref(selects bool) *position.LotRef {
	ref := position.LotRef{Label: c.Label}
	if selects {
		ref.Opened = c.Date
		if price, err := position.Parse(c.Price); err == nil {
			ref.Price = &price
		}
	}
	if ref == (position.LotRef{}) {
		return nil
	}
	return &ref
}

var errCategory = errors.New("several cost currencies could be meant")

// batch makes the mutations of the transaction.
func (r *bookingRun) batch() ([]position.Mutation, error) {
	var out []position.Mutation
	for i := range r.Apply.Postings {
		m, err := r.posting(&r.Apply.Postings[i])
		if err != nil {
			return nil, err
		}
		if m != nil {
			out = append(out, m)
		}
	}
	return out, nil
}

func (r *bookingRun) posting(p *bookingRow) (position.Mutation, error) {
	qty, err := position.Parse(p.Qty)
	if err != nil || qty.IsZero() {
		return nil, err // the source takes a posting of nothing, which is refused here
	}
	at, err := wholeDay(p.date(r.Apply.Date))
	if err != nil {
		return nil, err
	}
	if p.Cost == nil { // not held at cost
		r.use("posting without cost: a charge of cash")
		return position.Charge{
			Meta: r.meta(at), Key: position.Key{Account: "source"}, Kind: position.Cash, Amount: qty, Currency: p.Symbol,
		}, nil
	}
	k, reduces, err := r.opposite(p, qty)
	if err != nil {
		return nil, err
	}
	if !reduces {
		if k, err = r.key(p.Symbol, p.Cost.Currency, sideOf(qty)); err != nil {
			return nil, err
		}
	}
	f := position.Fill{Meta: r.meta(at), Key: k, Side: position.Side(qty.Sign()), Qty: qty.Abs(), Lot: p.Cost.ref(reduces)}
	if reduces && (r.over == position.FlipOver || r.method == position.Average) {
		f.Lot = nil
	}
	price := p.Cost.Price
	if _, err = position.Parse(price); err != nil {
		r.use("no price: zero")
		price = "0"
	}
	if f.Price, err = position.Parse(price); err != nil {
		return nil, err
	}
	r.qty[k], err = r.qty[k].Add(qty)
	return f, err
}

// date is that of the lot, which the time of the fill becomes, for one that
// opens; a selection's is none.
func (p *bookingRow) date(transaction string) string {
	if p.Cost != nil && !strings.HasPrefix(p.Qty, "-") && p.Cost.Date != "" {
		return p.Cost.Date
	}
	return transaction
}

// opposite finds the position that a posting reduces.
func (r *bookingRun) opposite(p *bookingRow, qty position.Decimal) (key position.Key, found bool, err error) {
	if r.Accounting.Matching == "NONE" {
		return key, false, nil
	}
	held, matches := 0, 0
	for k, q := range r.qty {
		symbol, currency, _ := strings.Cut(k.Instrument, "/")
		if symbol != p.Symbol || q.Sign()*qty.Sign() >= 0 {
			continue
		}
		held++
		if p.Cost.Currency == "" || p.Cost.Currency == currency {
			key, found = k, true
			matches++
		}
	}
	switch {
	case matches > 1:
		return key, false, errCategory
	case held > 0 && matches == 0:
		return key, false, position.ErrNoLot
	}
	return key, found, nil
}
