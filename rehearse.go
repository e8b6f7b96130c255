package holdfast

import (
	"context"

	"github.com/moneyprinter/holdfast/archive"
	"github.com/moneyprinter/holdfast/internal/committer"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// Rehearsal answers as a ledger would, and writes nothing; see [Rehearse]. Each answer
// builds on the mutations given before. It is for one goroutine.
type Rehearsal struct{ rehearsed *committer.Rehearsal }

// Rehearse begins a rehearsal on what dir holds, or, where there is no ledger, on
// the one that [Open] would make of it with these options. It refuses what Open
// refuses because of the options or the name of dir, and works while another
// process holds the ledger.
func Rehearse(ctx context.Context, dir string, o Options) (*Rehearsal, error) {
	o = o.withDefaults()
	exists, err := Exists(dir)
	if err != nil {
		return nil, err
	}
	with := committer.RehearsalOptions{ClosedCycles: o.ClosedCycles, Now: o.Now, Rand: o.Rand}
	if !exists {
		id, idErr := archive.NewIdentity(o.Reading())
		if idErr != nil {
			return nil, idErr
		}
		with.Rules, with.Window, with.Epoch = id.Rules(), id.Window, archive.Epoch(id, Version())
		with.Book = projector.New(archive.BookOptions(id, o.ClosedCycles))
		return &Rehearsal{committer.NewRehearsal(with)}, nil
	}
	r, err := OpenReader(dir)
	if err != nil {
		return nil, err
	}
	id := r.Identity()
	if err = archive.Matches(id, o.Reading()); err != nil {
		return nil, err
	}
	if o.Keys == nil && id.Encrypted {
		return nil, archive.Keyless(id)
	}
	past := archive.NewSource(dir, id, o.Reading())
	if with.Book, err = past.BookAt(ctx, Moment{}); err != nil {
		return nil, err
	}
	with.Past, with.Rules, with.Window, with.Epoch = past, id.Rules(), id.Window, archive.Epoch(id, Version())
	return &Rehearsal{committer.NewRehearsal(with)}, nil
}

// View is the state that the rehearsal began with.
func (x *Rehearsal) View() *projector.View { return x.on().View() }

// ApplyWith answers as [Ledger.ApplyWith] would.
func (x *Rehearsal) ApplyWith(ctx context.Context, m position.Mutation, o ApplyOptions) (Result, error) {
	r, err := x.on().ApplyWith(ctx, m, committer.ApplyOptions(o))
	return Result(r), err
}

// ApplyBatch answers as [Ledger.ApplyBatch] would.
func (x *Rehearsal) ApplyBatch(ctx context.Context, ms []position.Mutation) ([]Result, error) {
	return results(x.on().ApplyBatch(ctx, ms))
}

// on is nil for a Rehearsal that Rehearse did not make; its calls say so.
func (x *Rehearsal) on() *committer.Rehearsal {
	if x == nil {
		return nil
	}
	return x.rehearsed
}
