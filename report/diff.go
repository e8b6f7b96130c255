package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// Difference is one position, instrument or account that two views do not show
// alike. Of the three pairs of images one is set; the image of a view that does
// not have it is nil.
type Difference struct {
	Key  position.Key // of a position
	Name string       // of an instrument or account

	BeforePosition, AfterPosition     *position.Position
	BeforeInstrument, AfterInstrument *position.Instrument
	BeforeAccount, AfterAccount       *position.Account

	// Fields are the members of the JSON form that differ, sorted; nil where one
	// of the images is missing.
	Fields []string
}

// What, the kind of object that differs, is "position", "instrument" or "account".
func (d *Difference) What() string {
	switch {
	case d.BeforePosition != nil || d.AfterPosition != nil:
		return "position"
	case d.BeforeInstrument != nil || d.AfterInstrument != nil:
		return "instrument"
	}
	return "account"
}

// Diff compares two views: what was believed at two moments, or what was believed
// and what was true. Positions come first, then instruments, then accounts, each
// in the order of their keys. Seqs, versions and the time of the last change are
// no differences: they tell how a state was come to, not which it is.
func Diff(before, after *projector.View) []Difference {
	var out []Difference
	for p := range paired(before.Positions(), after.Positions(), func(a, b *position.Position) int { return a.Key.Compare(b.Key) }) {
		d := Difference{BeforePosition: p.before, AfterPosition: p.after}
		d.Key = p.either().Key
		if d.differ(p.before != nil && p.after != nil, func(which int) []byte {
			return position.AppendPositionJSON(nil, [...]*position.Position{p.before, p.after}[which])
		}) {
			out = append(out, d)
		}
	}
	for p := range paired(before.Instruments(), after.Instruments(), func(a, b *position.Instrument) int { return strings.Compare(a.Name, b.Name) }) {
		d := Difference{BeforeInstrument: p.before, AfterInstrument: p.after, Name: p.either().Name}
		if d.differ(p.before != nil && p.after != nil, func(which int) []byte {
			return position.AppendInstrumentJSON(nil, [...]*position.Instrument{p.before, p.after}[which])
		}) {
			out = append(out, d)
		}
	}
	for p := range paired(before.Accounts(), after.Accounts(), func(a, b *position.Account) int { return strings.Compare(a.Name, b.Name) }) {
		d := Difference{BeforeAccount: p.before, AfterAccount: p.after, Name: p.either().Name}
		if d.differ(p.before != nil && p.after != nil, func(which int) []byte {
			return position.AppendAccountJSON(nil, [...]*position.Account{p.before, p.after}[which])
		}) {
			out = append(out, d)
		}
	}
	return out
}

// differ compares the JSON forms of the two images where both are there.
func (d *Difference) differ(both bool, form func(which int) []byte) bool {
	if !both {
		return true
	}
	before, after := form(0), form(1)
	if bytes.Equal(before, after) {
		return false
	}
	d.Fields = differing(before, after)
	return len(d.Fields) > 0
}

// differing names the members that two JSON objects do not share.
func differing(before, after []byte) []string {
	var a, b map[string]json.RawMessage
	if err := json.Unmarshal(before, &a); err != nil {
		panic(fmt.Sprintf("report: own JSON: %v", err)) // it was made by this build
	}
	if err := json.Unmarshal(after, &b); err != nil {
		panic(fmt.Sprintf("report: own JSON: %v", err))
	}
	var out []string
	for _, name := range slices.Sorted(maps.Keys(a)) {
		if !bytes.Equal(a[name], b[name]) {
			out = append(out, name)
		}
	}
	for name := range b {
		if _, known := a[name]; !known {
			out = append(out, name)
		}
	}
	out = slices.DeleteFunc(out, func(name string) bool { return name == "seq" || name == "version" || name == "updated_at" })
	slices.Sort(out)
	return out
}

// pair is an image of one view beside that of another.
type pair[T any] struct{ before, after *T }

func (p pair[T]) either() *T {
	if p.before != nil {
		return p.before
	}
	return p.after
}

// paired merges two sequences that are sorted by cmp.
func paired[T any](before, after iter.Seq[T], cmp func(a, b *T) int) iter.Seq[pair[T]] {
	return func(yield func(pair[T]) bool) {
		nextA, stopA := iter.Pull(before)
		defer stopA()
		nextB, stopB := iter.Pull(after)
		defer stopB()
		a, b := pulled(nextA), pulled(nextB)
		for a != nil || b != nil {
			p := first(a, b, cmp)
			if p.before != nil {
				a = pulled(nextA)
			}
			if p.after != nil {
				b = pulled(nextB)
			}
			if !yield(p) {
				return
			}
		}
	}
}

// first returns the lower of two images of which one may be nil, or both where
// they are the same key's.
func first[T any](a, b *T, cmp func(a, b *T) int) (p pair[T]) {
	if b == nil || a != nil && cmp(a, b) <= 0 {
		p.before = a
	}
	if a == nil || b != nil && cmp(a, b) >= 0 {
		p.after = b
	}
	return p
}

// pulled returns the next value, nil at the end.
func pulled[T any](next func() (T, bool)) *T {
	if v, ok := next(); ok {
		return &v
	}
	return nil
}
