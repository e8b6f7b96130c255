package main

import (
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/moneyprinter/holdfast/cmd/holdfast/render"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
	"github.com/moneyprinter/holdfast/report"
)

// totalsFlags ask for sums of positions.
type totalsFlags struct {
	by, in string
	rates  []string
}

func (f *totalsFlags) flags(cmd *cobra.Command) {
	p := cmd.Flags()
	p.StringVar(&f.by, "totals", "", "sums instead of positions, by account, instrument or strategy")
	p.StringVar(&f.in, "in", "", "with --totals: the currency to convert into")
	p.StringArrayVar(&f.rates, "rate", nil, "with --in: what one unit of a currency is worth, such as XBT=61250.5; may be repeated")
}

func (f *totalsFlags) check() error {
	switch {
	case f.by == "" && f.in+strings.Join(f.rates, "") != "":
		return usagef("--in and --rate are for --totals")
	case f.in == "" && len(f.rates) > 0:
		return usagef("--rate needs --in: which currency is it to be?")
	case f.by == "":
		return nil
	}
	if _, err := report.ParseDimension(f.by); err != nil {
		return usagef("--totals %q: choose account, instrument or strategy", f.by)
	}
	_, err := f.parseRates()
	return err
}

func (f *totalsFlags) parseRates() (report.Rates, error) {
	rates := make(report.Rates, len(f.rates))
	for _, r := range f.rates {
		ccy, value, ok := strings.Cut(r, "=")
		if !ok || ccy == "" {
			return nil, usagef("--rate %q: give CCY=RATE, such as XBT=61250.5", r)
		}
		d, err := position.Parse(value)
		if err != nil || d.Sign() <= 0 {
			return nil, usagef("--rate %q: %q is no positive number", r, value)
		}
		if _, twice := rates[ccy]; twice || ccy == f.in {
			return nil, usagef("--rate %q: %s has a rate already", r, ccy)
		}
		rates[ccy] = d
	}
	return rates, nil
}

// totalRow is one group in one currency.
type totalRow struct {
	By         string       `json:"by"`
	Group      string       `json:"group"`
	Currency   string       `json:"currency"`
	Positions  int          `json:"positions"`
	Open       int          `json:"open"`
	Unmarked   int          `json:"unmarked"` // open and not valued, for want of a mark
	Wins       uint64       `json:"wins"`
	Losses     uint64       `json:"losses"`
	Realized   render.Text  `json:"realized"`
	Fees       render.Text  `json:"fees"`
	InCost     render.Text  `json:"fees_in_cost"` // those of them that are in realized already
	Funding    render.Text  `json:"funding"`
	Charges    render.Text  `json:"charges"`
	Net        render.Text  `json:"net"`
	Unrealized *render.Text `json:"unrealized"` // null where no open position in the currency is valued
	Exposure   *render.Text `json:"exposure"`   // the same
}

func totalColumns(table bool) []render.Column[totalRow] {
	num := func(title string, get func(*totalRow) render.Text) render.Column[totalRow] {
		return render.Column[totalRow]{Title: title, Right: true, Cell: func(r *totalRow) string {
			if table {
				return render.Short(get(r))
			}
			return string(get(r))
		}}
	}
	count := func(title string, get func(*totalRow) uint64) render.Column[totalRow] {
		return render.Column[totalRow]{Title: title, Right: true, Cell: func(r *totalRow) string { return position.FromInt(int64(get(r))).String() }}
	}
	known := func(title string, get func(*totalRow) *render.Text) render.Column[totalRow] {
		return num(title, func(r *totalRow) render.Text {
			if v := get(r); v != nil {
				return *v
			}
			return ""
		})
	}
	cols := []render.Column[totalRow]{{Title: "by", Cell: func(r *totalRow) string { return r.By }}}
	if table {
		cols = nil
	}
	inCost := num("fees_in_cost", func(r *totalRow) render.Text { return r.InCost })
	cols = append(cols,
		render.Column[totalRow]{Title: "group", Cell: func(r *totalRow) string { return r.Group }},
		render.Column[totalRow]{Title: "currency", Cell: func(r *totalRow) string { return r.Currency }},
		count("positions", func(r *totalRow) uint64 { return uint64(r.Positions) }),
		count("open", func(r *totalRow) uint64 { return uint64(r.Open) }),
		count("wins", func(r *totalRow) uint64 { return r.Wins }),
		count("losses", func(r *totalRow) uint64 { return r.Losses }),
		num("realized", func(r *totalRow) render.Text { return r.Realized }),
		num("fees", func(r *totalRow) render.Text { return r.Fees }),
	)
	if table {
		shown := render.Sparsely(inCost)
		shown.Cell = func(r *totalRow) string {
			if r.InCost == "0" {
				return ""
			}
			return render.Short(r.InCost)
		}
		cols = append(cols, shown)
	}
	cols = append(cols,
		num("funding", func(r *totalRow) render.Text { return r.Funding }),
		num("charges", func(r *totalRow) render.Text { return r.Charges }),
		num("net", func(r *totalRow) render.Text { return r.Net }),
		known("unrealized", func(r *totalRow) *render.Text { return r.Unrealized }),
		known("exposure", func(r *totalRow) *render.Text { return r.Exposure }),
	)
	if !table { // programs find the others where they were
		cols = append(cols, inCost, count("unmarked", func(r *totalRow) uint64 { return uint64(r.Unmarked) }))
	}
	return cols
}

