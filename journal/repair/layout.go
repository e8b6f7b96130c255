package repair

import (
	"path/filepath"
	"slices"

	"github.com/moneyprinter/holdfast/journal/internal/segment"
)

// rebuiltSegment is the size from which on a segment that is made anew from
// records of the copy is full.
const rebuiltSegment = 4 << 20

// target is a segment as a repair would have it.
type target struct {
	first uint64
	parts []segment.Part
	keep  bool  // it is on disk as it should be
	bytes int64 // of the file that is kept, with its padding
}

func (t *target) size() (n int64) {
	for i := range t.parts {
		n += t.parts[i].N
	}
	return n
}

func (t *target) add(src *source, off, end int64) {
	if end <= off {
		return
	}
	if n := len(t.parts); n > 0 {
		if last := &t.parts[n-1]; last.Path == src.path && last.Off+last.N == off {
			last.N += end - off
			return
		}
	}
	t.parts = append(t.parts, segment.Part{Path: src.path, Off: off, N: end - off})
}

// layer turns pieces into segments. It keeps the borders of the files that are
// there, so that a good file stays as it is, and keeps in its place what nobody
// can replace.
type layer struct {
	first  uint64
	pieces []piece
	files  map[uint64]*source // the ledger's own whose name fits what they hold
	out    []target
}

func newLayer(first uint64, local []*source, pieces []piece) *layer {
	l := &layer{first: first, pieces: pieces, files: map[uint64]*source{}}
	for _, f := range local {
		if f.proper() && f.named >= first {
			l.files[f.named] = f
		}
	}
	return l
}

// run returns the segments, oldest first.
func (l *layer) run() ([]target, error) {
	borders := l.borders()
	for i, first := range borders {
		next := uint64(0) // the last segment is open
		if i+1 < len(borders) {
			next = borders[i+1]
		}
		if err := l.slot(first, next); err != nil {
			return nil, err
		}
	}
	return l.out, nil
}

// borders are the seqs at which segments begin: where the names of files say so,
// unless a run goes on past them, and where files begin or end whatever they are
// called.
func (l *layer) borders() []uint64 {
	set := map[uint64]bool{}
	end := l.first - 1
	for i := range l.pieces {
		p := &l.pieces[i]
		if i == 0 && p.from == l.first {
			set[l.first] = true
		}
		if !p.copied() && p.off == 0 && p.from == p.x.first {
			set[p.from] = true
		}
		if !p.copied() && p.x.src.whole() && p.from == p.x.first && i+1 < len(l.pieces) && l.pieces[i+1].from == p.to+1 {
			set[p.to+1] = true
		}
		if gap := p.from > end+1; gap && l.files[p.from] == nil && !l.attached(p) {
			set[p.from] = true
		}
		end = p.to
	}
	for name := range l.files {
		set[name] = true
	}
	l.dropSecond(set)
	out := make([]uint64, 0, len(set))
	for b := range set {
		out = append(out, b)
	}
	slices.Sort(out)
	return out
}

// dropSecond takes the borders away that are only the names of second files of
// what another one holds.
func (l *layer) dropSecond(set map[uint64]bool) {
	for i := range l.pieces {
		p := &l.pieces[i]
		if p.copied() || !p.x.src.proper() {
			continue
		}
		for name := range set {
			if name > p.x.src.named && p.from < name && name <= p.to && l.files[name] != nil {
				delete(set, name)
				delete(l.files, name)
			}
		}
	}
}

// attached reports whether what stands before a piece in its file may stay there.
func (l *layer) attached(p *piece) bool {
	return !p.copied() && l.files[p.x.src.named] == p.x.src && p.x.src.named <= p.from
}

