package wire_test

import (
	"bytes"
	"encoding/binary"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/sample"
	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/position"
)

func TestNewerFormatIsRefusedByName(t *testing.T) {
	c := sample.Changes()["fill_opened"]
	b := wire.AppendChange(nil, &c)
	var d wire.Decoder

	_, err := d.Change(append(slices.Clip(b), 17<<3|2|0x80, 17>>4, 1, 'x'))
	require.ErrorIs(t, err, position.ErrFormat)
	require.EqualError(t, err, "bad encoding: change, field 17 of wire type 2 is not known to this version")
	var fe *wire.FormatError
	require.ErrorAs(t, err, &fe)
	require.Equal(t, uint32(17), fe.Field)

	_, err = d.Change(append([]byte{8, 18}, b[2:]...))
	require.ErrorContains(t, err, "change, field 1 has the value 18")
	_, err = d.Change(append([]byte{8, 0}, b[2:]...))
	require.ErrorContains(t, err, "change, field 1 has the value 0")

	_, err = d.Mutation([]byte{13<<3 | 2, 0})
	require.EqualError(t, err, "bad encoding: mutation, field 13 of wire type 2 is not known to this version")

	p := wire.AppendPosition(nil, c.After)
	_, err = d.Position(append(p, 0xda, 1, 0))
	require.EqualError(t, err, "bad encoding: position, field 27 of wire type 2 is not known to this version")
}

// Each of these is a legal protobuf message that another encoder could have
// written; a second form of the same value is refused, as is what is too large.
func TestOtherEncodingsAreRefused(t *testing.T) {
	bigName := append([]byte{10, 65}, bytes.Repeat([]byte{'a'}, 65)...)
	for name, c := range map[string]struct {
		account []byte // of an Account: name=1, cash=2, version=9
		reason  string
	}{
		"empty name":                {[]byte{10, 0}, "field 1 is empty"},
		"zero version":              {[]byte{72, 0}, "field 9 has the value 0"},
		"varint not minimal":        {[]byte{72, 0x81, 0}, "not of minimal length"},
		"varint too long":           {append(bytes.Repeat([]byte{0xff}, 0), 72, 255, 255, 255, 255, 255, 255, 255, 255, 255, 2), "too large"},
		"tag not minimal":           {[]byte{0xc8, 0, 1}, "not of minimal length"},
		"length not minimal":        {[]byte{10, 0x81, 0, 'a'}, "not of minimal length"},
		"out of order":              {[]byte{72, 1, 10, 1, 'a'}, "field 1 is out of order"},
		"twice":                     {[]byte{10, 1, 'a', 10, 1, 'b'}, "field 1 is out of order"},
		"field zero":                {[]byte{2, 0}, "out of range"},
		"field too large":           {[]byte{0xfa, 0xff, 0xff, 0xff, 0x7f, 0}, "out of range"},
		"wrong wire type":           {[]byte{8, 1}, "field 1 of wire type 0 is not known"},
		"group":                     {[]byte{11, 12}, "field 1 of wire type 3 is not known"},
		"cut length":                {[]byte{10}, "cut off"},
		"cut name":                  {[]byte{10, 2, 'a'}, "cut off: 2 bytes announced, 1 left"},
		"huge length":               {[]byte{10, 255, 255, 255, 255, 255, 255, 255, 255, 127}, "cut off"},
		"name too long":             {bigName, "65 bytes long, at most 64"},
		"bad UTF-8":                 {[]byte{10, 1, 0xff}, "not valid UTF-8"},
		"empty amount":              {[]byte{18, 0}, "amount, field 2 is missing"},
		"amount zero":               {[]byte{18, 3, 10, 1, 'a'}, "amount, field 2 is missing"},
		"decimal zero, one byte":    {[]byte{18, 6, 10, 1, 'a', 18, 1, 0}, "field 2 is no decimal"},
		"decimal not minimal":       {[]byte{18, 7, 10, 1, 'a', 18, 2, 5, 0}, "field 2 is no decimal"},
		"negative not minimal":      {[]byte{18, 7, 10, 1, 'a', 18, 2, 0xff, 0xff}, "field 2 is no decimal"},
		"decimal of 17 bytes":       {append([]byte{18, 22, 10, 1, 'a', 18, 17}, make([]byte, 17)...), "17 bytes long, at most 16"},
		"smallest 128-bit number":   {append(append([]byte{18, 21, 10, 1, 'a', 18, 16}, make([]byte, 15)...), 0x80), "no decimal"},
		"currencies unsorted":       {[]byte{18, 6, 10, 1, 'b', 18, 1, 5, 18, 6, 10, 1, 'a', 18, 1, 5}, "not smaller"},
		"currency twice":            {[]byte{18, 6, 10, 1, 'a', 18, 1, 5, 18, 6, 10, 1, 'a', 18, 1, 5}, "not smaller"},
		"input above the limit":     {make([]byte, wire.MaxChange+1), "at most 524288"},
		"more than MaxCurrencies":   {manyCurrencies(position.MaxCurrencies + 1), "more than 64 currencies"},
		"unknown field of a nested": {[]byte{18, 8, 10, 1, 'a', 18, 1, 5, 24, 1}, "account.amount, field 3 of wire type 0 is not known"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := new(wire.Decoder).Account(c.account)
			require.ErrorIs(t, err, position.ErrFormat)
			require.ErrorContains(t, err, c.reason)
		})
	}
	_, err := new(wire.Decoder).Account(manyCurrencies(position.MaxCurrencies))
	require.NoError(t, err)
}

