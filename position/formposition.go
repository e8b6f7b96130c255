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

// positionOutputs is the list of a position's members. Who adds one adds its row
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
