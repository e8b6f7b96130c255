package statefile

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed/internal/tabular"
	"github.com/moneyprinter/holdfast/position"
)

// written is a position in the layout of the bots, with the members of both
// forms that their files have. Numbers are numbers there.
type written struct {
	Mint          string        `json:"mint"`
	Symbol        string        `json:"symbol"`
	Side          string        `json:"side,omitempty"` // theirs are always long
	EntryPrice    json.Number   `json:"entryPrice,omitempty"`
	Size          json.Number   `json:"size"` // money
	CurrentPrice  json.Number   `json:"currentPrice,omitempty"`
	RemainingSize json.Number   `json:"remainingSize"`
	HighPrice     json.Number   `json:"highPrice"`
	HighestPrice  json.Number   `json:"highestPrice"`
	LowestPrice   json.Number   `json:"lowestPrice"`
	EntryTime     int64         `json:"entryTime"`
	State         string        `json:"state"`
	ProfitLoss    *writtenGain  `json:"profitLoss,omitempty"`
	HoldTime      int64         `json:"holdTime"`
	MaxUpside     json.Number   `json:"maxUpside,omitempty"`
	MaxDrawdown   json.Number   `json:"maxDrawdown,omitempty"`
	LastUpdate    int64         `json:"lastUpdate"`
	PartialExits  []writtenExit `json:"partialExits"`
	Own           *writtenOwn   `json:"holdfast"`
}

type writtenGain struct {
	Percentage json.Number `json:"percentage"`
	Amount     json.Number `json:"amount"`
}

type writtenExit struct {
	Portion    json.Number `json:"portion"`
	ExitPrice  json.Number `json:"exitPrice"`
	ProfitLoss json.Number `json:"profitLoss"` // percent
	Timestamp  int64       `json:"timestamp"`
}

// writtenOwn is what the layout has no room for: the mutations that make the
// position. They count as long as nobody changed the size.
type writtenOwn struct {
	Size      string            `json:"size"`
	Remaining string            `json:"remaining"`
	Mutations []json.RawMessage `json:"mutations"`
}

// Write writes the open ones of some positions in the layout that [Read] reads and
// the bots load: prices and sizes as their classes have them, all exits of a
// position as one, and beside them the exact position, for Read. A position that Read
// gives back has the same quantity, cost, lots, profit and funding of the cycle, fees,
// charges, extremes, mark and conditions; earlier cycles stay behind. saved is when the
// state was taken, 0 if that is not known.
func Write(w io.Writer, positions []position.Position, saved position.Time) error {
	doc := struct {
		Positions []*written `json:"positions"`
		LastSaved *string    `json:"lastSaved"`
	}{Positions: []*written{}}
	if saved != 0 {
		text := saved.Std().Format("2006-01-02T15:04:05.000Z")
		doc.LastSaved = &text
	}
	for i := range positions {
		p := &positions[i]
		if !p.IsOpen() {
			continue
		}
		x, err := writtenOf(p)
		if err != nil {
			return fmt.Errorf("write position %s: %w", p.Key, err)
		}
		doc.Positions = append(doc.Positions, x)
	}
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(doc); err != nil {
		return fmt.Errorf("write positions: %w", err)
	}
	return nil
}

func milliseconds(t position.Time) int64 { return int64(t) / int64(time.Millisecond) }

func number(d position.Decimal, ok bool) json.Number {
	if !ok {
		return ""
	}
	return json.Number(d.String())
}

