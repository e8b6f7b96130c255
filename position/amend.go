package position

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits of an [Amend].
const (
	MaxTargets = 64
	MaxTags    = 64
	MaxMeta    = 64
	MaxValue   = 1024 // bytes of one metadata value
)

// Amend sets the conditions of a position. A nil member leaves its part as it
// is; an empty one clears it.
type Amend struct {
	Meta
	Key
	Stop     *Decimal
	NoStop   bool // clears the stop
	Targets  []Decimal
	Tags     []string
	Metadata map[string]string // nil: unchanged; merged by name, "" removes a name
}

// Type returns "amend".
func (Amend) Type() string { return "amend" }

// Identified returns a copy with id and time filled in where absent.
func (a Amend) Identified(id string, at Time) Mutation {
	a.Meta = a.identified(id, at)
	return a
}

// Validate checks the form.
func (a Amend) Validate() error {
	if err := a.Meta.validate(); err != nil {
		return err
	}
	if err := a.Key.validate(); err != nil {
		return err
	}
	switch {
	case a.Stop == nil && !a.NoStop && a.Targets == nil && a.Tags == nil && a.Metadata == nil:
		return invalid("stop", "or targets, tags or metadata is required: an amendment must set something")
	case a.Stop != nil && a.NoStop:
		return invalid("stop", "cannot be set and cleared at once")
	case len(a.Targets) > MaxTargets:
		return invalid("targets", "has %d members, at most %d are allowed", len(a.Targets), MaxTargets)
	case len(a.Tags) > MaxTags:
		return invalid("tags", "has %d members, at most %d are allowed", len(a.Tags), MaxTags)
	case len(a.Metadata) > MaxMeta:
		return invalid("metadata", "has %d members, at most %d are allowed", len(a.Metadata), MaxMeta)
	}
	for _, t := range a.Tags {
		if err := checkName("tags", t, false); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.Metadata)) {
		if err := checkMeta(name, a.Metadata[name]); err != nil {
			return err
		}
	}
	return nil
}

func checkMeta(name, value string) error {
	if err := checkName("metadata", name, false); err != nil {
		return err
	}
	if len(value) > MaxValue {
		return invalid("metadata", "value of %q is %d bytes long, at most %d are allowed", name, len(value), MaxValue)
	}
	if !utf8.ValidString(value) {
		return invalid("metadata", "value of %q is not valid UTF-8", name)
	}
	return nil
}

// foldAmend sets the conditions of a position.
func foldAmend(s State, a *Amend, cause Mutation) ([]Change, error) {
	old := s.Position(a.Key)
	if err := expect(a.ExpectVersion, a.Key, old); err != nil {
		return nil, err
	}
	if old == nil {
		return nil, fmt.Errorf("%w: %s has no position that an amendment could belong to", ErrUnknownPosition, a.Key)
	}
	p := old.next(a.Time, s.Instrument(a.Instrument))
	var err error
	if p.Conditions, err = old.Conditions.amended(a); err != nil {
		return nil, err
	}
	return []Change{{Kind: Amended, Parts: 1, Cause: cause, After: p}}, nil
}

// amended returns the conditions after an amendment, nil when none are left. It
// shares no slice with the mutation, whose owner may go on to use them.
func (c *Conditions) amended(a *Amend) (*Conditions, error) {
	var n Conditions
	if c != nil {
		n = *c
	}
	switch {
	case a.Stop != nil:
		n.Stop, n.HasStop = *a.Stop, true
	case a.NoStop:
		n.Stop, n.HasStop = Decimal{}, false
	}
	if a.Targets != nil {
		n.Targets = append([]Decimal(nil), a.Targets...)
	}
	if a.Tags != nil {
		n.Tags = append([]string(nil), a.Tags...)
	}
	if a.Metadata != nil {
		n.Meta = mergedMeta(n.Meta, a.Metadata)
	}
	if len(n.Meta) > MaxMeta {
		return nil, invalid("metadata", "would give the position %d names, at most %d are allowed", len(n.Meta), MaxMeta)
	}
	if !n.HasStop && len(n.Targets) == 0 && len(n.Tags) == 0 && len(n.Meta) == 0 {
		return nil, nil
	}
	return &n, nil
}

// mergedMeta sets names and removes those that are set to nothing.
func mergedMeta(items []MetaItem, set map[string]string) []MetaItem {
	all := make(map[string]string, len(items)+len(set))
	for _, it := range items {
		all[it.Name] = it.Value
	}
	maps.Copy(all, set)
	var out []MetaItem
	for name, value := range all {
		if value != "" {
			out = append(out, MetaItem{Name: name, Value: value})
		}
	}
	slices.SortFunc(out, func(x, y MetaItem) int { return strings.Compare(x.Name, y.Name) })
	return out
}
