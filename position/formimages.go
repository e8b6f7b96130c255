package position

import (
	"slices"

	"github.com/google/uuid"

	"github.com/moneyprinter/holdfast/internal/form"
)

// AppendPositionJSON appends the JSON form of a position, as [PositionSchema]
// describes it. Figures that are not known are null.
func AppendPositionJSON(dst []byte, p *Position) []byte {
	return write(form.Grown(dst, 1500).B, outputs.position, shown{p, p.Seq, true})
}

// PositionSchema returns the JSON Schema of [AppendPositionJSON].
func PositionSchema() []byte {
	n := describe(outputs.position)
	n["title"] = "Position"
	n["$defs"] = outputDefs()
	return document("position", n)
}

// shown is a position as a text shows it.
type shown struct {
	*Position

	seq  uint64
	list bool // the lots are listed, not only counted
}

// positionOutputs is the list of a position's members. A new member gets its row
// here: with a column, at the next place of a CSV file, or without.
func positionOutputs(lots []output[shownLot]) []output[shown] {
	return slices.Concat([]output[shown]{
		textOut("account", "Account.", func(s shown) string { return s.Key.Account }).at(1),
		textOut("instrument", "Instrument.", func(s shown) string { return s.Key.Instrument }).at(2),
		textOut("strategy", "Strategy; empty for none.", func(s shown) string { return s.Key.Strategy }).at(3).sparse(),
		textOut("leg", "Empty for netting.", func(s shown) string { return s.Key.Leg }).at(4).sparse(),
		uuidOut("id", "Of this cycle: UUIDv5 over the key and the cycle number.", func(s shown) uuid.UUID { return s.Key.CycleID(s.Cycle) }),
		countOut("cycle", "1 for the first; a new one starts when a flat key is opened.", func(s shown) uint64 { return s.Cycle }).at(5),
		choiceOut("side", []string{"long", "short", "flat"}, "Direction.", shown.Side).at(6),
		decimalOut("qty", "Open quantity; long is positive.", func(s shown) Decimal { return s.Qty }).at(7),
		figureOut("avg_entry", "Average entry price; while flat, just before it was closed.", shown.AvgEntry).at(8),
		figureOut("avg_exit", "Average price of the reductions of this cycle.", shown.AvgExit).at(9),
		decimalOut("cost", "What the open quantity was bought or sold for, signed like qty, in the settlement currency.", func(s shown) Decimal { return s.Cost }).at(10),
		textOut("settlement", "Currency of cost and profit.", func(s shown) string { return s.terms().Settlement }).at(27),
		choiceOut("instrument_kind", namesOf(Linear, Option), "Arithmetic that it follows.", func(s shown) string { return s.terms().Kind.String() }),
		decimalOut("multiplier", "Settlement currency per unit and price point.", func(s shown) Decimal { return s.terms().Multiplier }),
		choiceOut("cost_method", namesOf(Average, SpecificSize), "Which cost leaves with a reduction; all but average keep lots.", func(s shown) string { return s.terms().CostMethod.String() }).at(28),
	}, within(totalOutputs("of this cycle"), func(s shown) shownTotals { return shownTotals{s.Totals, s.terms()} }), []output[shown]{
		objectOut("lifetime", totalOutputs("of all cycles"), "Totals of all cycles.", func(s shown) (shownTotals, bool) {
			total, ok := s.Lifetime()
			return shownTotals{total, s.terms()}, ok
		}),
		decimalOut("entry_qty", "Quantity that increased the position in this cycle.", func(s shown) Decimal { return s.EntryQty }).at(15),
		decimalOut("exit_qty", "Quantity that reduced it.", func(s shown) Decimal { return s.ExitQty }).at(16),
		decimalOut("peak_qty", "Largest absolute quantity of the cycle.", func(s shown) Decimal { return s.PeakQty }).at(17),
		countOut("entries", "Changes that increased the position in this cycle.", func(s shown) uint64 { return uint64(s.Entries) }).at(32),
		countOut("exits", "Changes that reduced it.", func(s shown) uint64 { return uint64(s.Exits) }).at(33),
		countOut("wins", "Cycles that ended with a positive net, the current one included once it is flat.", shown.Wins).at(38),
		countOut("losses", "Cycles that ended with a negative net.", shown.Losses).at(39),
		decimalOut("residue", "What the venue's rounding profile has taken from cost and profit so far; 0 without one.", func(s shown) Decimal { return s.Residue }).at(40),
	}, priceOutputs(), []output[shown]{
		timeOut("opened_at", "Event time of the cycle's first fill.", func(s shown) Time { return s.OpenedAt }).at(22),
		timeOut("closed_at", "Event time of the fill that closed it.", func(s shown) Time { return s.ClosedAt }).at(23),
		timeOut("updated_at", "Event time of the last change.", func(s shown) Time { return s.UpdatedAt }).at(24),
		objectOut("conditions", conditionOutputs(), "The engine's own notes.", func(s shown) (*Conditions, bool) { return s.Conditions, s.Conditions != nil }),
		lotsOut(lots),
		objectOut("lots_digest", digestOutputs(), "How many lots are open, and their digest; null under average cost.", func(s shown) (*Lots, bool) { return s.Lots, s.Lots != nil }),
		countOut("version", "Changes so far, over all cycles.", func(s shown) uint64 { return s.Version }).at(25),
		countOut("seq", "Record of the last change.", func(s shown) uint64 { return s.seq }).at(26),
	})
}

