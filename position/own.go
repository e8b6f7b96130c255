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
		if v.ExpectVersion == nil && v.Lot == nil {
			return m
		}
		v.ExpectVersion, v.Lot = copied(v.ExpectVersion), v.Lot.own()
		return v
	case Mark:
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
	case DefineInstrument:
		v.ExpectVersion = copied(v.ExpectVersion)
		return v
	case Split:
		v.ExpectVersion, v.CashPrice = copied(v.ExpectVersion), copied(v.CashPrice)
		return v
	case Settle:
		v.ExpectVersion = copied(v.ExpectVersion)
		return v
	}
	return ownMove(m)
}

// ownMove is Own for the mutations of one key that are no fill, and for pointers.
func ownMove(m Mutation) Mutation {
	switch v := m.(type) {
	case Transfer:
		v.ExpectVersion, v.Lot = copied(v.ExpectVersion), v.Lot.own()
		return v
	case Adjust:
		v.ExpectVersion, v.Price = copied(v.ExpectVersion), copied(v.Price)
		return v
	case Adopt:
		v.ExpectVersion, v.Price, v.Cost = copied(v.ExpectVersion), copied(v.Price), copied(v.Cost)
		v.Realized, v.Funding, v.High, v.Low = copied(v.Realized), copied(v.Funding), copied(v.High), copied(v.Low)
		v.Lots = slices.Clone(v.Lots)
		for i := range v.Lots {
			v.Lots[i].Price, v.Lots[i].Cost = copied(v.Lots[i].Price), copied(v.Lots[i].Cost)
		}
		return v
	case Bust:
		v.ExpectVersion = copied(v.ExpectVersion)
		return v
	case Correct:
		v.ExpectVersion = copied(v.ExpectVersion)
		return v
	}
	return ownPointer(m)
}

func ownPointer(m Mutation) Mutation {
	switch p := m.(type) {
	case *Fill:
		return pointedTo(p)
	case *Mark:
		return pointedTo(p)
	case *Charge:
		return pointedTo(p)
	case *Amend:
		return pointedTo(p)
	case *DefineInstrument:
		return pointedTo(p)
	case *Split:
		return pointedTo(p)
	case *Settle:
		return pointedTo(p)
	case *Transfer:
		return pointedTo(p)
	case *Adjust:
		return pointedTo(p)
	case *Adopt:
		return pointedTo(p)
	case *Bust:
		return pointedTo(p)
	case *Correct:
		return pointedTo(p)
	}
	return m
}

func pointedTo[T Mutation](p *T) Mutation {
	if p == nil {
		return nil
	}
	return Own(*p)
}

func (r *LotRef) own() *LotRef {
	r = copied(r)
	if r != nil {
		r.Price = copied(r.Price)
	}
	return r
}

func copied[T any](p *T) *T {
	if p == nil {
		return nil
	}
	v := *p
	return &v
}
