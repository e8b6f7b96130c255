package holdfast

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"time"

	"github.com/moneyprinter/holdfast/archive"
	"github.com/moneyprinter/holdfast/audit"
	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/checkpoint"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/projector"
	"github.com/moneyprinter/holdfast/remedy"
)

// opening is what one Open finds out before it changes anything: the identity
// and the state that the rest is replayed on.
type opening struct {
	dir     string
	o       Options
	r       *archive.Source
	vouched *checkpoint.Note // the newest of the ledger's own; nil: none
	created bool             // there is no identity yet
	began   time.Time
	err     error // why the look at the rest was no good
	book    *projector.Book
	base    archive.Anchor
	early   *archive.Early // what was replayed while the journal was verified; nil: nothing
}

// openFiles takes the lock, opens the journal and reads or makes the identity.
//
// The identity is written last when a ledger is created, so a directory without
// one holds at most an empty journal: a creation that a crash cut short is done
// again from the start.
func openFiles(ctx context.Context, dir string, o Options) (*opening, *journal.Journal, error) {
	exists, err := archive.Exists(dir)
	if err != nil {
		return nil, nil, err
	}
	var id archive.Identity
	if exists {
		if id, err = archive.ReadIdentity(dir); err != nil {
			return nil, nil, err
		}
		if err = archive.Matches(id, o.Reading()); err != nil {
			return nil, nil, err
		}
	} else if id, err = archive.NewIdentity(o.Reading()); err != nil {
		return nil, nil, err
	}
	p := &opening{dir: dir, o: o, began: o.Now(), r: archive.NewSource(dir, id, o.Reading())}
	var known testimony
	if p.vouched, err = audit.NewestNote(p.r); err != nil {
		return nil, nil, err
	}
	if exists { // a ledger that is being made has none
		if known, err = testimonyOf(ctx, p.r, p.vouched, o); err != nil {
			return nil, nil, err
		}
	}
	wal, err := journal.Open(dir, journal.Options{
		SegmentSize: o.SegmentSize, Now: o.Now, Logger: o.Logger, Phase: o.Phase, Keys: o.Keys,
		Begun: exists, Durable: known.seq, DurableBy: known.by, Before: p.look,
		Meanwhile: func() (uint64, func(iter.Seq2[journal.Record, error])) { return p.replay(ctx) },
		Holder:    journal.Holder{Verb: o.Verb, Reach: o.Reach, Since: o.Now().UTC()},
	})
	if p.err != nil {
		return nil, nil, p.err
	}
	if err != nil {
		return nil, nil, known.doubt(err)
	}
	if p.created {
		if err = archive.WriteIdentity(p.r.ID, dir); err != nil {
			return nil, nil, errors.Join(err, wal.Close())
		}
	}
	return p, wal, nil
}

// look is called under the lock when the journal is in order and nothing was
// changed yet: a ledger whose identity or state is not there is refused as it is.
func (p *opening) look(first uint64, last journal.Head) error {
	if p.err = p.claim(last.Seq); p.err == nil {
		p.err = audit.HoldsTo(p.r, p.vouched, p.o.Signer)
	}
	if p.err == nil {
		p.err = p.load(first, last.Seq)
	}
	return p.err
}

// claim settles the identity under the lock: another process may have created
// the ledger in between.
func (p *opening) claim(last uint64) error {
	id, err := archive.ReadIdentity(p.dir)
	switch {
	case err == nil:
		if err = archive.Matches(id, p.o.Reading()); err != nil {
			return err
		}
		if id.Encrypted && p.o.Keys == nil { // here, where damage has been told apart
			return archive.Keyless(id)
		}
		p.r = archive.NewSource(p.dir, id, p.o.Reading())
		return nil
	case !errors.Is(err, fs.ErrNotExist):
		return err
	case last > 0:
		return archive.LostIdentity(archive.IdentityFile)
	}
	p.created = true
	return nil
}

// replay chooses the state to begin with and brings it forward by the records, while
// the journal is verified. It decides nothing: what it has come to is only used where
// look, which has the verdict, would begin with the same.
func (p *opening) replay(ctx context.Context) (from uint64, take func(iter.Seq2[journal.Record, error])) {
	if p.early = archive.EarlyOf(p.dir, p.o.Reading()); p.early == nil {
		return 0, nil
	}
	return p.early.From(), func(records iter.Seq2[journal.Record, error]) { p.early.Replay(ctx, records) }
}

