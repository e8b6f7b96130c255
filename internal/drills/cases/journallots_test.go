package cases_test

import (
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strings"

	"github.com/moneyprinter/holdfast/position"
)

// This file compares with what the cases of journals expect: errors, lots that
// remain, gains.

// refused compares a refusal: the texts of the source stand for errors of ours,
// and "Using …" for the method in force.
func (r *journalRun) refused(err error) error {
	want := regexp.MustCompile(`.^`)
	if r.Expect.Error != "" {
		want = regexp.MustCompile(r.Expect.Error)
	}
	var field *position.FieldError
	noPrice := errors.As(err, &field) && field.Field == "price"
	for _, x := range []struct {
		text string
		is   bool
	}{
		{"insufficient lots", errors.Is(err, position.ErrNoLot) || errors.Is(err, position.ErrOverReduction)},
		{"no lots available", errors.Is(err, position.ErrNoLot) || errors.Is(err, position.ErrUnknownPosition)},
		{"ambiguous", errors.Is(err, position.ErrLotChoice)},
		{"no transacted price", noPrice},
	} {
		if x.is && want.MatchString(x.text) {
			return nil
		}
	}
	last := r.Transactions[len(r.Transactions)-1].Postings[0]
	name, source := r.method(last.Account, last.Symbol)
	lots := errors.Is(err, position.ErrNoLot) || errors.Is(err, position.ErrOverReduction) || field != nil && field.Field == "lot"
	if lots && want.MatchString(fmt.Sprintf("Using %s (%s)", name, source)) {
		r.use("error: the method is that of the instrument")
		return nil
	}
	return fmt.Errorf("refused with %w, the source says %q", err, r.Expect.Error)
}

// remaining compares the lots of the accounts that hold any.
func (r *journalRun) remaining() error {
	var have []string
	for p := range r.ledger.View().Positions() {
		if p.Lots == nil || !holds(p.Key.Account) {
			continue
		}
		for _, l := range p.Lots.Open {
			symbol, _, _ := strings.Cut(p.Key.Instrument, "@")
			unit := new(big.Rat).Quo(rat(l.Cost), rat(l.Qty))
			if strings.HasPrefix(l.Label, unnamed) {
				l.Label = ""
			}
			have = append(have, strings.Join([]string{p.Key.Account, symbol, l.Qty.String(), l.Opened.Std().Format("2006-01-02"), l.Label, unit.FloatString(8)}, " "))
		}
	}
	var want []string
	for _, x := range r.Expect.Remaining {
		qty, err := position.Parse(x.Qty)
		if err != nil {
			return err
		}
		s, err := readSpec(x.Lot)
		if err != nil {
			return err
		}
		row := strings.Join([]string{x.Account, x.Symbol, qty.String(), s.date, s.label, ""}, " ")
		if s.price != nil {
			row += rat(*s.price).FloatString(8)
		}
		want = append(want, row)
	}
	return sameLots(have, want)
}

// sameLots compares without order; a wanted lot may leave out the cost.
func sameLots(have, want []string) error {
	rest := slices.Clone(have)
	for _, w := range want {
		i := slices.IndexFunc(rest, func(h string) bool { return strings.HasPrefix(h, w) })
		if i < 0 {
			return fmt.Errorf("remaining %q, want %q", have, want)
		}
		rest = slices.Delete(rest, i, i+1)
	}
	if len(rest) > 0 {
		return fmt.Errorf("remaining %q, want %q", have, want)
	}
	return nil
}

// gains compares the profit with the postings to revenue, where there are any.
func (r *journalRun) gains() error {
	want, spent := new(big.Rat), false
	for _, t := range r.Transactions {
		for _, p := range t.Postings {
			if c, ok := new(big.Rat).SetString(p.Cash); ok && p.Account == "revenue:gains" {
				want.Sub(want, c)
			}
			spent = spent || p.Qty != "" && !holds(p.Account)
		}
	}
	if want.Sign() == 0 || spent { // what is spent in kind gains as well
		return nil
	}
	have := new(big.Rat)
	for p := range r.ledger.View().Positions() {
		life, ok := p.Lifetime()
		if !ok {
			return errUnknown
		}
		have.Add(have, rat(life.Realized))
	}
	if have.Cmp(want) != 0 {
		return fmt.Errorf("gain %s, want %s", have.RatString(), want.RatString())
	}
	return nil
}
