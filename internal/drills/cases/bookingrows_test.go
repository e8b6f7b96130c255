package cases_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/position"
)

// This file reads what the cases of lot booking expect, which is rows of text:
// quantity, symbol, price, currency, date and label of a lot.

// refused compares a refusal.
func (r *bookingRun) refused(err error) error {
	for text, targets := range map[string][]error{
		"No position matches":          {position.ErrNoLot},
		"Ambiguous matches":            {position.ErrLotChoice},
		"Not enough lots to reduce":    {position.ErrNoLot, position.ErrOverReduction},
		"Failed to categorize posting": {errCategory},
	} {
		if r.Expect.Error == "" || !strings.HasPrefix(r.Expect.Error, text) {
			continue
		}
		for _, target := range targets {
			if errors.Is(err, target) {
				return nil
			}
		}
	}
	return fmt.Errorf("refused with %w, the source says %q", err, r.Expect.Error)
}

// bookedRow writes a row so that rows can be compared.
func bookedRow(qty position.Decimal, instrument, price, date, label string) string {
	symbol, currency, _ := strings.Cut(instrument, "/")
	if strings.HasPrefix(label, unnamed) {
		label = ""
	}
	return strings.Join(slices.DeleteFunc([]string{qty.String(), symbol, price, currency, date, label}, func(s string) bool { return s == "" }), " ")
}

func (r *bookingRun) lotRow(k position.Key, qty position.Decimal, l *position.Lot) (string, error) {
	price, err := l.Cost.Quo(l.Qty)
	return bookedRow(qty, k.Instrument, price.String(), l.Opened.Std().Format("2006-01-02"), l.Label), err
}

// wantRow writes an expected row; one without a date takes any.
func (r *bookingRun) wantRow(x *bookingRow, dates bool) (string, error) {
	qty, err := position.Parse(x.Qty)
	if err != nil {
		return "", err
	}
	if x.Cost == nil {
		return bookedRow(qty, x.Symbol, "", "", ""), nil
	}
	price, err := position.Parse(x.Cost.Price)
	if err != nil {
		return "", err
	}
	date, label := x.Cost.Date, x.Cost.Label
	if !dates {
		date, label = "", ""
	}
	return bookedRow(qty, x.Symbol+"/"+x.Cost.Currency, price.String(), date, label), nil
}

// booked compares the rows that the transaction booked: one for each lot that it
// took or made.
func (r *bookingRun) booked(results []holdfast.Result) error {
	if r.Expect.Booked == nil {
		return nil
	}
	var have []string
	for e, err := range r.ledger.History(r.ledger.tb.Context(), holdfast.Filter{Records: true}) {
		if err != nil {
			return err
		}
		if len(results) == 0 || e.Seq < results[0].First || e.Seq > results[len(results)-1].Last {
			continue
		}
		rows, err := r.rows(&e.Change)
		if err != nil {
			return err
		}
		have = append(have, rows...)
	}
	var want []string
	dates := r.method != position.Average
	for i := range r.Expect.Booked {
		x := &r.Expect.Booked[i]
		if x.Flag != "" { // how lots were merged before
			continue
		}
		row, err := r.wantRow(x, dates)
		if err != nil {
			return err
		}
		want = append(want, row)
	}
	return r.sameRows(have, want)
}

// sameRows compares in order. In the cases that the source skips, rows stand for
// the lots that were matched, without sign and date.
func (r *bookingRun) sameRows(have, want []string) error {
	if slices.Equal(have, want) {
		return nil
	}
	if r.Disabled || slices.ContainsFunc(r.Expect.Booked, func(x bookingRow) bool { return x.Cost != nil && x.Cost.Date == "" }) {
		r.use("booked: the matched lots are named")
		all := strings.Join(have, "\n")
		missing := slices.ContainsFunc(want, func(row string) bool { return !strings.Contains(all, row) })
		if !missing && len(have) >= len(want) {
			return nil
		}
	}
	return fmt.Errorf("booked %q, want %q", have, want)
}

