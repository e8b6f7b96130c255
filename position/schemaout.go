package position

import (
	"maps"
	"slices"
)

// column is a member, which is always there unless object is told otherwise.
type column struct {
	name  string
	value node
	about string
}

type columns []column

// object describes an object with these members, of which some may be left out.
func (c columns) object(optional ...string) node {
	properties, required := node{}, []string{}
	for _, m := range c {
		p := maps.Clone(m.value)
		p["description"] = m.about
		properties[m.name] = p
		if !slices.Contains(optional, m.name) {
			required = append(required, m.name)
		}
	}
	return node{"type": "object", "properties": properties, "required": required, "additionalProperties": false}
}

func outputDefs() node {
	text := node{"type": "string"}
	return node{
		"name":    text,
		"count":   node{"type": "integer", "minimum": 0},
		"decimal": node{"type": "string", "pattern": outputDecimal, "description": "Plain notation without trailing zeros."},
		"figure":  node{"type": []string{"string", "null"}, "pattern": outputDecimal, "description": "A decimal, or null where it is not known."},
		"time":    node{"type": []string{"string", "null"}, "format": "date-time", "description": "RFC 3339 in UTC with nanoseconds, or null."},
		"amounts": node{"type": "object", "description": "A decimal per currency.", "additionalProperties": ref("decimal")},
	}
}

// feesInCost is a member of totals that is left out where it is empty.
const feesInCost = "fees_in_cost"

func totalColumns(of string) columns {
	return columns{
		{"realized", ref("decimal"), "Gross profit " + of + ", before fees."},
		{"fees", ref("amounts"), "Fees " + of + " by currency; paid is positive."},
		{feesInCost, ref("amounts"), "Those of the fees that are in the cost and in the gross profit already, under base_fee cost: net does not subtract them again. Absent: none."},
		{"funding", ref("decimal"), "Funding " + of + "; received is positive."},
		{"charges", ref("amounts"), "Other charges " + of + " by currency; received is positive."},
		{"net", ref("figure"), "Gross - fees that are not in the cost + funding + charges, those in the settlement currency."},
	}
}

func positionNode() node {
	c := columns{
		{"account", ref("name"), "Account."},
		{"instrument", ref("name"), "Instrument."},
		{"strategy", ref("name"), "Strategy; empty for none."},
		{"leg", ref("name"), "Empty for netting."},
		{"id", node{"type": "string", "format": "uuid"}, "Of this cycle: UUIDv5 over the key and the cycle number."},
		{"cycle", ref("count"), "1 for the first; a new one starts when a flat key is opened."},
		{"side", node{"enum": []string{"long", "short", "flat"}}, "Direction."},
		{"qty", ref("decimal"), "Open quantity; long is positive."},
		{"avg_entry", ref("figure"), "Average entry price; while flat, just before it was closed."},
		{"avg_exit", ref("figure"), "Average price of the reductions of this cycle."},
		{"cost", ref("decimal"), "What the open quantity was bought or sold for, signed like qty, in the settlement currency."},
		{"settlement", ref("name"), "Currency of cost and profit."},
		{"instrument_kind", node{"enum": namesOf(Linear, Option)}, "Arithmetic that it follows."},
		{"multiplier", ref("decimal"), "Settlement currency per unit and price point."},
		{"cost_method", node{"enum": namesOf(Average, SpecificSize)}, "Which cost leaves with a reduction; all but average keep lots."},
	}
	c = append(c, totalColumns("of this cycle")...)
	c = append(c, columns{
		{"lifetime", node{"oneOf": []any{totalColumns("of all cycles").object(feesInCost), node{"type": "null"}}}, "Totals of all cycles."},
		{"entry_qty", ref("decimal"), "Quantity that increased the position in this cycle."},
		{"exit_qty", ref("decimal"), "Quantity that reduced it."},
		{"peak_qty", ref("decimal"), "Largest absolute quantity of the cycle."},
		{"entries", ref("count"), "Changes that increased the position in this cycle."},
		{"exits", ref("count"), "Changes that reduced it."},
		{"wins", ref("count"), "Cycles that ended with a positive net, the current one included once it is flat."},
		{"losses", ref("count"), "Cycles that ended with a negative net."},
		{"residue", ref("decimal"), "What the venue's rounding profile has taken from cost and profit so far; 0 without one."},
		{"mark", ref("figure"), "Mark price."},
		{"unrealized", ref("figure"), "Gross profit of closing at the mark."},
		{"exposure", ref("figure"), "Absolute value of the open quantity at the mark, in the settlement currency."},
		{"return", ref("figure"), "What the cycle has earned, net and without what is unrealised, for the value that was entered in it; 0.1 is ten percent."},
		{"break_even", ref("figure"), "Price at which closing brings the cycle's net to zero, fees and charges so far counted; null while flat."},
		{"profit_percent", ref("figure"), "Gross profit in percent: unrealised on the cost of what is open; while flat, realised on what was entered."},
		{"upside_percent", ref("figure"), "mfe in percent of the cost it is counted against."},
		{"drawdown_percent", ref("figure"), "mae in percent of that cost: from the entry, not from the peak."},
		{"high", ref("decimal"), "Highest price of the cycle, marks and fills."},
		{"low", ref("decimal"), "Lowest price of the cycle."},
		{"mfe", ref("figure"), "Maximum favourable excursion: the largest profit that the price offered in this cycle, in the settlement currency."},
		{"mae", ref("figure"), "Maximum adverse excursion: the largest loss."},
		{"holding", ref("figure"), "Seconds for which the cycle has been open by event time: until it was closed or, while it is open, until its last change. null: never opened."},
		{"opened_at", ref("time"), "Event time of the cycle's first fill."},
		{"closed_at", ref("time"), "Event time of the fill that closed it."},
		{"updated_at", ref("time"), "Event time of the last change."},
		{"conditions", node{"oneOf": []any{conditionColumns().object(), node{"type": "null"}}}, "The engine's own notes."},
		{"lots", node{"oneOf": []any{list(lotColumns()), node{"type": "null"}}}, "Open lots, oldest first; null under average cost, and where only their digest is at hand, as in a change."},
		{"lots_digest", node{"oneOf": []any{digestColumns().object(), node{"type": "null"}}}, "How many lots are open, and their digest; null under average cost."},
		{"version", ref("count"), "Changes so far, over all cycles."},
		{"seq", ref("count"), "Record of the last change."},
	}...)
	return c.object(feesInCost)
}

