package archive

import (
	"context"
	"iter"
	"reflect"

	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/projector"
	"github.com/moneyprinter/holdfast/snapshotter"
)

// Early is a state that is made while the journal is being verified, so that its
// records are read once. Nobody knows yet whether they may be believed:
// [Source.BaseAfter] says whether the state may be used.
type Early struct {
	src  *Source
	snap *snapshotter.Snapshot // that it begins with; nil: with nothing
	book *projector.Book       // nil until a replay has succeeded
}

// EarlyOf is [NewEarly] for a directory; nil where that is no ledger yet, or not one that
// can be read: who opens it tells why.
func EarlyOf(dir string, o Options) *Early {
	id, err := ReadIdentity(dir)
	if err != nil || Matches(id, o) != nil {
		return nil
	}
	return NewEarly(NewSource(dir, id, o))
}

// NewEarly chooses where to begin, as [Source.Base] will: with the newest snapshot,
// provided that it can be used.
func NewEarly(r *Source) *Early {
	e := &Early{src: r}
	list, err := r.Snapshots()
	if err != nil {
		return e // Base tells
	}
	for i := range list {
		if s := &list[i]; s.Err == nil && Owns(r.ID, s.Ledger, s.Seq) {
			e.snap = s
			break
		}
	}
	return e
}

// From is the first record that it needs.
func (e *Early) From() uint64 {
	if e.snap == nil {
		return 0
	}
	return e.snap.Seq + 1
}

// Replay makes the state, from records as [journal.Options].Meanwhile gives them. An
// error leaves none: who has the verdict will meet it again, and tell.
func (e *Early) Replay(ctx context.Context, records iter.Seq2[journal.Record, error]) {
	book, err := projector.New(e.src.Opts), error(nil)
	if e.snap != nil {
		book, err = LoadBook(e.src.Snaps, *e.snap, e.src.Opts)
	}
	if err == nil && book.Replay(Project(ctx, records), projector.Until{}) == nil {
		e.book = book
	}
}

// BaseAfter is [Source.Base] for the last record of a journal that was found in order.
// Where it would begin with what e began with, it returns the state that e has come to,
// which may be any up to the last record, and where that began.
func (r *Source) BaseAfter(log *journal.Reader, e *Early, last uint64) (*projector.Book, Anchor, error) {
	if e == nil || e.book == nil || !reflect.DeepEqual(e.src.ID, r.ID) || e.book.Head() > last {
		return r.Base(log, Moment{})
	}
	if e.snap == nil && log.First() == 1 {
		return e.book, Anchor{}, nil
	}
	if e.snap != nil && linked(log, AnchorOf(*e.snap), last) == nil {
		return e.book, AnchorOf(*e.snap), nil
	}
	return r.Base(log, Moment{})
}