// rows are those of one change.
func (r *bookingRun) rows(c *position.Change) ([]string, error) {
	if charge, ok := c.Cause.(position.Charge); ok {
		return []string{bookedRow(charge.Amount, charge.Currency, "", "", "")}, nil
	}
	if c.After == nil {
		return nil, nil
	}
	k := c.After.Key
	if r.method == position.Average {
		// The part that left is worth value − profit.
		cost, err := c.Value.Add(c.Realized)
		if err != nil {
			return nil, err
		}
		price, err := cost.Quo(c.Qty)
		return []string{bookedRow(c.Qty, k.Instrument, price.String(), "", "")}, err
	}
	var out []string
	for _, u := range c.Consumed {
		l, ok := r.lots[k][u.ID]
		if !ok {
			return nil, fmt.Errorf("lot %d was never opened", u.ID)
		}
		row, err := r.lotRow(k, u.Qty.Neg(), &l)
		if err != nil {
			return nil, err
		}
		out = append(out, row)
	}
	for i := range c.Opened {
		if r.lots[k] == nil {
			r.lots[k] = map[uint64]position.Lot{}
		}
		r.lots[k][c.Opened[i].ID] = c.Opened[i]
		row, err := r.lotRow(k, c.Opened[i].Qty, &c.Opened[i])
		if err != nil {
			return nil, err
		}
		out = append(out, row)
	}
	return out, nil
}

// remaining compares the inventory. The source adds to a lot what is bought on
// the same terms; here it is a lot of its own, so equal terms are added up.
func (r *bookingRun) remaining() error {
	if r.Expect.Remaining == nil {
		return nil
	}
	have := map[string]position.Decimal{}
	add := func(qty position.Decimal, row string) error {
		if _, ok := have[row]; ok {
			r.use("lots on the same terms are added up")
		}
		var err error
		have[row], err = have[row].Add(qty)
		return err
	}
	v := r.ledger.View()
	for p := range v.Positions() {
		if err := r.inventory(&p, add); err != nil {
			return err
		}
	}
	if a, ok := v.Account("source"); ok {
		for _, m := range a.Cash {
			if err := add(m.Value, m.Currency); err != nil {
				return err
			}
		}
	}
	want := map[string]position.Decimal{}
	for i := range r.Expect.Remaining {
		x := &r.Expect.Remaining[i]
		row, err := r.wantRow(x, r.method != position.Average)
		if err != nil {
			return err
		}
		qty, row, _ := strings.Cut(row, " ")
		d, err := position.Parse(qty)
		if err != nil {
			return err
		}
		if r.method == position.Average {
			var price, cost position.Decimal
			if price, err = position.Parse(x.Cost.Price); err != nil {
				return err
			}
			row = x.Symbol + "/" + x.Cost.Currency
			if cost, err = d.Mul(price); err != nil {
				return err
			}
			if want[row+" cost"], err = want[row+" cost"].Add(cost); err != nil {
				return err
			}
		}
		if want[row], err = want[row].Add(d); err != nil {
			return err
		}
	}
	if fmt.Sprint(have) != fmt.Sprint(want) {
		return fmt.Errorf("remaining %v, want %v", have, want)
	}
	return nil
}

func (r *bookingRun) inventory(p *position.Position, add func(position.Decimal, string) error) error {
	if p.Lots == nil {
		if !p.IsOpen() {
			return nil
		}
		if err := add(p.Cost, p.Key.Instrument+" cost"); err != nil {
			return err
		}
		return add(p.Qty, p.Key.Instrument)
	}
	for i := range p.Lots.Open {
		l := &p.Lots.Open[i]
		row, err := r.lotRow(p.Key, l.Qty, l)
		if err != nil {
			return err
		}
		_, row, _ = strings.Cut(row, " ")
		if err = add(l.Qty, row); err != nil {
			return err
		}
	}
	return nil
}