func writtenOf(p *position.Position) (*written, error) {
	one := position.FromInt(1)
	remaining := one
	if qty := p.Qty.Abs(); p.EntryQty.Cmp(qty) > 0 {
		var err error
		if remaining, err = qty.Quo(p.EntryQty); err != nil || remaining.IsZero() {
			remaining = one // far below what the layout can tell
		}
	}
	size, err := p.Cost.Abs().Quo(remaining)
	if err != nil {
		return nil, err
	}
	x := &written{
		Mint: p.Key.Instrument, Symbol: symbolOf(p), Size: number(size, true), RemainingSize: number(remaining, true),
		EntryPrice: number(p.AvgEntry()), CurrentPrice: number(p.Mark, p.HasMark),
		HighPrice: number(p.High, true), HighestPrice: number(p.High, true), LowestPrice: number(p.Low, true),
		EntryTime: milliseconds(p.OpenedAt), State: "active", HoldTime: milliseconds(max(p.UpdatedAt-p.OpenedAt, 0)), LastUpdate: milliseconds(p.UpdatedAt),
		MaxUpside: number(p.UpsidePercent()), MaxDrawdown: number(p.DrawdownPercent()), PartialExits: []writtenExit{},
	}
	if p.Short {
		x.Side = "short"
	}
	if percent, ok := p.ProfitPercent(p.Mark); ok && p.HasMark {
		if amount, known := p.Unrealized(p.Mark); known {
			x.ProfitLoss = &writtenGain{number(percent, true), number(amount, true)}
		}
	}
	x.exits(p, remaining)
	x.Own = &writtenOwn{Size: size.String(), Remaining: remaining.String()}
	ms, err := ownMutations(p)
	if err != nil {
		return nil, err
	}
	for _, m := range ms {
		b, marshalErr := position.MarshalMutation(m)
		if marshalErr != nil {
			return nil, marshalErr
		}
		x.Own.Mutations = append(x.Own.Mutations, b)
	}
	return x, nil
}

// exits writes what was sold as one exit; the image does not keep them apart.
func (x *written) exits(p *position.Position, remaining position.Decimal) {
	entry, known := p.AvgEntry()
	price, sold := p.AvgExit()
	portion, err := position.FromInt(1).Sub(remaining)
	if !known || !sold || err != nil || portion.Sign() <= 0 || entry.Sign() <= 0 {
		return
	}
	gain, err := price.Sub(entry)
	if err == nil {
		gain, err = position.MulQuo(gain, position.FromInt(100), entry)
	}
	if err != nil {
		return
	}
	x.PartialExits = append(x.PartialExits, writtenExit{number(portion, true), number(price, true), number(gain, true), milliseconds(p.UpdatedAt)})
}

func symbolOf(p *position.Position) string {
	if p.Conditions != nil {
		for _, m := range p.Conditions.Meta {
			if m.Name == "symbol" {
				return m.Value
			}
		}
	}
	name := []rune(p.Key.Instrument)
	return string(name[:min(len(name), 8)])
}

// ownMutations makes the position out of nothing.
func ownMutations(p *position.Position) ([]position.Mutation, error) {
	meta := func(what string, parts ...string) position.Meta {
		parts = append([]string{p.Key.CycleID(p.Cycle).String()}, parts...)
		return position.Meta{Ident: tabular.IDOf("positions/own/"+what, parts...), Time: p.UpdatedAt}
	}
	define := position.DefineInstrument{Instrument: p.Key.Instrument, Terms: *p.Terms}
	adopt := position.Adopt{
		Key: p.Key, Qty: p.Qty, Cost: &p.Cost, Realized: &p.Totals.Realized, Funding: &p.Totals.Funding, High: &p.High, Low: &p.Low, Opened: p.OpenedAt,
		Reason: "exported position",
	}
	if l := p.Lots; l != nil && len(l.Open) > 0 && len(l.Open) == l.Count {
		adopt.Cost = nil
		for i := range l.Open {
			adopt.Lots = append(adopt.Lots, position.AdoptedLot{Qty: l.Open[i].Qty, Cost: &l.Open[i].Cost, Opened: l.Open[i].Opened, Label: l.Open[i].Label})
		}
	}
	var ms []position.Mutation
	for _, m := range []position.Mutation{define, adopt} {
		text, err := position.MarshalMutation(m)
		if err != nil {
			return nil, err
		}
		switch m := m.(type) { // their ids depend on all that they say
		case position.DefineInstrument:
			m.Meta = position.Meta{Ident: tabular.IDOf("positions/own/instrument", string(text)), Time: p.OpenedAt}
			ms = append(ms, m)
		case position.Adopt:
			m.Meta = meta("adopt", string(text))
			ms = append(ms, m)
		}
	}
	// Those of one cycle and currency are one charge: a later export that says
	// another sum is refused for its id rather than added.
	for _, f := range p.Totals.Fees {
		ms = append(ms, position.Charge{
			Meta: meta("fee", f.Currency), Key: p.Key, Kind: position.FeeCharge, Amount: f.Value.Neg(), Currency: f.Currency,
			InCost: isInCost(p.Terms, f.Currency),
		})
	}
	for _, c := range p.Totals.Charges {
		ms = append(ms, position.Charge{Meta: meta("charge", c.Currency), Key: p.Key, Kind: position.OtherCharge, Amount: c.Value, Currency: c.Currency})
	}
	if p.HasMark {
		ms = append(ms, position.Stated(position.Mark{Meta: meta("mark", p.Mark.String(), p.UpdatedAt.String()), Instrument: p.Key.Instrument, Price: p.Mark}))
	}
	if c := p.Conditions; c != nil {
		a := position.Amend{Key: p.Key, NoStop: !c.HasStop, Targets: append([]position.Decimal{}, c.Targets...), Tags: append([]string{}, c.Tags...), Metadata: map[string]string{}}
		if c.HasStop {
			a.Stop = &c.Stop
		}
		for _, m := range c.Meta {
			a.Metadata[m.Name] = m.Value
		}
		text, err := position.MarshalMutation(a)
		if err != nil {
			return nil, err
		}
		a.Meta = meta("amend", string(text))
		ms = append(ms, a)
	}
	return ms, nil
}