// atMark is a figure of the position that needs a mark.
func atMark(figure func(p *Position, mark Decimal) (Decimal, bool)) func(shown) (Decimal, bool) {
	return func(s shown) (Decimal, bool) {
		if !s.HasMark {
			return Decimal{}, false
		}
		return figure(s.Position, s.Mark)
	}
}

// priceOutputs are what prices say of a position.
func priceOutputs() []output[shown] {
	return []output[shown]{
		figureOut("mark", "Mark price.", func(s shown) (Decimal, bool) { return s.Mark, s.HasMark }).at(18),
		figureOut("unrealized", "Gross profit of closing at the mark.", atMark((*Position).Unrealized)).at(19),
		figureOut("exposure", "Absolute value of the open quantity at the mark, in the settlement currency.", atMark((*Position).Exposure)).at(36),
		figureOut("return", "What the cycle has earned, net and without what is unrealised, for the value that was entered in it; 0.1 is ten percent.", shown.Return).at(34),
		figureOut("break_even", "Price at which closing brings the cycle's net to zero, fees and charges so far counted; null while flat.", shown.BreakEven).at(35),
		figureOut("profit_percent", "Gross profit in percent: unrealised on the cost of what is open; while flat, realised on what was entered.", func(s shown) (Decimal, bool) {
			if !s.HasMark && s.IsOpen() {
				return Decimal{}, false
			}
			return s.ProfitPercent(s.Mark)
		}),
		figureOut("upside_percent", "mfe in percent of the cost it is counted against.", shown.UpsidePercent),
		figureOut("drawdown_percent", "mae in percent of that cost: from the entry, not from the peak.", shown.DrawdownPercent),
		decimalOut("high", "Highest price of the cycle, marks and fills.", func(s shown) Decimal { return s.High }).at(30),
		decimalOut("low", "Lowest price of the cycle.", func(s shown) Decimal { return s.Low }).at(31),
		figureOut("mfe", "Maximum favourable excursion: the largest profit that the price offered in this cycle, in the settlement currency.", shown.MFE).at(20),
		figureOut("mae", "Maximum adverse excursion: the largest loss.", shown.MAE).at(21),
		figureOut("holding", "Seconds for which the cycle has been open by event time: until it was closed or, while it is open, until its last change. null: never opened.", func(s shown) (Decimal, bool) {
			return s.HoldingTime(s.UpdatedAt)
		}).at(37),
	}
}

// shownTotals are totals and the terms under which they came to be.
type shownTotals struct {
	Totals

	terms *Terms
}

func totalOutputs(of string) []output[shownTotals] {
	inCost := amountsOut("fees_in_cost", "Those of the fees that are in the cost and in the gross profit already, under base_fee cost: net does not subtract them again. Absent: none.",
		func(t shownTotals) Amounts { return t.terms.FeesInCost(t.Fees) }).at(41).sparse().unlessEmpty()
	return []output[shownTotals]{
		decimalOut("realized", "Gross profit "+of+", before fees.", func(t shownTotals) Decimal { return t.Realized }).at(11),
		amountsOut("fees", "Fees "+of+" by currency; paid is positive.", func(t shownTotals) Amounts { return t.Fees }).at(12),
		inCost,
		decimalOut("funding", "Funding "+of+"; received is positive.", func(t shownTotals) Decimal { return t.Funding }).at(13),
		amountsOut("charges", "Other charges "+of+" by currency; received is positive.", func(t shownTotals) Amounts { return t.Charges }).at(29).sparse(),
		figureOut("net", "Gross - fees that are not in the cost + funding + charges, those in the settlement currency.", func(t shownTotals) (Decimal, bool) {
			net, err := t.Net(t.terms)
			return net, err == nil
		}).at(14),
	}
}