// load loads the newest good snapshot.
func (p *opening) load(first, last uint64) error {
	r := p.r
	if first == 1 && last == 0 {
		p.book = projector.New(r.Opts)
		return nil
	}
	log, err := p.r.OpenLog()
	if err != nil {
		return fmt.Errorf("%w", err)
	}
	if err = r.ForeignIdentity(log); err == nil {
		p.book, p.base, err = r.BaseAfter(log, p.early, last)
		p.early = nil // it may be as large as the book
	}
	return err
}

// recoverBook replays what follows the snapshot that was loaded.
func (p *opening) recoverBook(ctx context.Context, wal *journal.Journal) (*projector.Book, error) {
	book, base := p.book, p.base
	if from := book.Head(); wal.Last().Seq > from { // verified by Open: the chain need not be hashed again
		if err := book.Replay(archive.Project(ctx, wal.Records(from+1)), projector.Until{}); err != nil {
			return nil, archive.ForeignRecords(err)
		}
	}
	if head, last := book.Head(), wal.Last().Seq; head != last {
		return nil, fmt.Errorf("%w: the journal ends at seq %d, but its replay at %d", ErrDamaged, last, head)
	}
	p.o.Logger.Info("state loaded", "snapshot_seq", base.Seq, "replayed", book.Head()-base.Seq,
		"seq", book.Head(), "took", p.o.Now().Sub(p.began))
	return book, nil
}

// evidencePatience is how long Open waits for the bus unless the options say
// otherwise.
const evidencePatience = 2 * time.Second

// testimony says up to where records were durable, and who says so.
type testimony struct {
	seq    uint64
	by     string
	stream string // whose word it is; "" where it is the ledger's own
}

// doubt says of damage that only the stream knows of that the stream may be wrong.
func (w testimony) doubt(err error) error {
	var damage *journal.DamageError
	if w.stream == "" || !errors.As(err, &damage) || damage.By != w.by {
		return fmt.Errorf("%w", err)
	}
	return remedy.Because(fmt.Errorf("%w; if stream %s is wrong", err, w.stream), remedy.OpenUnasked)
}

// testimonyOf asks those outside the journal up to where it was durable, so that a
// journal that ends before that is refused instead of taken for torn: the
// ledger's snapshots and checkpoints, and the stream, when it answers. Only durable records are
// published, so what is on the stream was durable.
func testimonyOf(ctx context.Context, r *archive.Source, vouched *checkpoint.Note, o Options) (testimony, error) {
	seq, err := r.KnownDurable()
	if err != nil {
		return testimony{}, err
	}
	if vouched != nil {
		seq = max(seq, vouched.Seq)
	}
	w := testimony{seq: seq, by: "a snapshot or a checkpoint stands on it"}
	if e := published(ctx, r, o); e.Seq > w.seq {
		w = testimony{seq: e.Seq, stream: e.Stream, by: fmt.Sprintf(
			"the bus says so: stream %s holds it (epoch %d, chain %.8x…)", e.Stream, e.Epoch, e.Chain[:])}
	}
	return w, nil
}

// published asks the stream. It is evidence, never a condition: no answer within
// the time, or the stream of another ledger, is logged and means nothing.
func published(ctx context.Context, r *archive.Source, o Options) bus.Evidence {
	if o.Bus == nil || o.Bus.Evidence < 0 {
		return bus.Evidence{}
	}
	patience := o.Bus.Evidence
	if patience == 0 {
		patience = evidencePatience
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	e, err := bus.LastPublished(ctx, bus.Options{
		Ledger: r.ID.Name, Lineage: r.ID.ID.String(), Connect: o.Bus.Connect, Logger: o.Logger,
		APIPrefix: o.Bus.apiPrefix(),
	})
	if err != nil {
		o.Logger.Warn("the bus is no evidence of what was durable; opening goes on without it", "err", err)
		return bus.Evidence{}
	}
	if e.Seq > 0 {
		o.Logger.Info("the bus knows what was durable", "stream", e.Stream, "seq", e.Seq, "epoch", e.Epoch)
	}
	return e
}
