package position

import "maps"

// ChangeSchema returns the JSON Schema of [AppendChangeJSON].
func ChangeSchema() []byte {
	defs := outputDefs()
	maps.Copy(defs, inputDefs())
	defs["position"], defs["instrument"], defs["account"] = positionNode(), instrumentNode(), accountNode()
	var causes []any
	for i := range forms {
		def := forms[i].name + "_cause"
		causes = append(causes, ref(def))
		defs[def] = forms[i].schema()
	}
	defs["cause"] = node{"oneOf": causes}
	instrument := columns{{"instrument", ref("instrument"), "The instrument after the change."}}
	return document("change", node{
		"title":       "Change",
		"description": "What one mutation did to one position, with the whole position after it; or a record of an instrument, mark, account or epoch. A mutation gives one change or several: a flip closes and opens; a split or settlement is one record of the instrument and then one per open position.",
		"type":        "object",
		"oneOf": []any{
			positionChange(),
			changeNode([]string{Defined.String(), SplitChange.String(), Settled.String()}, "cause", instrument),
			changeNode([]string{Marked.String()}, "mark_cause", nil),
			changeNode([]string{AccountSet.String()}, "cause", columns{{"account", ref("account"), "The account after the change."}}),
			changeNode([]string{EpochBegun.String()}, "", columns{
				{"build", node{"type": "string"}, "Version of the software that writes."},
				{"arithmetic", ref("count"), "Version of the rules by which it folds mutations."},
				{"salt", node{"type": "string", "pattern": "^[0-9a-f]{32}$"}, "Random, unique per epoch."},
			}),
		},
		"$defs": defs,
	})
}

// positionChange describes what has a position after it.
func positionChange() node {
	var kinds []string
	for k := Opened; k <= Corrected; k++ {
		kinds = append(kinds, k.String())
	}
	n := changeNode(kinds, "cause", columns{
		{"prev", ref("count"), "Record that changed the position before; 0: this is the key's first. Following it back gives the position's history without a search."},
		{"qty", ref("decimal"), "Signed change of quantity."},
		{"value", ref("decimal"), "Signed notional of qty, in the settlement currency."},
		{"realized", ref("decimal"), "Gross profit that this change realised."},
		{"fee", ref("decimal"), "This change's share of the fill's fee, in its fee currency."},
		{"after", ref("position"), "The position after the change. Its lots are not listed, only counted: keep consumed and opened, or ask for the position."},
	})
	n.optional("fill_seq", ref("count"), "Record of the fill that a bust or correction is about.")
	n.optional("consumed", list(columns{
		{"lot", ref("count"), "Number of the lot."},
		{"qty", ref("decimal"), "What was taken, signed like the lot."},
		{"cost", ref("decimal"), "The cost that left with it."},
	}), "Lots that the change took from, in the order in which they were chosen; only under a cost method with lots. A split names none: it rescales all.")
	n.optional("opened", list(lotColumns()), "Lots that the change opened, as consumed.")
	return n
}

func list(element columns) node { return node{"type": "array", "items": element.object()} }

// optional adds a member that may be absent.
func (n node) optional(name string, value node, text string) {
	properties, ok := n["properties"].(node)
	if !ok {
		return
	}
	value = maps.Clone(value)
	value["description"] = text
	properties[name] = value
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
