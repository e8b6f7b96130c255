package position

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

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
