package repair

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/moneyprinter/holdfast/journal/internal/segment"
)

// knownRecord is one of which seq and chain value are known from outside the
// segments.
type knownRecord struct {
	head segment.Head
	by   string
}

// piece is a run of records that a repaired ledger takes from one extent.
type piece struct {
	x        *extent
	off, end int64
	from, to uint64
	linked   bool // its first record continues what stands before it
}

func (p *piece) copied() bool { return p.x.src.copied }

// stitcher lays the readable records of a ledger and of its copy one behind the
// other. A record is taken from the copy only where the ledger has none, and
// only if it continues the chain; what the ledger holds behind that must
// continue it in turn.
type stitcher struct {
	first  uint64
	base   segment.Head
	based  bool // all of base is known
	own    bool // by this ledger's MARK
	local  []*extent
	copied []*extent
	known  []knownRecord

	pieces []piece
	// shared is the highest seq at which ledger and copy were seen to hold the
	// same record; 0: none.
	shared uint64
}

func extentsOf(all []*source) (out []*extent) {
	for _, s := range all {
		out = append(out, s.extents...)
	}
	slices.SortStableFunc(out, func(a, b *extent) int {
		return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(b.head.Seq, a.head.Seq))
	})
	return out
}

// run lays the pieces. A [CopyError] says that the copy is of another history.
func (s *stitcher) run() error {
	prev, known := s.base, s.based
	for {
		p, err := s.next(&prev, known)
		if err != nil {
			return err
		}
		if p.x == nil {
			return s.confirm()
		}
		if !p.copied() {
			again, forkErr := s.forks(&p, &prev)
			if forkErr != nil {
				return forkErr
			}
			if again {
				continue
			}
		}
		if prev, p.end, err = p.x.headAt(p.to); err != nil {
			return err
		}
		known = true
		if n := len(s.pieces); n > 0 && p.linked && s.pieces[n-1].copied() != p.copied() {
			s.shared = max(s.shared, p.from-1)
		}
		s.pieces = append(s.pieces, p)
	}
}

// next finds the piece behind prev: our own, else the copy's up to where our own
// begin again, else our own behind a gap. Its end is still to be found.
func (s *stitcher) next(prev *segment.Head, known bool) (p piece, err error) {
	p = piece{from: prev.Seq + 1, linked: true}
	if known {
		if p.x, p.off, err = s.join(s.local, prev); p.x != nil || err != nil {
			if err == nil {
				p.to = p.x.head.Seq
			}
			return p, err
		}
		if p.x, p.off, err = s.join(s.copied, prev); p.x != nil || err != nil {
			if err == nil {
				p.to = min(p.x.head.Seq, s.nextLocal(p.from+1)-1)
			}
			return p, err
		}
	}
	if p.x = s.beyond(p.from); p.x == nil {
		return p, nil
	}
	p.linked, p.from, p.to = false, max(p.from, p.x.first), p.x.head.Seq
	_, p.off, err = p.x.headAt(p.from - 1)
	return p, err
}

// forks holds a run of our own against all that the copy has beside it and that
// continues the same record. again says that our own was shown to be wrong.
func (s *stitcher) forks(p *piece, before *segment.Head) (again bool, err error) {
	for _, c := range s.copied {
		if c.head.Seq < p.from || c.first > p.to {
			continue
		}
		start, prev := max(p.from, c.first), *before
		if start > p.from {
			if prev, _, err = p.x.headAt(start - 1); err != nil {
				return false, err
			}
		} else if !p.linked {
			continue // what it continues is not known
		}
		_, ok, joinErr := c.joins(&prev)
		if joinErr != nil {
			return false, joinErr
		}
		if !ok {
			continue
		}
		if again, err = s.compare(p.x, c, start); again || err != nil {
			return again, err
		}
	}
	return false, nil
}

// join returns the extent that goes furthest behind prev, and from where in it.
func (s *stitcher) join(all []*extent, prev *segment.Head) (best *extent, at int64, err error) {
	for _, x := range all {
		if x.first > prev.Seq+1 {
			break
		}
		if best != nil && x.head.Seq <= best.head.Seq {
			continue
		}
		off, ok, joinErr := x.joins(prev)
		if joinErr != nil {
			return nil, 0, joinErr
		}
		if ok {
			best, at = x, off
		}
	}
	return best, at, nil
}

// compare holds two continuations of the same record against each other. Where
// they part, a known record decides; without one the copy is refused. again says that
// the ledger's own was shown to be wrong.
func (s *stitcher) compare(l, c *extent, from uint64) (again bool, err error) {
	d, err := firstDifference(l, c, from)
	if err != nil {
		return false, err
	}
	if d == 0 {
		s.shared = max(s.shared, min(l.head.Seq, c.head.Seq))
		return false, nil
	}
	for i := range s.known {
		k := &s.known[i]
		if k.head.Seq < d {
			continue
		}
		mine, err := holds(s.local, k)
		if err != nil {
			return false, err
		}
		theirs, err := holds(s.copied, k)
		if err != nil {
			return false, err
		}
		if theirs && !mine {
			return true, s.disown(l, d)
		}
	}
	return false, &CopyError{Seq: d, Reason: "the copy holds another record than this ledger: it is of another history"}
}

