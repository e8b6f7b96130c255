package position

import (
	"maps"
	"slices"

	"github.com/moneyprinter/holdfast/internal/form"
)

// column is a member, which is always there unless object is told otherwise.
type column struct {
	name  string
	value form.Node
	about string
}

type columns []column

// object describes an object with these members, of which some may be left out.
func (c columns) object(optional ...string) form.Node {
	properties, required := form.Node{}, []string{}
	for _, m := range c {
		p := maps.Clone(m.value)
		p["description"] = m.about
		properties[m.name] = p
		if !slices.Contains(optional, m.name) {
			required = append(required, m.name)
		}
	}
	return form.Node{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
}

func outputDefs() form.Node {
	text := form.Node{"type": "string"}
	return form.Node{
		"name":    text,
		"count":   form.Node{"type": "integer", "minimum": 0},
		"decimal": form.Node{"type": "string", "pattern": outputDecimal, "description": "Plain notation without trailing zeros."},
		"figure":  form.Node{"type": []string{"string", "null"}, "pattern": outputDecimal, "description": "A decimal, or null where it is not known."},
		"time":    form.Node{"type": []string{"string", "null"}, "format": "date-time", "description": "RFC 3339 in UTC with nanoseconds, or null."},
		"amounts": form.Node{"type": "object", "description": "A decimal per currency.", "additionalProperties": form.Ref("decimal")},
	}
}

// feesInCost is a member of totals that is left out where it is empty.
const feesInCost = "fees_in_cost"

func totalColumns(of string) columns {
	return columns{
		{"realized", form.Ref("decimal"), "Gross profit " + of + ", before fees."},
		{"fees", form.Ref("amounts"), "Fees " + of + " by currency; paid is positive."},
		{feesInCost, form.Ref("amounts"), "Those of the fees that are in the cost and in the gross profit already, under base_fee cost: net does not subtract them again. Absent: none."},
		{"funding", form.Ref("decimal"), "Funding " + of + "; received is positive."},
		{"charges", form.Ref("amounts"), "Other charges " + of + " by currency; received is positive."},
		{"net", form.Ref("figure"), "Gross - fees that are not in the cost + funding + charges, those in the settlement currency."},
	}
}

func positionNode() form.Node {
	c := columns{
		{"account", form.Ref("name"), "Account."},
		{"instrument", form.Ref("name"), "Instrument."},
		{"strategy", form.Ref("name"), "Strategy; empty for none."},
		{"leg", form.Ref("name"), "Empty for netting."},
		{"id", form.Node{"type": "string", "format": "uuid"}, "Of this cycle: UUIDv5 over the key and the cycle number."},
		{"cycle", form.Ref("count"), "1 for the first; a new one starts when a flat key is opened."},
		{"side", form.Node{"enum": []string{"long", "short", "flat"}}, "Direction."},
		{"qty", form.Ref("decimal"), "Open quantity; long is positive."},
		{"avg_entry", form.Ref("figure"), "Average entry price; while flat, just before it was closed."},
		{"avg_exit", form.Ref("figure"), "Average price of the reductions of this cycle."},
		{"cost", form.Ref("decimal"), "What the open quantity was bought or sold for, signed like qty, in the settlement currency."},
		{"settlement", form.Ref("name"), "Currency of cost and profit."},
		{"instrument_kind", form.Node{"enum": namesOf(Linear, Option)}, "Arithmetic that it follows."},
		{"multiplier", form.Ref("decimal"), "Settlement currency per unit and price point."},
		{"cost_method", form.Node{"enum": namesOf(Average, SpecificSize)}, "Which cost leaves with a reduction; all but average keep lots."},
	}
	c = append(c, totalColumns("of this cycle")...)
	c = append(c, columns{
		{"lifetime", form.Node{"oneOf": []any{totalColumns("of all cycles").object(feesInCost), form.Node{"type": "null"}}}, "Totals of all cycles."},
		{"entry_qty", form.Ref("decimal"), "Quantity that increased the position in this cycle."},
		{"exit_qty", form.Ref("decimal"), "Quantity that reduced it."},
		{"peak_qty", form.Ref("decimal"), "Largest absolute quantity of the cycle."},
		{"entries", form.Ref("count"), "Changes that increased the position in this cycle."},
		{"exits", form.Ref("count"), "Changes that reduced it."},
		{"wins", form.Ref("count"), "Cycles that ended with a positive net, the current one included once it is flat."},
		{"losses", form.Ref("count"), "Cycles that ended with a negative net."},
		{"residue", form.Ref("decimal"), "What the venue's rounding profile has taken from cost and profit so far; 0 without one."},
		{"mark", form.Ref("figure"), "Mark price."},
		{"unrealized", form.Ref("figure"), "Gross profit of closing at the mark."},
		{"exposure", form.Ref("figure"), "Absolute value of the open quantity at the mark, in the settlement currency."},
		{"return", form.Ref("figure"), "What the cycle has earned, net and without what is unrealised, for the value that was entered in it; 0.1 is ten percent."},
		{"break_even", form.Ref("figure"), "Price at which closing brings the cycle's net to zero, fees and charges so far counted; null while flat."},
		{"profit_percent", form.Ref("figure"), "Gross profit in percent: unrealised on the cost of what is open; while flat, realised on what was entered."},
		{"upside_percent", form.Ref("figure"), "mfe in percent of the cost it is counted against."},
		{"drawdown_percent", form.Ref("figure"), "mae in percent of that cost: from the entry, not from the peak."},
		{"high", form.Ref("decimal"), "Highest price of the cycle, marks and fills."},
		{"low", form.Ref("decimal"), "Lowest price of the cycle."},
		{"mfe", form.Ref("figure"), "Maximum favourable excursion: the largest profit that the price offered in this cycle, in the settlement currency."},
		{"mae", form.Ref("figure"), "Maximum adverse excursion: the largest loss."},
		{"holding", form.Ref("figure"), "Seconds for which the cycle has been open by event time: until it was closed or, while it is open, until its last change. null: never opened."},
		{"opened_at", form.Ref("time"), "Event time of the cycle's first fill."},
		{"closed_at", form.Ref("time"), "Event time of the fill that closed it."},
		{"updated_at", form.Ref("time"), "Event time of the last change."},
		{"conditions", form.Node{"oneOf": []any{conditionColumns().object(), form.Node{"type": "null"}}}, "The engine's own notes."},
		{"lots", form.Node{"oneOf": []any{list(lotColumns()), form.Node{"type": "null"}}}, "Open lots, oldest first; null under average cost, and where only their digest is at hand, as in a change."},
		{"lots_digest", form.Node{"oneOf": []any{digestColumns().object(), form.Node{"type": "null"}}}, "How many lots are open, and their digest; null under average cost."},
		{"version", form.Ref("count"), "Changes so far, over all cycles."},
		{"seq", form.Ref("count"), "Record of the last change."},
	}...)
	return c.object(feesInCost)
}

func lotColumns() columns {
	return columns{
		{"lot", form.Ref("count"), "Number, 1 for the key's first."},
		{"qty", form.Ref("decimal"), "What is left of it, signed like the position."},
		{"cost", form.Ref("decimal"), "Cost of qty."},
		{"price", form.Ref("figure"), "Entry price: cost per unit of qty."},
		{"opened", form.Ref("time"), "Event time of the fill that opened it."},
		{"label", form.Ref("name"), "Given by that fill, or the fill's id."},
	}
}

func digestColumns() columns {
	return columns{
		{"count", form.Ref("count"), "How many are open."},
		{"next", form.Ref("count"), "Number that the next lot gets."},
		{"digest", form.Node{"type": "string", "pattern": "^[0-9a-f]{32}$"}, "Sum modulo 2^128 of the first 16 bytes of the SHA-256 of each lot's encoding."},
	}
}

func conditionColumns() columns {
	return columns{
		{"stop", form.Ref("figure"), "Stop price."},
		{"targets", form.Node{"type": "array", "items": form.Ref("decimal")}, "Target prices."},
		{"tags", form.Node{"type": "array", "items": form.Ref("name")}, "Tags."},
		{"metadata", form.Node{"type": "object", "additionalProperties": form.Node{"type": "string"}}, "Values by name."},
	}
}

func instrumentNode() form.Node {
	return columns{
		{"instrument", form.Ref("name"), "Instrument."},
		{"kind", form.Node{"enum": namesOf(Linear, Option)}, "Arithmetic that it follows."},
		{"multiplier", form.Ref("decimal"), "Settlement currency per unit and price point."},
		{"base", form.Ref("name"), "Currency or asset that is bought and sold."},
		{"quote", form.Ref("name"), "Currency of the price."},
		{"settlement", form.Ref("name"), "Currency of cost and profit."},
		{"price_increment", form.Ref("figure"), "Step of prices; null: none."},
		{"size_increment", form.Ref("figure"), "Step of quantities; null: none."},
		{"cost_method", form.Node{"enum": namesOf(Average, SpecificSize)}, "Which cost leaves with a reduction."},
		{"over_reduction", form.Node{"enum": namesOf(FlipOver, RejectOver)}, "What becomes of a fill larger than the opposite position."},
		{"base_fee", form.Node{"enum": namesOf(FeeInCost, FeeApart)}, "What a fee in the base currency of a spot instrument does to the cost."},
		{"rounding", form.Node{"oneOf": []any{roundingColumns().object(), form.Node{"type": "null"}}}, "The venue's rounding profile; null: exact."},
		{"split_time", form.Ref("time"), "Event time of the last split; null: none yet."},
		{"split_ratio", form.Ref("figure"), "Its ratio: new quantity for split_per old units."},
		{"split_per", form.Ref("figure"), "See split_ratio."},
		{"defined", form.Node{"type": "boolean"}, "False: known only by use, with the ledger's defaults."},
		{"mark", form.Ref("figure"), "Last mark price."},
		{"mark_time", form.Ref("time"), "Event time of the mark."},
		{"version", form.Ref("count"), "Definitions so far."},
		{"seq", form.Ref("count"), "Record that last defined it."},
	}.object()
}

func roundingColumns() columns {
	round := form.Node{"type": []string{"string", "null"}, "pattern": roundPattern}
	return columns{
		{"value", round, "Of a fill's or a mark's value; null: not rounded."},
		{"value_per", form.Ref("figure"), "Quantity whose value is rounded; null: the whole."},
		{"average", round, "Of the average entry, wherever a reduction uses it."},
		{"realized", round, "Of the profit of one reduction."},
	}
}

func accountNode() form.Node {
	return columns{
		{"account", form.Ref("name"), "Account."},
		{"balances", form.Node{"oneOf": []any{form.Ref("amounts"), form.Node{"type": "null"}}}, "Sum of what follows by currency; received is positive, paid negative. null: a sum is out of range."},
		{"cash", form.Ref("amounts"), "Deposits, withdrawals and transfers that belong to no instrument."},
		{"fees", form.Ref("amounts"), "Fees that belong to no instrument; paid is negative."},
		{"funding", form.Ref("amounts"), "Funding that belongs to no instrument."},
		{"interest", form.Ref("amounts"), "Interest."},
		{"dividends", form.Ref("amounts"), "Dividends."},
		{"realized", form.Ref("amounts"), "Profit that a venue booked itself."},
		{"other", form.Ref("amounts"), "Everything else."},
		{"version", form.Ref("count"), "Changes so far."},
		{"seq", form.Ref("count"), "Record of the last change."},
	}.object()
}