func manyCurrencies(n int) []byte {
	var b []byte
	for i := range n {
		b = append(b, 18, 7, 10, 2, byte('A'+i/26), byte('A'+i%26), 18, 1, 5)
	}
	return b
}

// A change whose parts do not go with its kind would be a trap for every
// reader that trusts the kind.
func TestShapeOfChanges(t *testing.T) {
	all := sample.Changes()
	opened, marked, split := all["fill_opened"], all["mark"], all["split_instrument"]
	lots := []position.Lot{{ID: 1}}
	for name, c := range map[string]position.Change{
		"no kind":              {},
		"opened, no image":     {Kind: position.Opened, Cause: sample.Fill()},
		"opened, no cause":     {Kind: position.Opened, After: opened.After},
		"opened, two images":   {Kind: position.Opened, Cause: sample.Fill(), After: opened.After, Account: all["account"].Account},
		"marked by a fill":     {Kind: position.Marked, Cause: sample.Fill()},
		"marked with image":    {Kind: position.Marked, Cause: marked.Cause, After: opened.After},
		"epoch with cause":     {Kind: position.EpochBegun, Cause: sample.Fill(), Epoch: all["epoch"].Epoch},
		"epoch without epoch":  {Kind: position.EpochBegun},
		"instrument missing":   {Kind: position.Defined, Cause: all["instrument"].Cause},
		"split, no image":      {Kind: position.SplitChange, Cause: split.Cause},
		"split, two images":    {Kind: position.SplitChange, Cause: split.Cause, Instrument: split.Instrument, After: opened.After},
		"lots, no position":    {Kind: position.SplitChange, Cause: split.Cause, Instrument: split.Instrument, Opened: lots},
		"uses, no position":    {Kind: position.Marked, Cause: marked.Cause, Consumed: []position.LotUse{{ID: 1}}},
		"opened by instrument": {Kind: position.Opened, Cause: sample.Fill(), Instrument: split.Instrument},
	} {
		_, err := new(wire.Decoder).Change(wire.AppendChange(nil, &c))
		require.ErrorIs(t, err, position.ErrFormat, name)
		require.ErrorContains(t, err, "change, field 1 ", name)
	}
	// No change is one of another kind's cause. Fills, charges and settlements
	// have more than one kind.
	for name, c := range all {
		kinds := map[position.ChangeKind]bool{}
		for _, other := range all {
			if reflect.TypeOf(other.Cause) == reflect.TypeOf(c.Cause) {
				kinds[other.Kind] = true
			}
		}
		kinds[position.Increased], kinds[position.Reduced] = kinds[position.Opened], kinds[position.Opened]
		for k := position.Opened; k <= position.EpochBegun; k++ {
			x := c
			x.Kind = k
			_, err := new(wire.Decoder).Change(wire.AppendChange(nil, &x))
			require.True(t, err == nil || !kinds[k] || k == position.AccountSet || k == position.Charged, "%s as %s: %v", name, k, err)
			require.True(t, err != nil || kinds[k], "%s as %s", name, k)
		}
	}
}

