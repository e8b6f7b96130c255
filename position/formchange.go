package position

import (
	"maps"

	"github.com/moneyprinter/holdfast/internal/form"
)

// AppendChangeJSON appends the JSON form of a change with the journal's stamp,
// as [ChangeSchema] describes it. The Seq of the images in it is the stamp's. The
// position after it counts its lots without listing them, so that a record has
// one text, whether it was just made or read back from a journal.
func AppendChangeJSON(dst []byte, s Stamp, c *Change) []byte {
	w := grown(dst, 2100)
	w.Raw("{")
	w.Count("seq", s.Seq)
	w.Count("epoch", s.Epoch)
	w.time("time", s.Time)
	if c.Cause != nil {
		w.time("event_time", c.Cause.EventTime())
	}
	w.Text("kind", c.Kind.String())
	if c.Cause != nil {
		w.Text("mutation_id", c.Cause.ID())
		w.Count("part", uint64(c.Part))
		w.Count("parts", uint64(c.Parts))
		w.Name("cause")
		w.mutation(ValueOf(c.Cause))
	}
	if c.After != nil {
		w.effect(c)
		w.Name("after")
		w.B = write(w.B, outputs.position, shown{c.After, s.Seq, false})
	}
	if c.Instrument != nil {
		w.Name("instrument")
		w.B = write(w.B, outputs.instrument, shownInstrument{c.Instrument, s.Seq})
	}
	if c.Account != nil {
		w.Name("account")
		w.B = write(w.B, outputs.account, shownAccount{c.Account, s.Seq})
	}
	if c.Epoch != nil {
		w.Text("build", c.Epoch.Build)
		w.Count("arithmetic", uint64(c.Epoch.Arithmetic))
		w.Hex("salt", c.Epoch.Salt[:])
		w.Name("identity")
		w.Raw(c.Epoch.Identity)
	}
	w.Raw("}")
	return w.B
}

// effect writes what a change did to its position.
func (w *jsonWriter) effect(c *Change) {
	w.Count("prev", c.Prev)
	if c.Fill != 0 {
		w.Count("fill_seq", c.Fill)
	}
	w.decimal("qty", c.Qty)
	w.decimal("value", c.Value)
	w.decimal("realized", c.Realized)
	w.decimal("fee", c.Fee)
	if c.After.Lots == nil && len(c.Consumed)+len(c.Opened) == 0 {
		return
	}
	w.Name("consumed")
	w.Raw("[")
	for i := range c.Consumed {
		w.Element(i)
		w.B = write(w.B, outputs.use, &c.Consumed[i])
	}
	w.Raw("]")
	w.Name("opened")
	w.B = appendLots(w.B, outputs.lot, c.Opened, c.After.terms())
}

func useOutputs() []output[*LotUse] {
	return []output[*LotUse]{
		countOut("lot", "Number of the lot.", func(u *LotUse) uint64 { return u.ID }),
		decimalOut("qty", "What was taken, signed like the lot.", func(u *LotUse) Decimal { return u.Qty }),
		decimalOut("cost", "The cost that left with it.", func(u *LotUse) Decimal { return u.Cost }),
	}
}

