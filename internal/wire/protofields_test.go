package wire_test

import (
	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/moneyprinter/holdfast/internal/sample"
	"github.com/moneyprinter/holdfast/position"
)

// What a stranger must find in our bytes, message by message.

func keyFields(k position.Key) any {
	if k == (position.Key{}) {
		return nil
	}
	return func(s wireMessage) {
		s.compare(map[string]any{"account": k.Account, "instrument": k.Instrument, "strategy": k.Strategy, "leg": k.Leg})
	}
}

// termsFields are those of a definition, which are as they were given.
func termsFields(t position.Terms) any {
	if t == (position.Terms{}) {
		return nil
	}
	return func(s wireMessage) {
		s.compare(map[string]any{
			"kind": protoreflect.EnumNumber(t.Kind), "multiplier": t.Multiplier,
			"base": t.Base, "quote": t.Quote, "settlement": t.Settlement,
			"cost_method": protoreflect.EnumNumber(t.CostMethod), "over_reduction": protoreflect.EnumNumber(t.OverReduction),
			"rounding": roundingFields(t.Rounding), "base_fee": protoreflect.EnumNumber(t.BaseFee),
		})
	}
}

// imageTerms leaves out the defaults, as images do.
func imageTerms(t *position.Terms) any {
	u := *t
	if u.Multiplier == num("1") {
		u.Multiplier = position.Decimal{}
	}
	if u.CostMethod == position.Average {
		u.CostMethod = 0
	}
	if u.OverReduction == position.FlipOver {
		u.OverReduction = 0
	}
	return termsFields(u)
}

func roundingFields(r position.Rounding) any {
	if r == (position.Rounding{}) {
		return nil
	}
	return func(s wireMessage) {
		s.compare(map[string]any{
			"value": roundFields(r.Value), "value_per": r.ValuePer, "average": roundFields(r.Average), "realized": roundFields(r.Realized),
		})
	}
}

func roundFields(r position.Round) any {
	if r == (position.Round{}) {
		return nil
	}
	return func(s wireMessage) {
		s.compare(map[string]any{"mode": protoreflect.EnumNumber(r.Mode), "digits": uint64(r.Digits), "significant": r.Significant})
	}
}

func amountFields(a position.Amounts) []func(wireMessage) {
	var out []func(wireMessage)
	for _, x := range a {
		out = append(out, func(s wireMessage) { s.compare(map[string]any{"currency": x.Currency, "value": x.Value}) })
	}
	return out
}

func totalsWants(t position.Totals) map[string]any {
	return map[string]any{
		"realized": t.Realized, "funding": t.Funding, "fees": amountFields(t.Fees), "charges": amountFields(t.Charges),
	}
}

func totalsFields(t position.Totals) any {
	if t.Realized.IsZero() && t.Funding.IsZero() && len(t.Fees) == 0 && len(t.Charges) == 0 {
		return nil
	}
	return func(s wireMessage) { s.compare(totalsWants(t)) }
}

func lifetimeFields(l *position.Lifetime) any {
	if l == nil {
		return nil
	}
	return func(s wireMessage) {
		wants := totalsWants(l.Totals)
		wants["wins"], wants["losses"] = l.Wins, l.Losses
		s.compare(wants)
	}
}

func metaFields(items []position.MetaItem) []func(wireMessage) {
	var out []func(wireMessage)
	for _, x := range items {
		out = append(out, func(s wireMessage) { s.compare(map[string]any{"name": x.Name, "value": x.Value}) })
	}
	return out
}

func conditionsFields(c *position.Conditions) any {
	if c == nil {
		return nil
	}
	return func(s wireMessage) {
		require.Equal(s.tb, c.HasStop, s.has("stop"))
		s.compare(map[string]any{"stop": c.Stop, "targets": c.Targets, "tags": c.Tags, "meta": metaFields(c.Meta)})
	}
}

// unless returns nil for what is left out because the cause says it.
func unless[T comparable](v, usual T) *T {
	if v == usual {
		return nil
	}
	return &v
}

func lotFields(lots []position.Lot, cause position.Mutation) []func(wireMessage) {
	id, time := "", position.Time(0)
	if cause != nil {
		id, time = cause.ID(), cause.EventTime()
	}
	var out []func(wireMessage)
	for _, l := range lots {
		out = append(out, func(s wireMessage) {
			s.compare(map[string]any{"id": l.ID, "qty": l.Qty, "cost": l.Cost, "opened": unless(l.Opened, time), "label": unless(l.Label, id)})
		})
	}
	return out
}

func useFields(uses []position.LotUse) []func(wireMessage) {
	var out []func(wireMessage)
	for _, u := range uses {
		out = append(out, func(s wireMessage) { s.compare(map[string]any{"id": u.ID, "qty": u.Qty, "cost": u.Cost}) })
	}
	return out
}