// What is left out has one form: to write it all the same is an error.
func TestWhatTheCauseSaysIsNotRepeated(t *testing.T) {
	fill := sample.Fill()
	key := wire.AppendPosition(nil, &position.Position{Key: fill.Key})
	moment := binary.LittleEndian.AppendUint64(nil, uint64(sample.Time))
	after := func(fields ...byte) []byte {
		b := wire.AppendMutation(nil, fill)
		b = append([]byte{8, 1, 5<<3 | 2, byte(len(b))}, b...) // kind, cause
		return append(append(b, 10<<3|2, byte(len(fields))), fields...)
	}
	lot := func(fields ...byte) []byte {
		return append(after(), append([]byte{12<<3 | 2, byte(len(fields))}, fields...)...)
	}
	join := func(parts ...[]byte) []byte { return bytes.Join(parts, nil) }
	for name, c := range map[string]struct {
		change []byte
		reason string // "" for none
	}{
		"nothing":             {after(), ""},
		"the key":             {after(key...), "change.after, field 16 is the key of the cause"},
		"the time":            {after(join([]byte{0xb1, 1}, moment)...), "change.after, field 22 is the time 1767323045000000006"},
		"no time":             {after(0xb1, 1, 0, 0, 0, 0, 0, 0, 0, 0), ""},
		"one part":            {join([]byte{8, 1, 24, 1}, after()[2:]), "change, field 3 is 1"},
		"three parts":         {join([]byte{8, 1, 24, 3}, after()[2:]), ""},
		"a lot":               {lot(8, 1), ""},
		"a lot's time":        {lot(join([]byte{8, 1, 33}, moment)...), "change.lot, field 4 is the time"},
		"a lot without time":  {lot(8, 1, 33, 0, 0, 0, 0, 0, 0, 0, 0), ""},
		"a lot's label":       {lot(join([]byte{8, 1, 42, byte(len(fill.Ident))}, []byte(fill.Ident))...), "change.lot, field 5 is what its absence"},
		"a lot without label": {lot(8, 1, 42, 0), ""},
		"the multiplier":      {after(join([]byte{10, 10, 18, 8}, []byte{0, 0, 0x64, 0xa7, 0xb3, 0xb6, 0xe0, 0x0d})...), "change.after.terms name a default"},
		"the cost method":     {after(10, 2, 48, 1), "change.after.terms name a default"},
		"another cost method": {after(10, 2, 48, 2), ""},
		"no cost method":      {after(10, 2, 48, 7), "change.after.terms, field 6 has the value 7"},
		"the over-reduction":  {after(10, 2, 56, 1), "change.after.terms name a default"},
		"the rounding":        {after(10, 2, 66, 0), "change.after.terms, field 8 is empty"},
		"a rounding":          {after(10, 4, 66, 2, 10, 0), "change.after.terms.rounding, field 1 is empty"},
		"digits":              {after(10, 6, 66, 4, 10, 2, 16, 19), "change.after.terms.rounding.value, field 2 has the value 19"},
		"a mode":              {after(10, 6, 66, 4, 10, 2, 8, 7), "change.after.terms.rounding.value, field 1 has the value 7"},
		"no terms":            {after(10, 0), "change.after, field 1 is empty"},
		"open lots":           {after(0xca, 1, 2, 34, 0), "change.after.lots, field 4 of wire type 2 is not known"},
		"the number of lots":  {after(0xca, 1, 2, 8, 1), ""},
		"a short digest":      {after(0xca, 1, 3, 26, 1, 1), "change.after.lots, field 3 is not 16 bytes"},
	} {
		got, err := new(wire.Decoder).Change(c.change)
		if c.reason == "" {
			require.NoError(t, err, name)
			require.Equal(t, c.change, wire.AppendChange(nil, &got), name)
			continue
		}
		require.ErrorIs(t, err, position.ErrFormat, name)
		require.ErrorContains(t, err, c.reason, name)
	}
}

func TestLotsOfAPositionAreChecked(t *testing.T) {
	p := sample.OpenPosition()
	p.Lots.Open[0], p.Lots.Open[1] = p.Lots.Open[1], p.Lots.Open[0]
	_, err := new(wire.Decoder).Position(wire.AppendPosition(nil, p))
	require.ErrorContains(t, err, "position.lots, field 4 is not in the order of opening")

	p = sample.OpenPosition()
	p.Lots.Open[1] = p.Lots.Open[0]
	_, err = new(wire.Decoder).Position(wire.AppendPosition(nil, p))
	require.ErrorContains(t, err, "position.lots, field 4 is not in the order of opening")

	p = sample.OpenPosition()
	p.Lots.Next = 9
	_, err = new(wire.Decoder).Position(wire.AppendPosition(nil, p))
	require.ErrorContains(t, err, "position.lots, field 4 holds the number 9, the next one is 9")

	_, err = new(wire.Decoder).Position([]byte{0xca, 1, 2, 8, 1})
	require.ErrorContains(t, err, "position.lots, field 1 of wire type 0 is not known")
	_, err = new(wire.Decoder).Position([]byte{0xb1, 1, 0, 0, 0, 0, 0, 0, 0, 0})
	require.ErrorContains(t, err, "position, field 22 is the time 0")
}

