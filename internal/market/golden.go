package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"math/big"
	"slices"
)

// goldenPosition is one key's result. Numbers are exact.
type goldenPosition struct {
	Account    string            `json:"account"`
	Instrument string            `json:"instrument"`
	Strategy   string            `json:"strategy"`
	Leg        string            `json:"leg"`
	Settlement string            `json:"settlement"`
	Cycle      int               `json:"cycle"`
	Version    int               `json:"version"`
	Qty        string            `json:"qty"`
	Cost       string            `json:"cost"`
	EntryQty   string            `json:"entry_qty"`
	ExitQty    string            `json:"exit_qty"`
	PeakQty    string            `json:"peak_qty"`
	Realized   string            `json:"realized"`
	Funding    string            `json:"funding"`
	Fees       map[string]string `json:"fees"`
	Charges    map[string]string `json:"charges"`
	Lifetime   goldenSums        `json:"lifetime"`
}

type goldenSums struct {
	Realized string            `json:"realized"`
	Funding  string            `json:"funding"`
	Fees     map[string]string `json:"fees"`
	Charges  map[string]string `json:"charges"`
}

type goldenFile struct {
	Seed       uint64                       `json:"seed"`
	Lines      int                          `json:"lines"`
	Fills      int                          `json:"fills"`
	VenueFills int                          `json:"venue_fills"`
	Marks      map[string]string            `json:"marks"`
	Accounts   map[string]map[string]string `json:"accounts"`
	Positions  []goldenPosition             `json:"positions"`
}

// golden returns the results as JSON, sorted by key.
func (w *world) golden() ([]byte, error) {
	f := goldenFile{
		Seed: w.seed, Lines: w.count, Fills: w.fills, VenueFills: len(w.rows),
		Marks: texts(w.book.marks), Accounts: map[string]map[string]string{},
	}
	for name, m := range w.book.accounts {
		f.Accounts[name] = texts(m)
	}
	for k, h := range w.book.positions {
		life := holding{now: h.now, before: h.before}
		life.before.fees, life.before.charges = maps.Clone(h.before.fees), maps.Clone(h.before.charges)
		life.closeSums()
		f.Positions = append(f.Positions, goldenPosition{
			Account: k.account, Instrument: k.instrument, Strategy: k.strategy, Leg: k.leg, Settlement: h.product.settlement,
			Cycle: h.cycle, Version: h.version, Qty: text(h.qty), Cost: text(h.cost),
			EntryQty: text(h.entered), ExitQty: text(h.exited), PeakQty: text(h.peak),
			Realized: text(h.now.realized), Funding: text(h.now.funding), Fees: texts(h.now.fees), Charges: texts(h.now.charges),
			Lifetime: goldenSums{
				Realized: text(life.before.realized), Funding: text(life.before.funding),
				Fees: texts(life.before.fees), Charges: texts(life.before.charges),
			},
		})
	}
	slices.SortFunc(f.Positions, func(a, b goldenPosition) int {
		return cmp.Or(cmp.Compare(a.Account, b.Account), cmp.Compare(a.Instrument, b.Instrument),
			cmp.Compare(a.Strategy, b.Strategy), cmp.Compare(a.Leg, b.Leg))
	})
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", " ")
	err := e.Encode(f)
	return b.Bytes(), err
}

// texts writes sums, without those that are zero.
func texts[M ~map[string]*big.Rat](m M) map[string]string {
	out := map[string]string{}
	for name, v := range m {
		if v.Sign() != 0 {
			out[name] = text(v)
		}
	}
	return out
}