// lotsFields are all lots of a position by itself, in a change their number.
func lotsFields(l *position.Lots, inChange bool) any {
	if l == nil {
		return nil
	}
	sum := l.Sum[:]
	if l.Sum == [16]byte{} {
		sum = nil
	}
	return func(s wireMessage) {
		wants := map[string]any{"count": uint64(0), "next": l.Next, "sum": sum, "open": lotFields(l.Open, nil)}
		if inChange {
			wants["count"], wants["open"] = uint64(l.Count), lotFields(nil, nil)
		}
		s.compare(wants)
	}
}

// positionFields are those of a position by itself or, with a cause, in a change.
func positionFields(p *position.Position, cause position.Mutation) func(wireMessage) {
	key, time := keyFields(p.Key), position.Time(0)
	if cause != nil {
		time = cause.EventTime()
		if k, ok := sample.KeyOf(cause); ok && k == p.Key {
			key = nil
		}
	}
	return func(s wireMessage) {
		require.Equal(s.tb, p.HasMark, s.has("mark"))
		s.compare(map[string]any{
			"key": key, "terms": imageTerms(p.Terms), "cycle": p.Cycle, "version": p.Version,
			"qty": p.Qty, "cost": p.Cost, "entry_qty": p.EntryQty, "exit_qty": p.ExitQty,
			"entry_value": p.EntryValue, "exit_value": p.ExitValue, "peak_qty": p.PeakQty, "last_entry": p.LastEntry,
			"totals": totalsFields(p.Totals), "prior": lifetimeFields(p.Prior), "high": p.High, "low": p.Low, "mark": p.Mark,
			"entries": uint64(p.Entries), "exits": uint64(p.Exits), "short": p.Short, "residue": p.Residue,
			"opened_at": p.OpenedAt, "closed_at": p.ClosedAt, "updated_at": unless(p.UpdatedAt, time),
			"lots": lotsFields(p.Lots, cause != nil), "conditions": conditionsFields(p.Conditions),
		})
	}
}

func instrumentFields(i *position.Instrument) func(wireMessage) {
	return func(s wireMessage) {
		s.compare(map[string]any{
			"name": i.Name, "terms": imageTerms(i.Terms), "defined": i.Defined,
			"mark": i.Mark, "mark_time": i.MarkTime, "version": i.Version,
			"price_increment": i.PriceIncrement, "size_increment": i.SizeIncrement,
			"split_time": i.SplitTime, "split_ratio": i.SplitRatio, "split_per": i.SplitPer,
		})
	}
}

func accountFields(a *position.Account) func(wireMessage) {
	return func(s wireMessage) {
		s.compare(map[string]any{
			"name": a.Name, "cash": amountFields(a.Cash), "fees": amountFields(a.Fees), "funding": amountFields(a.Funding),
			"interest": amountFields(a.Interest), "dividends": amountFields(a.Dividends), "realized": amountFields(a.Realized),
			"other": amountFields(a.Other), "version": a.Version,
		})
	}
}

func changeFields(c *position.Change) func(wireMessage) {
	parts := uint64(c.Parts)
	if parts == 1 {
		parts = 0
	}
	wants := map[string]any{
		"kind": protoreflect.EnumNumber(c.Kind), "part": uint64(c.Part), "parts": parts, "prev": c.Prev, "fill": c.Fill,
		"cause": mutationFields(c.Cause), "qty": c.Qty, "value": c.Value, "realized": c.Realized, "fee": c.Fee,
		"consumed": useFields(c.Consumed), "opened": lotFields(c.Opened, c.Cause),
		"after": nil, "instrument": nil, "account": nil, "epoch": nil,
	}
	if f, ok := c.Cause.(position.Fill); ok {
		all := f.Qty
		if f.Side == position.Sell {
			all = all.Neg()
		}
		wants["qty"], wants["fee"] = unless(c.Qty, all), unless(c.Fee, f.Fee)
	} else {
		wants["qty"], wants["fee"] = unless(c.Qty, position.Decimal{}), unless(c.Fee, position.Decimal{})
	}
	if c.After != nil {
		wants["after"] = positionFields(c.After, c.Cause)
	}
	if c.Instrument != nil {
		wants["instrument"] = instrumentFields(c.Instrument)
	}
	if c.Account != nil {
		wants["account"] = accountFields(c.Account)
	}
	if c.Epoch != nil {
		wants["epoch"] = func(s wireMessage) {
			s.compare(map[string]any{"build": c.Epoch.Build, "arithmetic": uint64(c.Epoch.Arithmetic), "salt": c.Epoch.Salt[:], "identity": c.Epoch.Identity, "fingerprint_key": c.Epoch.Prints[:]})
		}
	}
	return func(s wireMessage) { s.compare(wants) }
}