func (a *app) printTotals(v *projector.View, f *positionsFlags) error {
	by, err := report.ParseDimension(f.by)
	if err != nil {
		return err
	}
	rates, err := f.parseRates()
	if err != nil {
		return err
	}
	list, err := report.Summarize(chosen(v, f), by, f.in, rates)
	if err != nil {
		return err
	}
	s := sheetOf(a, totalColumns(true), totalColumns(false))
	s.Known = f.known
	for i := range list {
		x := &list[i]
		if len(x.MissingRates) > 0 {
			a.notef("holdfast: %s %s: no rate for %s: give --rate CCY=RATE; those amounts stay as they are", by, x.Group, strings.Join(x.MissingRates, ", "))
		}
		if x.Unmarked > 0 {
			a.notef("holdfast: %s %s: %s without a mark that fits, not in unrealized and exposure", by, x.Group, render.Counted(x.Unmarked, "open position"))
		}
		for _, row := range totalRows(x, by) {
			if err := s.AddValue(row); err != nil {
				return err
			}
		}
	}
	return s.End("no positions")
}

// chosen are all positions that the flags select, flat ones too: their lives
// count.
func chosen(v *projector.View, f *positionsFlags) iter.Seq[position.Position] {
	return func(yield func(position.Position) bool) {
		for p := range v.Positions() {
			if f.selects(p.Key) && !yield(p) {
				return
			}
		}
	}
}

// totalRows are the currencies of a group, converted where that was asked for.
func totalRows(x *report.Summary, by report.Dimension) []totalRow {
	sums := &x.Sums
	if x.Currency != "" {
		sums = &x.Converted
	}
	parts := []position.Amounts{sums.Realized, sums.Fees, sums.FeesInCost, sums.Funding, sums.Charges, sums.Net}
	worth := []position.Amounts{sums.Unrealized, sums.Exposure}
	currencies := make(map[string]bool)
	if x.Currency != "" {
		currencies[x.Currency] = true
	} else {
		for _, ccy := range x.Settlements {
			currencies[ccy] = true
		}
	}
	for _, part := range append(parts, worth...) {
		for _, m := range part {
			currencies[m.Currency] = true
		}
	}
	for _, ccy := range sums.Unvalued {
		currencies[ccy] = true
	}
	var rows []totalRow
	for _, ccy := range slices.Sorted(maps.Keys(currencies)) {
		row := totalRow{
			By: by.String(), Group: x.Group, Currency: ccy,
			Positions: x.Positions, Open: x.Open, Unmarked: x.Unmarked, Wins: x.Wins, Losses: x.Losses,
		}
		for i, to := range []*render.Text{&row.Realized, &row.Fees, &row.InCost, &row.Funding, &row.Charges, &row.Net} {
			*to = render.Text(parts[i].Get(ccy).String())
		}
		if !slices.Contains(sums.Unvalued, ccy) {
			for i, to := range []**render.Text{&row.Unrealized, &row.Exposure} {
				v := render.Text(worth[i].Get(ccy).String())
				*to = &v
			}
		}
		rows = append(rows, row)
	}
	return rows
}