func lotColumns() columns {
	return columns{
		{"lot", ref("count"), "Number, 1 for the key's first."},
		{"qty", ref("decimal"), "What is left of it, signed like the position."},
		{"cost", ref("decimal"), "Cost of qty."},
		{"price", ref("figure"), "Entry price: cost per unit of qty."},
		{"opened", ref("time"), "Event time of the fill that opened it."},
		{"label", ref("name"), "Given by that fill, or the fill's id."},
	}
}

func digestColumns() columns {
	return columns{
		{"count", ref("count"), "How many are open."},
		{"next", ref("count"), "Number that the next lot gets."},
		{"digest", node{"type": "string", "pattern": "^[0-9a-f]{32}$"}, "Sum modulo 2^128 of the first 16 bytes of the SHA-256 of each lot's encoding."},
	}
}

func conditionColumns() columns {
	return columns{
		{"stop", ref("figure"), "Stop price."},
		{"targets", node{"type": "array", "items": ref("decimal")}, "Target prices."},
		{"tags", node{"type": "array", "items": ref("name")}, "Tags."},
		{"metadata", node{"type": "object", "additionalProperties": node{"type": "string"}}, "Values by name."},
	}
}

func instrumentNode() node {
	return columns{
		{"instrument", ref("name"), "Instrument."},
		{"kind", node{"enum": namesOf(Linear, Option)}, "Arithmetic that it follows."},
		{"multiplier", ref("decimal"), "Settlement currency per unit and price point."},
		{"base", ref("name"), "Currency or asset that is bought and sold."},
		{"quote", ref("name"), "Currency of the price."},
		{"settlement", ref("name"), "Currency of cost and profit."},
		{"price_increment", ref("figure"), "Step of prices; null: none."},
		{"size_increment", ref("figure"), "Step of quantities; null: none."},
		{"cost_method", node{"enum": namesOf(Average, SpecificSize)}, "Which cost leaves with a reduction."},
		{"over_reduction", node{"enum": namesOf(FlipOver, RejectOver)}, "What becomes of a fill larger than the opposite position."},
		{"base_fee", node{"enum": namesOf(FeeInCost, FeeApart)}, "What a fee in the base currency of a spot instrument does to the cost."},
		{"rounding", node{"oneOf": []any{roundingColumns().object(), node{"type": "null"}}}, "The venue's rounding profile; null: exact."},
		{"split_time", ref("time"), "Event time of the last split; null: none yet."},
		{"split_ratio", ref("figure"), "Its ratio: new quantity for split_per old units."},
		{"split_per", ref("figure"), "See split_ratio."},
		{"defined", node{"type": "boolean"}, "False: known only by use, with the ledger's defaults."},
		{"mark", ref("figure"), "Last mark price."},
		{"mark_time", ref("time"), "Event time of the mark."},
		{"version", ref("count"), "Definitions so far."},
		{"seq", ref("count"), "Record that last defined it."},
	}.object()
}

func roundingColumns() columns {
	round := node{"type": []string{"string", "null"}, "pattern": roundPattern}
	return columns{
		{"value", round, "Of a fill's or a mark's value; null: not rounded."},
		{"value_per", ref("figure"), "Quantity whose value is rounded; null: the whole."},
		{"average", round, "Of the average entry, wherever a reduction uses it."},
		{"realized", round, "Of the profit of one reduction."},
	}
}

func accountNode() node {
	return columns{
		{"account", ref("name"), "Account."},
		{"balances", node{"oneOf": []any{ref("amounts"), node{"type": "null"}}}, "Sum of what follows by currency; received is positive, paid negative. null: a sum is out of range."},
		{"cash", ref("amounts"), "Deposits, withdrawals and transfers that belong to no instrument."},
		{"fees", ref("amounts"), "Fees that belong to no instrument; paid is negative."},
		{"funding", ref("amounts"), "Funding that belongs to no instrument."},
		{"interest", ref("amounts"), "Interest."},
		{"dividends", ref("amounts"), "Dividends."},
		{"realized", ref("amounts"), "Profit that a venue booked itself."},
		{"other", ref("amounts"), "Everything else."},
		{"version", ref("count"), "Changes so far."},
		{"seq", ref("count"), "Record of the last change."},
	}.object()
}
