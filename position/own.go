package position

import (
	"maps"
	"slices"
)

// Own returns the mutation as a value that shares nothing with the caller's, who
// may go on to change what it points to. A nil mutation or pointer gives nil.
func Own(m Mutation) Mutation {
	switch v := m.(type) {
	case Fill:
		if v.ExpectVersion == nil {
			return m
		}
		v.ExpectVersion = copied(v.ExpectVersion)
		return v
	case Charge:
		if v.ExpectVersion == nil {
			return m
		}
		v.ExpectVersion = copied(v.ExpectVersion)
		return v
	case Amend:
		v.ExpectVersion, v.Stop = copied(v.ExpectVersion), copied(v.Stop)
		v.Targets, v.Tags, v.Metadata = slices.Clone(v.Targets), slices.Clone(v.Tags), maps.Clone(v.Metadata)
		return v
	case *Fill:
		return ownPointer(v)
	case *Mark:
		return ownPointer(v)
	case *Charge:
		return ownPointer(v)
	case *Amend:
		return ownPointer(v)
	case *DefineInstrument:
		return ownPointer(v)
	}
	return m
}

func ownPointer[T Mutation](p *T) Mutation {
	if p == nil {
		return nil
	}
	return Own(*p)
}

func copied[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}
