package position

import "maps"

// column is a member that is always there.
type column struct {
	name  string
	value node
	about string
}

type columns []column

// object describes an object with exactly these members.
func (c columns) object() node {
	properties, required := node{}, []string{}
	for _, m := range c {
		p := maps.Clone(m.value)
		p["description"] = m.about
		properties[m.name] = p
		required = append(required, m.name)
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

func totalColumns(of string) columns {
	return columns{
		{"realized", ref("decimal"), "Gross profit " + of + ", before fees."},
		{"fees", ref("amounts"), "Fees " + of + " by currency; paid is positive."},
		{"funding", ref("decimal"), "Funding " + of + "; received is positive."},
		{"charges", ref("amounts"), "Other charges " + of + " by currency; received is positive."},
		{"net", ref("figure"), "Gross - fees + funding + charges, those in the settlement currency."},
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
	}
	c = append(c, totalColumns("of this cycle")...)
	c = append(c, columns{
		{"lifetime", node{"oneOf": []any{totalColumns("of all cycles").object(), node{"type": "null"}}}, "Totals of all cycles."},
		{"entry_qty", ref("decimal"), "Quantity that increased the position in this cycle."},
		{"exit_qty", ref("decimal"), "Quantity that reduced it."},
		{"peak_qty", ref("decimal"), "Largest absolute quantity of the cycle."},
		{"mark", ref("figure"), "Mark price."},
		{"unrealized", ref("figure"), "Gross profit of closing at the mark."},
		{"high", ref("decimal"), "Highest price of the cycle, marks and fills."},
		{"low", ref("decimal"), "Lowest price of the cycle."},
		{"mfe", ref("figure"), "Maximum favourable excursion, in the settlement currency."},
		{"mae", ref("figure"), "Maximum adverse excursion."},
		{"opened_at", ref("time"), "Event time of the cycle's first fill."},
		{"closed_at", ref("time"), "Event time of the fill that closed it."},
		{"updated_at", ref("time"), "Event time of the last change."},
		{"conditions", node{"oneOf": []any{conditionColumns().object(), node{"type": "null"}}}, "The engine's own notes."},
		{"version", ref("count"), "Changes so far, over all cycles."},
		{"seq", ref("count"), "Record of the last change."},
	}...)
	return c.object()
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
		{"defined", node{"type": "boolean"}, "False: known only by use, with the ledger's defaults."},
		{"mark", ref("figure"), "Last mark price."},
		{"mark_time", ref("time"), "Event time of the mark."},
		{"version", ref("count"), "Definitions so far."},
		{"seq", ref("count"), "Record that last defined it."},
	}.object()
}

func accountNode() node {
	return columns{
		{"account", ref("name"), "Account."},
		{"balances", ref("amounts"), "Charges that belong to no instrument, by currency; received is positive."},
		{"version", ref("count"), "Changes so far."},
		{"seq", ref("count"), "Record of the last change."},
	}.object()
}

// changeNode describes the changes of some kinds. cause is the definition of
// their mutation; an epoch has none.
func changeNode(kinds []string, cause string, rest columns) node {
	c := columns{
		{"seq", ref("count"), "Position in the ledger, dense from 1."},
		{"epoch", ref("count"), "Incarnation of the writer."},
		{"time", ref("time"), "Record time; never decreases."},
		{"kind", node{"enum": kinds}, "What happened."},
	}
	if cause != "" {
		c = append(c, columns{
			{"event_time", ref("time"), "The engine's own time."},
			{"mutation_id", ref("name"), "Id of the mutation."},
			{"part", ref("count"), "0-based number of this change among those of its mutation."},
			{"parts", ref("count"), "How many changes the mutation gave."},
			{"cause", ref(cause), "The mutation."},
		}...)
	}
	return append(c, rest...).object()
}
