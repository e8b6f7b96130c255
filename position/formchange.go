package position

import (
	"maps"

	"github.com/moneyprinter/holdfast/internal/form"
)

// ChangeSchema returns the JSON Schema of [AppendChangeJSON].
func ChangeSchema() []byte {
	defs := outputDefs()
	maps.Copy(defs, inputDefs())
	defs["position"], defs["instrument"], defs["account"] = positionNode(), instrumentNode(), accountNode()
	var causes []any
	for i := range forms {
		def := forms[i].Name + "_cause"
		causes = append(causes, form.Ref(def))
		defs[def] = forms[i].node()
	}
	defs["cause"] = form.Node{"oneOf": causes}
	instrument := columns{{"instrument", form.Ref("instrument"), "The instrument after the change."}}
	return document("change", form.Node{
		"title":       "Change",
		"description": "What one mutation did to one position, with the whole position after it; or a record of an instrument, mark, account or epoch. A mutation gives one change or several: a flip closes and opens; a split or settlement is one record of the instrument and then one per open position.",
		"type":        "object",
		"oneOf": []any{
			positionChange(),
			changeNode([]string{Defined.String(), SplitChange.String(), Settled.String()}, "cause", instrument),
			changeNode([]string{Marked.String()}, "mark_cause", nil),
			changeNode([]string{AccountSet.String()}, "cause", columns{{"account", form.Ref("account"), "The account after the change."}}),
			changeNode([]string{EpochBegun.String()}, "", columns{
				{"build", form.Node{"type": "string"}, "Version of the software that writes."},
				{"arithmetic", form.Ref("count"), "Version of the rules by which it folds mutations."},
				{"salt", form.Node{"type": "string", "pattern": "^[0-9a-f]{32}$"}, "Random, unique per epoch."},
			}),
		},
		"$defs": defs,
	})
}

// positionChange describes what has a position after it.
func positionChange() form.Node {
	var kinds []string
	for k := Opened; k <= Corrected; k++ {
		kinds = append(kinds, k.String())
	}
	n := changeNode(kinds, "cause", columns{
		{"prev", form.Ref("count"), "Record that changed the position before; 0: this is the key's first. Following it back gives the position's history without a search."},
		{"qty", form.Ref("decimal"), "Signed change of quantity."},
		{"value", form.Ref("decimal"), "Signed notional of qty, in the settlement currency."},
		{"realized", form.Ref("decimal"), "Gross profit that this change realised."},
		{"fee", form.Ref("decimal"), "This change's share of the fill's fee, in its fee currency."},
		{"after", form.Ref("position"), "The position after the change. Its lots are not listed, only counted: keep consumed and opened, or ask for the position."},
	})
	maybe(n, "fill_seq", form.Ref("count"), "Record of the fill that a bust or correction is about.")
	maybe(n, "consumed", list(columns{
		{"lot", form.Ref("count"), "Number of the lot."},
		{"qty", form.Ref("decimal"), "What was taken, signed like the lot."},
		{"cost", form.Ref("decimal"), "The cost that left with it."},
	}), "Lots that the change took from, in the order in which they were chosen; only under a cost method with lots. A split names none: it rescales all.")
	maybe(n, "opened", list(lotColumns()), "Lots that the change opened, as consumed.")
	return n
}

func list(element columns) form.Node { return form.Node{"type": "array", "items": element.object()} }

// maybe adds a member that may be absent.
func maybe(n form.Node, name string, value form.Node, text string) {
	properties, ok := n["properties"].(form.Node)
	if !ok {
		return
	}
	value = maps.Clone(value)
	value["description"] = text
	properties[name] = value
}

// changeNode describes the changes of some kinds. cause is the definition of
// their mutation; an epoch has none.
func changeNode(kinds []string, cause string, rest columns) form.Node {
	c := columns{
		{"seq", form.Ref("count"), "Position in the ledger, dense from 1."},
		{"epoch", form.Ref("count"), "Incarnation of the writer."},
		{"time", form.Ref("time"), "Record time; never decreases."},
		{"kind", form.Node{"enum": kinds}, "What happened."},
	}
	if cause != "" {
		c = append(c, columns{
			{"event_time", form.Ref("time"), "The engine's own time."},
			{"mutation_id", form.Ref("name"), "Id of the mutation."},
			{"part", form.Ref("count"), "0-based number of this change among those of its mutation."},
			{"parts", form.Ref("count"), "How many changes the mutation gave."},
			{"cause", form.Ref(cause), "The mutation."},
		}...)
	}
	return append(c, rest...).object()
}