func conditionOutputs() []output[*Conditions] {
	return []output[*Conditions]{
		figureOut("stop", "Stop price.", func(c *Conditions) (Decimal, bool) { return c.Stop, c.HasStop }),
		jsonOut("targets", "Target prices.", form.List(form.Ref("decimal")), func(b []byte, c *Conditions) []byte { return appendDecimals(b, c.Targets) }),
		jsonOut("tags", "Tags.", form.List(form.Ref("name")), func(b []byte, c *Conditions) []byte { return form.AppendTexts(b, c.Tags) }),
		jsonOut("metadata", "Values by name.", form.Node{"type": "object", "additionalProperties": form.Node{"type": "string"}}, func(b []byte, c *Conditions) []byte {
			w := form.Writer{B: append(b, '{')}
			for i := range c.Meta {
				w.Item(i, c.Meta[i].Name)
				w.Quote(c.Meta[i].Value)
			}
			return append(w.B, '}')
		}),
	}
}

// shownLot is a lot and the terms under which it is valued.
type shownLot struct {
	*Lot

	terms *Terms
}

func lotOutputs() []output[shownLot] {
	return []output[shownLot]{
		countOut("lot", "Number, 1 for the key's first.", func(l shownLot) uint64 { return l.ID }),
		decimalOut("qty", "What is left of it, signed like the position.", func(l shownLot) Decimal { return l.Qty }),
		decimalOut("cost", "Cost of qty.", func(l shownLot) Decimal { return l.Cost }),
		figureOut("price", "Entry price: cost per unit of qty.", func(l shownLot) (Decimal, bool) { return l.terms.Average(l.Qty, l.Cost) }),
		timeOut("opened", "Event time of the fill that opened it.", func(l shownLot) Time { return l.Opened }),
		textOut("label", "Given by that fill, or the fill's id.", func(l shownLot) string { return l.Label }),
	}
}

// appendLots appends a list of whole lots.
func appendLots(dst []byte, members []output[shownLot], lots []Lot, t *Terms) []byte {
	w := form.Writer{B: append(dst, '[')}
	for i := range lots {
		w.Element(i)
		w.B = write(w.B, members, shownLot{&lots[i], t})
	}
	return append(w.B, ']')
}

// lotsOut are the open lots, where all are known and a text lists them.
func lotsOut(members []output[shownLot]) output[shown] {
	about := "Open lots, oldest first; null under average cost, and where only their digest is at hand, as in a change."
	return jsonOut("lots", about, form.List(describe(members)).OrNull(), func(b []byte, s shown) []byte {
		if l := s.Lots; l != nil && s.list && len(l.Open) == l.Count {
			return appendLots(b, members, l.Open, s.terms())
		}
		return append(b, "null"...)
	})
}

func digestOutputs() []output[*Lots] {
	return []output[*Lots]{
		countOut("count", "How many are open.", func(l *Lots) uint64 { return uint64(max(l.Count, 0)) }),
		countOut("next", "Number that the next lot gets.", func(l *Lots) uint64 { return l.Next }),
		hexOut("digest", "Sum modulo 2^128 of the first 16 bytes of the SHA-256 of each lot's encoding.", func(l *Lots) [16]byte { return l.Sum }),
	}
}

// AppendInstrumentJSON appends the JSON form of an instrument.
func AppendInstrumentJSON(dst []byte, i *Instrument) []byte {
	return write(form.Grown(dst, 500).B, outputs.instrument, shownInstrument{i, i.Seq})
}

// AppendAccountJSON appends the JSON form of an account.
func AppendAccountJSON(dst []byte, a *Account) []byte {
	return write(form.Grown(dst, 200).B, outputs.account, shownAccount{a, a.Seq})
}

// shownInstrument is an instrument as a text shows it.
type shownInstrument struct {
	*Instrument

	seq uint64
}