// slot makes the segments from first up to next, which is 0 for the last one.
func (l *layer) slot(first, next uint64) error {
	var (
		file = l.files[first]
		t    = target{first: first}
		at   int64 // where in the file the next record would be
		seq  = first
	)
	for i := range l.pieces {
		p := &l.pieces[i]
		if p.to < first || next != 0 && p.from >= next {
			continue
		}
		from, to, off, end, err := p.within(first, next)
		if err != nil {
			return err
		}
		if from > seq && file != nil { // a stretch that nobody has
			limit := at
			if p.x.src == file {
				limit = off
			}
			t.add(file, at, limit)
		}
		if p.x.src == file {
			at = end
		} else {
			at += end - off
		}
		if err = l.fill(&t, p, from, to, off, end); err != nil {
			return err
		}
		seq = to + 1
	}
	if err := l.rest(&t, file, at, seq, next); err != nil {
		return err
	}
	l.finish(&t, file)
	return nil
}

// within is what of a piece stands in the segment from first up to next.
func (p *piece) within(first, next uint64) (from, to uint64, off, end int64, err error) {
	from, to, off = max(p.from, first), p.to, p.off
	if next != 0 {
		to = min(to, next-1)
	}
	if from > p.from {
		if _, off, err = p.x.headAt(from - 1); err != nil {
			return from, to, 0, 0, err
		}
	}
	_, end, err = p.x.headAt(to)
	return from, to, off, end, err
}

// rest adds what the segment's own file holds behind the last record, where that
// is not known to be nothing: for the rule to judge, or for another copy to heal.
func (l *layer) rest(t *target, file *source, at int64, seq, next uint64) error {
	if file != nil && (next == 0 || seq < next) && t.first == file.named {
		again, err := l.again(file, at, seq)
		if err != nil {
			return err
		}
		if again {
			at = file.end
		}
		t.add(file, at, file.end)
	}
	return nil
}

// again reports whether a file holds nothing from an offset on but records that
// were laid already.
func (l *layer) again(file *source, at int64, next uint64) (bool, error) {
	if at >= file.end {
		return false, nil
	}
	for _, x := range file.extents {
		if x.off < at {
			continue
		}
		if x.off > at || x.head.Seq >= next {
			return false, nil
		}
		at = x.end
		for i := range l.pieces {
			p := &l.pieces[i]
			if p.from > x.head.Seq || p.to < x.head.Seq {
				continue
			}
			if h, _, err := p.x.headAt(x.head.Seq); err != nil || h.Chain != x.head.Chain {
				return false, err
			}
		}
	}
	return at == file.end, nil
}

// fill adds the records of a piece; those of other files than the segment's own
// begin a new segment when one is full.
func (l *layer) fill(t *target, p *piece, from, to uint64, off, end int64) error {
	for p.copied() && t.size()+end-off > rebuiltSegment {
		room := max(rebuiltSegment-t.size(), 1)
		seq, border, err := p.x.border(from, off+room)
		if err != nil {
			return err
		}
		t.add(p.x.src, off, border)
		if seq >= to {
			return nil
		}
		l.finish(t, nil)
		*t = target{first: seq + 1}
		from, off = seq+1, border
	}
	t.add(p.x.src, off, end)
	return nil
}

// border returns the first record from from on that ends at or behind an offset.
func (x *extent) border(from uint64, behind int64) (seq uint64, end int64, err error) {
	low, high := from, x.head.Seq
	for low < high {
		mid := low + (high-low)/2
		_, at, headErr := x.headAt(mid)
		if headErr != nil {
			return 0, 0, headErr
		}
		if at >= behind {
			high = mid
		} else {
			low = mid + 1
		}
	}
	_, end, err = x.headAt(low)
	return low, end, err
}

// finish adds a segment to the outcome.
func (l *layer) finish(t *target, file *source) {
	t.keep = file != nil && (len(t.parts) == 0 && file.size == 0 ||
		len(t.parts) == 1 && t.parts[0].Path == file.path && t.parts[0].Off == 0 && t.parts[0].N == file.end)
	if t.keep {
		t.bytes = file.size
	}
	if t.keep || len(t.parts) > 0 {
		l.out = append(l.out, *t)
	}
}

// segment is a target as the survey takes it.
func (t *target) segment(dir string) segment.File {
	f := segment.File{First: t.first, Path: filepath.Join(dir, segment.JournalDir, segment.Name(t.first)), Size: t.size(), Parts: t.parts}
	if t.keep {
		f.Parts, f.Size = nil, t.bytes
	}
	return f
}