// isInCost reports whether the fees in a currency are in the cost.
func isInCost(t *position.Terms, currency string) bool {
	return t.FeesInCost(position.Amounts{{Currency: currency, Value: position.FromInt(1)}}) != nil
}

// readOwn takes the exact position over if it is there and still the one that
// the layout's own members describe.
func (h *holding) readOwn() (whole bool, err error) {
	v, ok := h.get("holdfast")
	if !ok {
		return false, nil
	}
	o, _ := v.(map[string]any)
	list, _ := o["mutations"].([]any)
	if len(list) == 0 {
		return false, errors.New("holdfast has no mutations")
	}
	if !h.same(o, "size", "size") || !h.same(o, "remaining", "remainingSize") {
		h.warn("size or remainingSize was changed since it was exported: the exact position beside them is passed over")
		return false, nil
	}
	var terms position.Terms // of the definition, which comes first
	for i, one := range list {
		text, marshalErr := json.Marshal(one)
		if marshalErr != nil {
			return false, marshalErr
		}
		m, readErr := position.UnmarshalMutation(text)
		if readErr != nil {
			return false, fmt.Errorf("mutation %d: %w", i+1, readErr)
		}
		switch m := m.(type) {
		case position.DefineInstrument:
			terms = m.Terms
			if h.im.defined[m.Ident] {
				continue
			}
			h.im.defined[m.Ident] = true
		case position.Charge:
			// Earlier exports did not say it.
			m.InCost = m.InCost || m.Kind == position.FeeCharge && isInCost(&terms, m.Currency)
			h.own = append(h.own, m)
			continue
		case position.Adopt, position.Mark, position.Amend:
		default:
			return false, fmt.Errorf("mutation %d: a %s is none of what an export writes", i+1, m.Type())
		}
		h.own = append(h.own, m)
	}
	for name := range h.raw {
		h.used[name] = true
	}
	return true, nil
}

// same reports whether a member still has the value that was exported, as far as
// a double can tell.
func (h *holding) same(own map[string]any, name, member string) bool {
	text, _ := own[name].(string)
	was, err := position.Parse(text)
	v, ok := h.raw[member]
	if err != nil || !ok {
		return false
	}
	is, err := numberOf(v)
	if err != nil {
		return false
	}
	off, err := is.Sub(was)
	if err != nil {
		return false
	}
	limit, err := was.Abs().Mul(position.MustParse("0.000000001"))
	return err == nil && off.Abs().Cmp(limit) <= 0
}
