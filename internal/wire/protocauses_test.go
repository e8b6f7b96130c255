package wire_test

import (
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/moneyprinter/holdfast/position"
)

func amendFields(a position.Amend) map[string]any {
	wants := map[string]any{
		"id": a.Ident, "time": a.Time, "key": keyFields(a.Key), "stop": a.Stop, "no_stop": a.NoStop,
		"targets": nil, "tags": nil, "metadata": nil,
	}
	if a.Targets != nil {
		wants["targets"] = func(s wireMessage) { s.compare(map[string]any{"values": a.Targets}) }
	}
	if a.Tags != nil {
		wants["tags"] = func(s wireMessage) { s.compare(map[string]any{"values": a.Tags}) }
	}
	if a.Metadata != nil {
		var items []position.MetaItem
		for name, value := range a.Metadata {
			items = append(items, position.MetaItem{Name: name, Value: value})
		}
		slices.SortFunc(items, func(x, y position.MetaItem) int {
			if x.Name < y.Name {
				return -1
			}
			return 1
		})
		wants["metadata"] = func(s wireMessage) { s.compare(map[string]any{"items": metaFields(items)}) }
	}
	return wants
}

func refFields(l *position.LotRef) any {
	if l == nil {
		return nil
	}
	return func(s wireMessage) {
		s.compare(map[string]any{"label": l.Label, "price": l.Price, "opened": l.Opened})
	}
}

func sideField(s position.Side) protoreflect.EnumNumber {
	return map[position.Side]protoreflect.EnumNumber{position.Buy: 0, position.Sell: 1}[s]
}

func adoptFields(a position.Adopt) map[string]any {
	var lots []func(wireMessage)
	for _, l := range a.Lots {
		lots = append(lots, func(s wireMessage) {
			s.compare(map[string]any{"qty": l.Qty, "price": l.Price, "cost": l.Cost, "opened": l.Opened, "label": l.Label})
		})
	}
	return map[string]any{
		"id": a.Ident, "time": a.Time, "key": keyFields(a.Key), "qty": a.Qty, "price": a.Price, "cost": a.Cost, "lots": lots,
		"realized": a.Realized, "funding": a.Funding, "high": a.High, "low": a.Low, "opened": a.Opened, "reason": a.Reason, "ref": a.Ref,
	}
}

func mutationFields(m position.Mutation) any {
	if m == nil {
		return nil
	}
	name, fields := causeFields(m)
	if fields == nil {
		name, fields = moveFields(m)
	}
	wants := map[string]any{name: func(s wireMessage) { s.compare(fields) }}
	for _, other := range []string{
		"fill", "mark", "charge", "amend", "define_instrument", "split", "settle", "transfer", "adjust", "adopt", "bust", "correct",
	} {
		if other != name {
			wants[other] = nil
		}
	}
	return func(s wireMessage) { s.compare(wants) }
}

func causeFields(m position.Mutation) (string, map[string]any) {
	switch m := m.(type) {
	case position.Fill:
		return "fill", map[string]any{
			"id": m.Ident, "time": m.Time, "key": keyFields(m.Key), "side": sideField(m.Side),
			"qty": m.Qty, "price": m.Price, "fee": m.Fee, "fee_currency": m.FeeCurrency, "lot": refFields(m.Lot),
			"reduce_only": m.ReduceOnly,
		}
	case position.Mark:
		return "mark", map[string]any{"id": m.Ident, "time": m.Time, "instrument": m.Instrument, "price": m.Price}
	case position.Charge:
		return "charge", map[string]any{
			"id": m.Ident, "time": m.Time, "key": keyFields(m.Key), "kind": protoreflect.EnumNumber(m.Kind),
			"amount": m.Amount, "currency": m.Currency, "in_cost": m.InCost,
		}
	case position.Amend:
		return "amend", amendFields(m)
	case position.DefineInstrument:
		return "define_instrument", map[string]any{
			"id": m.Ident, "time": m.Time, "instrument": m.Instrument, "terms": termsFields(m.Terms),
			"price_increment": m.PriceIncrement, "size_increment": m.SizeIncrement,
		}
	}
	return "", nil
}

func moveFields(m position.Mutation) (string, map[string]any) {
	switch m := m.(type) {
	case position.Split:
		return "split", map[string]any{
			"id": m.Ident, "time": m.Time, "instrument": m.Instrument, "ratio": m.Ratio, "per": m.Per,
			"increment": m.Increment, "cash_price": m.CashPrice,
		}
	case position.Settle:
		return "settle", map[string]any{
			"id": m.Ident, "time": m.Time, "instrument": m.Instrument, "price": m.Price, "reason": protoreflect.EnumNumber(m.Reason),
		}
	case position.Transfer:
		return "transfer", map[string]any{
			"id": m.Ident, "time": m.Time, "key": keyFields(m.Key), "to_account": m.ToAccount, "to_strategy": m.ToStrategy,
			"to_leg": m.ToLeg, "qty": m.Qty, "lot": refFields(m.Lot),
		}
	case position.Adjust:
		return "adjust", map[string]any{
			"id": m.Ident, "time": m.Time, "key": keyFields(m.Key), "qty": m.Qty, "price": m.Price, "cost": m.Cost,
			"realized": m.Realized, "funding": m.Funding, "reason": m.Reason, "ref": m.Ref,
			"spread": protoreflect.EnumNumber(m.Spread),
		}
	case position.Adopt:
		return "adopt", adoptFields(m)
	case position.Bust:
		return "bust", map[string]any{"id": m.Ident, "time": m.Time, "key": keyFields(m.Key), "fill": m.Fill, "reason": m.Reason}
	case position.Correct:
		return "correct", map[string]any{
			"id": m.Ident, "time": m.Time, "key": keyFields(m.Key), "fill": m.Fill, "side": sideField(m.Side), "qty": m.Qty,
			"price": m.Price, "fee": m.Fee, "fee_currency": m.FeeCurrency, "reason": m.Reason,
		}
	}
	return "", nil
}