func instrumentOutputs() []output[shownInstrument] {
	return []output[shownInstrument]{
		textOut("instrument", "Instrument.", func(i shownInstrument) string { return i.Name }),
		choiceOut("kind", namesOf(Linear, Option), "Arithmetic that it follows.", func(i shownInstrument) string { return i.terms().Kind.String() }),
		decimalOut("multiplier", "Settlement currency per unit and price point.", func(i shownInstrument) Decimal { return i.terms().Multiplier }),
		textOut("base", "Currency or asset that is bought and sold.", func(i shownInstrument) string { return i.terms().Base }),
		textOut("quote", "Currency of the price.", func(i shownInstrument) string { return i.terms().Quote }),
		textOut("settlement", "Currency of cost and profit.", func(i shownInstrument) string { return i.terms().Settlement }),
		figureOut("price_increment", "Step of prices; null: none.", func(i shownInstrument) (Decimal, bool) { return i.PriceIncrement, !i.PriceIncrement.IsZero() }),
		figureOut("size_increment", "Step of quantities; null: none.", func(i shownInstrument) (Decimal, bool) { return i.SizeIncrement, !i.SizeIncrement.IsZero() }),
		choiceOut("cost_method", namesOf(Average, SpecificSize), "Which cost leaves with a reduction.", func(i shownInstrument) string { return i.terms().CostMethod.String() }),
		choiceOut("over_reduction", namesOf(FlipOver, RejectOver), "What becomes of a fill larger than the opposite position.", func(i shownInstrument) string { return i.terms().OverReduction.String() }),
		choiceOut("base_fee", namesOf(FeeInCost, FeeApart), "What a fee in the base currency of a spot instrument does to the cost.", func(i shownInstrument) string { return i.terms().BaseFee.String() }),
		roundingOut(),
		timeOut("split_time", "Event time of the last split; null: none yet.", func(i shownInstrument) Time { return i.SplitTime }),
		figureOut("split_ratio", "Its ratio: new quantity for split_per old units.", func(i shownInstrument) (Decimal, bool) { return i.SplitRatio, i.SplitTime != 0 }),
		figureOut("split_per", "See split_ratio.", func(i shownInstrument) (Decimal, bool) { return i.SplitPer, i.SplitTime != 0 }),
		boolOut("defined", "False: known only by use, with the ledger's defaults.", func(i shownInstrument) bool { return i.Defined }),
		figureOut("mark", "Last mark price.", func(i shownInstrument) (Decimal, bool) { return i.Mark, i.MarkTime != 0 }),
		timeOut("mark_time", "Event time of the mark.", func(i shownInstrument) Time { return i.MarkTime }),
		countOut("version", "Definitions so far.", func(i shownInstrument) uint64 { return i.Version }),
		countOut("seq", "Record that last defined it.", func(i shownInstrument) uint64 { return i.seq }),
	}
}

// roundingOut is the profile, whose members the schema has in another order than
// the text.
func roundingOut() output[shownInstrument] {
	members := roundingOutputs()
	o := objectOut("rounding", members, "The venue's rounding profile; null: exact.", func(i shownInstrument) (*Rounding, bool) {
		r := &i.terms().Rounding
		return r, *r != (Rounding{})
	})
	o.node = describe([]output[*Rounding]{members[0], members[3], members[1], members[2]}).OrNull()
	return o
}

func roundingOutputs() []output[*Rounding] {
	round := func(r Round) string {
		if r.Mode == Exact {
			return ""
		}
		return r.String()
	}
	return []output[*Rounding]{
		patternOut("value", roundPattern, "Of a fill's or a mark's value; null: not rounded.", func(r *Rounding) string { return round(r.Value) }),
		patternOut("average", roundPattern, "Of the average entry, wherever a reduction uses it.", func(r *Rounding) string { return round(r.Average) }),
		patternOut("realized", roundPattern, "Of the profit of one reduction.", func(r *Rounding) string { return round(r.Realized) }),
		figureOut("value_per", "Quantity whose value is rounded; null: the whole.", func(r *Rounding) (Decimal, bool) { return r.ValuePer, !r.ValuePer.IsZero() }),
	}
}

// shownAccount is an account as a text shows it.
type shownAccount struct {
	*Account

	seq uint64
}

func accountOutputs() []output[shownAccount] {
	return []output[shownAccount]{
		textOut("account", "Account.", func(a shownAccount) string { return a.Name }),
		jsonOut("balances", "Sum of what follows by currency; received is positive, paid negative. null: a sum is out of range.", form.Ref("amounts").OrNull(), func(b []byte, a shownAccount) []byte {
			sum, err := a.Balances()
			if err != nil {
				return append(b, "null"...)
			}
			return appendAmounts(b, sum)
		}),
		amountsOut("cash", "Deposits, withdrawals and transfers that belong to no instrument.", func(a shownAccount) Amounts { return a.Cash }),
		amountsOut("fees", "Fees that belong to no instrument; paid is negative.", func(a shownAccount) Amounts { return a.Fees }),
		amountsOut("funding", "Funding that belongs to no instrument.", func(a shownAccount) Amounts { return a.Funding }),
		amountsOut("interest", "Interest.", func(a shownAccount) Amounts { return a.Interest }),
		amountsOut("dividends", "Dividends.", func(a shownAccount) Amounts { return a.Dividends }),
		amountsOut("realized", "Profit that a venue booked itself.", func(a shownAccount) Amounts { return a.Realized }),
		amountsOut("other", "Everything else.", func(a shownAccount) Amounts { return a.Other }),
		countOut("version", "Changes so far.", func(a shownAccount) uint64 { return a.Version }),
		countOut("seq", "Record of the last change.", func(a shownAccount) uint64 { return a.seq }),
	}
}