// Every text has a limit.
func TestLongTextsAreRefused(t *testing.T) {
	long := func(n int) string { return strings.Repeat("r", n) }
	for field, m := range map[string]position.Mutation{
		"adjust, field 9 ":    position.Adjust{Reason: long(position.MaxReason + 1)},
		"adjust, field 10":    position.Adjust{Ref: long(position.MaxName + 1)},
		"adopt, field 13":     position.Adopt{Reason: long(position.MaxReason + 1)},
		"adopt, field 14":     position.Adopt{Ref: long(position.MaxName + 1)},
		"adopt.lot, field 5":  position.Adopt{Lots: []position.AdoptedLot{{Label: long(position.MaxName + 1)}}},
		"bust, field 4":       position.Bust{Fill: long(position.MaxName + 1)},
		"bust, field 5":       position.Bust{Reason: long(position.MaxReason + 1)},
		"correct, field 4":    position.Correct{Fill: long(position.MaxName + 1)},
		"correct, field 9":    position.Correct{FeeCurrency: long(position.MaxName + 1)},
		"correct, field 10":   position.Correct{Reason: long(position.MaxReason + 1)},
		"fill.lot, field 1":   position.Fill{Lot: &position.LotRef{Label: long(position.MaxName + 1)}},
		"fill.lot, field 3":   position.Fill{Lot: &position.LotRef{Opened: long(65)}},
		"transfer, field 4":   position.Transfer{ToAccount: long(position.MaxName + 1)},
		"transfer, field 5":   position.Transfer{ToStrategy: long(position.MaxName + 1)},
		"transfer, field 6":   position.Transfer{ToLeg: long(position.MaxName + 1)},
		"split, field 4":      position.Split{Instrument: long(position.MaxName + 1)},
		"settle, field 4":     position.Settle{Instrument: long(position.MaxName + 1)},
		"settle, field 6 has": position.Settle{Reason: position.WriteOff + 1},
		"charge, field 4 has": position.Charge{Kind: position.RealizedCharge + 1},
	} {
		_, err := new(wire.Decoder).Mutation(wire.AppendMutation(nil, m))
		require.ErrorContains(t, err, "mutation."+field)
	}
	adjust := position.Adjust{Reason: long(position.MaxReason), Ref: long(position.MaxName)}
	got, err := new(wire.Decoder).Mutation(wire.AppendMutation(nil, adjust))
	require.NoError(t, err)
	require.Equal(t, adjust, got)
}

// TestWhatTheFillSaysIsLeftOut: quantity and fee of a change that are all of the fill's
// have one encoding, which is none; less than all of it stands there, even nothing.
func TestWhatTheFillSaysIsLeftOut(t *testing.T) {
	c := sample.Changes()["fill_increased"]
	f := sample.Fill()
	f.Side, f.Qty, f.Fee = position.Sell, num("0.000000000000000001"), num("0.000000000000000002")
	for _, sold := range []bool{false, true} {
		c.Cause, c.Qty, c.Fee = f, num("-0.000000000000000001"), f.Fee
		qty := []byte{6<<3 | 2, 1, 0xff}
		if !sold {
			bought := f
			bought.Side = position.Buy
			c.Cause, c.Qty, qty[2] = bought, f.Qty, 1
		}
		whole := wire.AppendChange(nil, &c)
		got, err := new(wire.Decoder).Change(whole)
		require.NoError(t, err)
		require.Equal(t, c, got)
		none := c
		none.Qty, none.Fee = position.Decimal{}, position.Decimal{}
		b := wire.AppendChange(nil, &none)
		require.Len(t, b, len(whole)+4)
		got, err = new(wire.Decoder).Change(b)
		require.NoError(t, err)
		require.Equal(t, none, got)

		at := bytes.Index(b, []byte{6<<3 | 2, 0})
		require.Positive(t, at)
		_, err = new(wire.Decoder).Change(slices.Concat(b[:at], qty, b[at+2:]))
		require.ErrorContains(t, err, "field 6 is that of the cause")
	}
}