// ChangeSchema returns the JSON Schema of [AppendChangeJSON].
func ChangeSchema() []byte {
	defs := outputDefs()
	maps.Copy(defs, inputDefs())
	defs["position"], defs["instrument"], defs["account"] = describe(outputs.position), describe(outputs.instrument), describe(outputs.account)
	var causes []any
	for i := range forms {
		def := forms[i].Name + "_cause"
		causes = append(causes, form.Ref(def))
		defs[def] = forms[i].node()
	}
	defs["cause"] = form.Node{"oneOf": causes}
	instrument := form.Properties{member("instrument", form.Ref("instrument"), "The instrument after the change.")}
	return document("change", form.Node{
		"title":       "Change",
		"description": "What one mutation did to one position, with the whole position after it; or a record of an instrument, mark, account or epoch. A mutation gives one change or several: a flip closes and opens; a split or settlement is one record of the instrument and then one per open position.",
		"type":        "object",
		"oneOf": []any{
			positionChange(),
			changeNode([]string{Defined.String(), SplitChange.String(), Settled.String()}, "cause", instrument),
			changeNode([]string{Marked.String()}, "mark_cause", nil),
			changeNode([]string{AccountSet.String()}, "cause", form.Properties{member("account", form.Ref("account"), "The account after the change.")}),
			changeNode([]string{EpochBegun.String()}, "", form.Properties{
				member("build", form.Node{"type": "string"}, "Version of the software that writes."),
				member("arithmetic", form.Ref("count"), "Version of the rules by which it folds mutations."),
				member("salt", form.Node{"type": "string", "pattern": "^[0-9a-f]{32}$"}, "Random, unique per epoch."),
				member("identity", identityNode(), "Which ledger is written: what its ledger.json says, but for its secret."),
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
	return changeNode(kinds, "cause", form.Properties{
		member("prev", form.Ref("count"), "Record that changed the position before; 0: this is the key's first. Following it back gives the position's history without a search."),
		maybe("fill_seq", form.Ref("count"), "Record of the fill that a bust or correction is about."),
		member("qty", form.Ref("decimal"), "Signed change of quantity."),
		member("value", form.Ref("decimal"), "Signed notional of qty, in the settlement currency."),
		member("realized", form.Ref("decimal"), "Gross profit that this change realised."),
		member("fee", form.Ref("decimal"), "This change's share of the fill's fee, in its fee currency."),
		maybe("consumed", form.List(describe(outputs.use)), "Lots that the change took from, in the order in which they were chosen; only under a cost method with lots. A split names none: it rescales all."),
		maybe("opened", form.List(describe(outputs.lot)), "Lots that the change opened, as consumed."),
		member("after", form.Ref("position"), "The position after the change. Its lots are not listed, only counted: keep consumed and opened, or ask for the position."),
	})
}

func member(name string, value form.Node, about string) form.Property {
	return form.Property{Name: name, Value: value, About: about}
}

// maybe is a member that may be absent.
func maybe(name string, value form.Node, about string) form.Property {
	return form.Property{Name: name, Value: value, About: about, Optional: true}
}

// changeNode describes the changes of some kinds. cause is the definition of
// their mutation; an epoch has none.
func changeNode(kinds []string, cause string, rest form.Properties) form.Node {
	c := form.Properties{
		member("seq", form.Ref("count"), "Position in the ledger, dense from 1."),
		member("epoch", form.Ref("count"), "Incarnation of the writer."),
		member("time", form.Ref("time"), "Record time; never decreases."),
		member("kind", form.Node{"enum": kinds}, "What happened."),
	}
	if cause != "" {
		c = append(c, form.Properties{
			member("event_time", form.Ref("time"), "The engine's own time."),
			member("mutation_id", form.Ref("name"), "Id of the mutation."),
			member("part", form.Ref("count"), "0-based number of this change among those of its mutation."),
			member("parts", form.Ref("count"), "How many changes the mutation gave."),
			member("cause", form.Ref(cause), "The mutation."),
		}...)
	}
	return append(c, rest...).Object()
}

// identityNode describes the text of [Epoch.Identity].
func identityNode() form.Node {
	flag, text := form.Node{"type": "boolean"}, form.Node{"type": "string"}
	id := form.Node{"type": "string", "format": "uuid"}
	parent := form.Properties{
		member("ledger", id, "Id of the parent."),
		member("seq", form.Ref("count"), "Last record that was taken over."),
		member("chain", form.Node{"type": "string", "pattern": "^[0-9a-f]{64}$"}, "Its chain."),
	}
	return form.Properties{
		member("format", form.Ref("count"), "Version of the identity's form."),
		member("id", id, "Id of the ledger."),
		member("name", text, "Name of the ledger."),
		member("created_at", form.Ref("time"), "When it was created."),
		member("cost_method", text, "How cost leaves a position, unless an instrument says otherwise."),
		member("over_reduction", text, "What a fill beyond flat does, unless an instrument says otherwise."),
		member("default_currency", text, "Settlement currency of instruments that were not defined."),
		member("strict_instruments", flag, "Only defined instruments are taken."),
		member("strict_increments", flag, "Prices and quantities keep to the increments of their instrument."),
		member("window", form.Ref("count"), "How many mutation ids are remembered for duplicates."),
		maybe("parents", form.List(parent.Object()), "The ledger from which this one was restored, or which it was before a loss was accepted, and the parents of that, newest first."),
		maybe("encrypted", flag, "It was created to be encrypted."),
	}.Object()
}
