package cases_test

import (
	"encoding/json"
	"fmt"
	"math/big"
	"testing"

	"github.com/moneyprinter/holdfast/position"
)

// Cases of a venue's live position: adopted, marked, compared.

type venueSource struct {
	caseHead
	Instrument struct {
		Symbol, Multiplier, Base, Quote, Settlement string
		Inverse                                     bool
	}
	Initial struct {
		SignedQty string `json:"signed_qty"`
		AvgOpen   string `json:"avg_open"`
	}
	Mark   string
	Expect map[string]json.RawMessage
}

func venueCase(tb testing.TB, raw json.RawMessage) (policies, error) {
	tb.Helper()
	var c venueSource
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, err
	}
	l, key := newLedger(tb), position.Key{Account: "source", Instrument: c.Instrument.Symbol}
	terms := position.Terms{Base: c.Instrument.Base, Quote: c.Instrument.Quote, Settlement: c.Instrument.Settlement}
	if c.Instrument.Inverse {
		terms.Kind = position.Inverse
	}
	var d [4]position.Decimal
	for i, s := range []string{c.Instrument.Multiplier, c.Initial.SignedQty, c.Initial.AvgOpen, c.Mark} {
		var err error
		if d[i], err = position.Parse(s); err != nil {
			return nil, err
		}
	}
	terms.Multiplier = d[0]
	for _, m := range []position.Mutation{
		position.DefineInstrument{Instrument: key.Instrument, Terms: terms},
		position.Adopt{Key: key, Qty: d[1], Price: &d[2], Reason: "as the venue has it"},
		position.Mark{Instrument: key.Instrument, Price: d[3]},
	} {
		if err := l.Apply(m); err != nil {
			return nil, err
		}
	}
	p, _ := l.Position(key)
	for name, want := range c.Expect {
		have, ok := venueFigure(&p, name)
		if !ok {
			return nil, fmt.Errorf("%s: %w", name, errUnknown)
		}
		if err := number(have, want, exact); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	if len(c.Expect) == 0 {
		return nil, fmt.Errorf("nothing was checked")
	}
	return nil, nil
}

// venueFigure names what venues show; cost and value are unsigned there.
func venueFigure(p *position.Position, name string) (*big.Rat, bool) {
	var d position.Decimal
	ok := true
	switch name {
	case "unrealized_pnl":
		d, ok = p.Unrealized(p.Mark)
	case "mark_value":
		d, ok = p.MarkValue(p.Mark)
		d = d.Abs()
	case "entry_cost":
		d = p.Cost.Abs()
	case "signed_qty":
		d = p.Qty
	case "avg_open":
		d, ok = p.AvgEntry()
	case "realized_pnl":
		d = p.Totals.Realized
	default:
		return nil, false
	}
	return rat(d), ok
}