// holds reports whether one of the extents holds the record that is known.
func holds(all []*extent, k *knownRecord) (bool, error) {
	for _, x := range all {
		if x.gone || k.head.Seq < x.first || k.head.Seq > x.head.Seq {
			continue
		}
		h, _, err := x.headAt(k.head.Seq)
		if err != nil || h.Chain == k.head.Chain {
			return err == nil, err
		}
	}
	return false, nil
}

// disown takes what an extent holds from a seq on out of the ledger's records.
func (s *stitcher) disown(x *extent, from uint64) error {
	if from <= x.first {
		x.gone = true
		return nil
	}
	h, end, err := x.headAt(from - 1)
	x.head, x.end = h, end
	return err
}

// nextLocal returns the first seq at or behind from at which a run of the
// ledger's own records begins.
func (s *stitcher) nextLocal(from uint64) uint64 {
	for _, x := range s.local {
		if x.first >= from && !x.gone {
			return x.first
		}
	}
	return math.MaxUint64
}

// beyond returns the ledger's own run that comes next, or goes on, at or behind
// a seq that nobody has. Only a file whose name fits what it holds may say where
// its records belong when nothing links them.
func (s *stitcher) beyond(seq uint64) (best *extent) {
	for _, x := range s.local {
		if x.gone || x.head.Seq < seq || !x.src.proper() {
			continue
		}
		if best == nil || max(x.first, seq) < max(best.first, seq) ||
			max(x.first, seq) == max(best.first, seq) && x.head.Seq > best.head.Seq {
			best = x
		}
	}
	return best
}

// confirm looks for signs that what was taken from the copy is not of this
// ledger: a known record that contradicts it, or records of our own that do. The
// latter may be the rotten ones, which shows when a known record, or a record of ours
// further on, continues what was taken.
func (s *stitcher) confirm() error {
	var confirmed uint64
	taken := math.MaxInt
	for i := range s.pieces {
		p := &s.pieces[i]
		if p.copied() {
			taken = min(taken, i)
		} else if p.linked && i > taken {
			confirmed = max(confirmed, p.to)
		}
	}
	if taken == math.MaxInt {
		return nil
	}
	var against error
	for i := range s.known {
		k := &s.known[i]
		h, ok, err := s.at(k.head.Seq)
		if err != nil {
			return err
		}
		switch {
		case !ok:
		case h.Chain == k.head.Chain:
			confirmed = max(confirmed, k.head.Seq)
			s.shared = max(s.shared, k.head.Seq)
		case k.head.Seq >= s.pieces[taken].from:
			against = &CopyError{Seq: k.head.Seq, Reason: "with the copy's records the history is another one than " + k.by + " knows"}
		}
	}
	for i := taken; i < len(s.pieces); i++ {
		if err := s.contradicted(&s.pieces[i], confirmed); err != nil {
			return err
		}
	}
	if against != nil {
		return against
	}
	if p := &s.pieces[taken]; s.shared == 0 && p.from > 1 && s.own {
		s.shared = p.from - 1 // it continues what MARK says
	}
	if s.shared == 0 {
		return &CopyError{Seq: s.pieces[taken].from, Reason: "nothing that is left of this ledger shows that the copy is one of it"}
	}
	return nil
}

// contradicted holds a piece of the copy against every record of our own at the
// same seqs.
func (s *stitcher) contradicted(p *piece, confirmed uint64) error {
	if !p.copied() {
		return nil
	}
	for _, x := range s.local {
		if x.gone || x.head.Seq < p.from || x.first > p.to {
			continue
		}
		upTo := extent{src: p.x.src, off: p.x.off, first: p.x.first}
		var err error
		if upTo.head, upTo.end, err = p.x.headAt(p.to); err != nil {
			return err
		}
		d, err := firstDifference(x, &upTo, p.from)
		if err != nil {
			return err
		}
		if d != 0 && d > confirmed {
			return &CopyError{Seq: d, Reason: fmt.Sprintf("the copy holds another record than %s: it is of another history", x.src.name)}
		}
		if d == 0 && min(x.head.Seq, p.to) >= max(x.first, p.from) {
			s.shared = max(s.shared, min(x.head.Seq, p.to))
		}
	}
	return nil
}

// at returns the head of a record that was laid.
func (s *stitcher) at(seq uint64) (h segment.Head, ok bool, err error) {
	for i := range s.pieces {
		if p := &s.pieces[i]; p.from <= seq && seq <= p.to {
			h, _, err = p.x.headAt(seq)
			return h, err == nil, err
		}
	}
	if seq == s.base.Seq && s.based {
		return s.base, true, nil
	}
	return h, false, nil
}

// withoutTail leaves out what the copy has behind our own last record.
func (s *stitcher) withoutTail() []piece {
	n := len(s.pieces)
	for n > 0 && s.pieces[n-1].copied() {
		n--
	}
	return s.pieces[:n:n]
}
