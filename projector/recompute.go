package projector

import (
	"bytes"
	"fmt"
	"iter"

	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/position"
)

// Recompute brings the book forward like [Book.Replay], but believes no
// after-image: it folds each recorded cause again, and what comes out must be
// the recorded changes, byte for byte. The first that is not gives a
// [*MismatchError]. So does an id that the window knows; a window larger than the
// writer's would therefore object to a mutation that was insisted on. Each epoch is
// folded by the arithmetic that it names; one that this build does not know gives
// [ErrNotRecomputable].
func (b *Book) Recompute(records iter.Seq2[Record, error]) error {
	b.ready()
	current := b.rules
	defer func() { b.rules = current }()
	if err := b.enter(b.head.era, b.head.seq); err != nil {
		return err
	}
	b.recomputing = true
	defer func() { b.recomputing = false }()
	r := recomputer{book: b, shelf: b.shelf.fork()}
	p := decoding(b.head.seq, &b.prints, r.apply)
	if err := p.run(records); err != nil {
		return err
	}
	b.publishAll(r.shelf)
	return nil
}

// enter takes the arithmetic of an epoch for what follows.
func (b *Book) enter(e *position.Epoch, seq uint64) error {
	if e == nil {
		return nil
	}
	if err := b.samePrints(e); err != nil {
		return &RecordError{Seq: seq, Reason: "cannot be applied", Err: err}
	}
	rules, ok := b.rules.Under(e.Arithmetic)
	if !ok {
		return fmt.Errorf("%w: record %d was computed by arithmetic %d (build %q), this build has those up to %d",
			ErrNotRecomputable, seq, e.Arithmetic, e.Build, position.ArithmeticVersion)
	}
	b.rules = rules
	return nil
}

type recomputer struct {
	book  *Book
	shelf *shelf
	parts parts
	buf   []byte
}

func (r *recomputer) apply(c *chunk) error {
	for from := 0; from < len(c.changes); {
		to, err := r.batchEnd(c, from)
		if err != nil {
			return err
		}
		if to == len(c.changes) && c.err != nil && c.recs[to-1].More {
			break // the rest of the batch cannot be decoded
		}
		if err = r.batch(c, from, to); err != nil {
			return err
		}
		from = to
	}
	if c.err != nil {
		return &RecordError{Seq: c.recs[c.failed].Seq, Reason: "cannot be decoded", Err: c.err}
	}
	return nil
}

// batchEnd returns the index behind the batch that begins at from. An epoch
// record is staged alone, whatever batch it was written with.
func (r *recomputer) batchEnd(c *chunk, from int) (int, error) {
	for i := from; i < len(c.changes); i++ {
		if i > from && c.changes[i].Epoch != nil {
			return i, nil
		}
		if err := r.parts.check(&c.changes[i], c.recs[i].Seq, c.recs[i].More); err != nil {
			return 0, err
		}
		if !c.recs[i].More || c.changes[i].Epoch != nil {
			return i + 1, nil
		}
	}
	return len(c.changes), nil
}

// batch recomputes the records from … to−1 of c.
func (r *recomputer) batch(c *chunk, from, to int) error {
	b := r.book
	stamp := c.recs[from].Stamp
	var s *Staged
	if e := c.changes[from].Epoch; e != nil {
		if err := b.enter(e, stamp.Seq); err != nil {
			return err
		}
		s = b.StageEpoch(stamp.Time, stamp.Epoch, *e)
	} else {
		var err error
		if s, err = r.stage(c, from, to); err != nil {
			return err
		}
	}
	for i := from; i < min(to, from+len(s.Changes)); i++ {
		r.buf = wire.AppendChange(r.buf[:0], &s.Changes[i-from])
		if !bytes.Equal(r.buf, c.recs[i].Payload) {
			return &MismatchError{
				Seq: c.recs[i].Seq, Reason: "the cause gives another change",
				Recorded: bytes.Clone(c.recs[i].Payload), Computed: bytes.Clone(r.buf),
			}
		}
	}
	if to-from != len(s.Changes) { // a guard: parts are counted, so bytes have differed before
		return &MismatchError{Seq: stamp.Seq, Reason: fmt.Sprintf("%d changes are recorded, the causes give %d", to-from, len(s.Changes))}
	}
	s.epoch = stamp.Epoch
	b.Accept(s)
	for _, step := range s.cycles {
		r.shelf.apply(step)
	}
	b.head.time, b.head.epoch = c.recs[to-1].Time, stamp.Epoch
	return nil
}

// stage folds the causes of the records again. The window that the writer had
// is the window that the book has, so a cause that it knows was recorded twice.
func (r *recomputer) stage(c *chunk, from, to int) (*Staged, error) {
	var causes []position.Mutation
	var prints []wire.Fingerprint
	var at []uint64
	for i := from; i < to; i++ {
		if c.changes[i].Part == 0 {
			causes = append(causes, c.changes[i].Cause)
			prints = append(prints, c.prints[i])
			at = append(at, c.recs[i].Seq)
		}
	}
	for i, m := range causes {
		if err := position.ValidateRecorded(m); err != nil {
			return nil, &MismatchError{Seq: at[i], Reason: "the cause is refused", Err: err}
		}
	}
	s, err := r.book.StagePrinted(c.recs[from].Time, causes, prints, true, r.book.history)
	if err != nil {
		seq := at[0]
		if member, ok := err.(*MemberError); ok { //nolint:errorlint // Stage returns it bare
			seq = at[member.Index]
		}
		return nil, &MismatchError{Seq: seq, Reason: "the cause is refused", Err: err}
	}
	for i, o := range s.Outcomes {
		if o.Duplicate {
			return nil, &MismatchError{Seq: at[i], Reason: fmt.Sprintf("the cause changes nothing: record %d did it", o.First)}
		}
	}
	return s, nil
}
