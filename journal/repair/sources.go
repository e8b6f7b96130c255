package repair

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"

	"github.com/moneyprinter/holdfast/internal/durable"
	"github.com/moneyprinter/holdfast/journal/internal/segment"
)

// sourceSuffix marks the second name that a repair gives a file of which it
// still has to read while the first name gets another content. A reader that ignores
// unfinished files ignores it; the next repair reads it.
const sourceSuffix = ".repair.holdfast-tmp"

// source is a file that may hold records, whatever its name.
type source struct {
	path    string // where it is read
	name    string // for people, relative to its ledger
	base    string // its last part
	copied  bool   // it belongs to the copy, not to the ledger
	named   uint64 // first seq that its name promises; 0: it is no name of a segment
	size    int64
	end     int64 // where what it holds ends; what follows up to size is padding
	extents []*extent
}

// extent is a run of records of one file that are good and continue each other.
type extent struct {
	src     *source
	off     int64
	end     int64
	first   uint64
	head    segment.Head // of the last record
	opening []byte       // the first frame, for its link to what stands before
	synced  uint64
	gone    bool // another history, shown to be the wrong one
}

// proper reports whether the file's name is that of what it holds, as far as it
// can be read.
func (s *source) proper() bool {
	switch {
	case s.named == 0:
		return false
	case len(s.extents) == 0:
		return true
	}
	x := s.extents[0]
	return x.first == s.named || x.off > 0 && x.first > s.named
}

// whole reports whether the file holds nothing but the records that its name
// promises.
func (s *source) whole() bool {
	return s.proper() && len(s.extents) == 1 && s.extents[0].off == 0 && s.extents[0].end == s.end &&
		s.extents[0].first == s.named
}

// indexDir finds every readable record of the files in the journal of dir. The
// obstacles are what a repair cannot move: directories, links and devices.
func indexDir(dir string, copied bool) (out []*source, obstacles []string, err error) {
	entries, err := os.ReadDir(filepath.Join(dir, segment.JournalDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, nil
	}
	if segment.Misplaced(err) {
		return nil, nil, segment.NoDirectory()
	}
	if err != nil {
		return nil, nil, fmt.Errorf("list segments: %w", err)
	}
	for _, e := range entries {
		base := e.Name()
		kept := strings.HasSuffix(base, sourceSuffix) && !copied
		if durable.IsTemp(base) && !kept {
			continue
		}
		if !e.Type().IsRegular() && durable.Litter(base) {
			continue
		}
		if !e.Type().IsRegular() {
			obstacles = append(obstacles, segment.JournalDir+"/"+base)
			continue
		}
		s := &source{path: filepath.Join(dir, segment.JournalDir, base), name: segment.JournalDir + "/" + base, base: base, copied: copied}
		if first, bad := segment.ParseName(base); bad == "" {
			s.named = first
		}
		out = append(out, s)
	}
	err = indexAll(out)
	// A file with a name of litter may be a segment that somebody has put away; without
	// records it is litter.
	out = slices.DeleteFunc(out, func(s *source) bool { return durable.Litter(s.base) && len(s.extents) == 0 })
	return out, obstacles, err
}

// indexAll reads files side by side. One that is gone by then was trimmed by
// whoever writes the copy.
func indexAll(all []*source) error {
	var (
		errs = make([]error, len(all))
		next = make(chan int)
		wg   sync.WaitGroup
	)
	for range min(runtime.GOMAXPROCS(0), len(all)) {
		wg.Go(func() {
			for i := range next {
				if err := all[i].index(); err != nil && (!all[i].copied || !errors.Is(err, fs.ErrNotExist)) {
					errs[i] = fmt.Errorf("read %s: %w", all[i].path, err)
				}
			}
		})
	}
	for i := range all {
		next <- i
	}
	close(next)
	wg.Wait()
	return errors.Join(errs...)
}

// index finds the extents of a file: it reads frame after frame and, where one
// cannot be accepted, looks for the next place where one begins.
func (s *source) index() error {
	f, err := segment.OpenRegular(s.path, os.O_RDONLY)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	s.size, s.end, s.extents = info.Size(), info.Size(), nil
	var (
		sc     = segment.NewScanner(f, s.size, 1)
		search = searcher{r: f, size: s.size, budget: segment.ChecksumLimit}
		x      *extent
	)
	for sc.Off < s.size {
		if x == nil {
			seq, found, seqErr := search.next(&sc.Off)
			if seqErr != nil || !found {
				return seqErr
			}
			sc.Prev, sc.Linked = segment.Head{Seq: seq - 1}, false
		}
		at := sc.Off
		var rec segment.Record
		err = sc.Next(&rec)
		bad, isFlaw := errors.AsType[*segment.Flaw](err)
		switch {
		case isFlaw && x != nil && !bad.Torn:
			x = nil // whole, but not what follows: it begins an extent of its own
			continue
		case isFlaw:
			x = nil
			sc.Off++
			continue
		case errors.Is(err, io.EOF):
			s.end = sc.Off
			return nil
		case err != nil:
			return err
		}
		if x == nil {
			x = &extent{src: s, off: at, first: rec.Seq, opening: slices.Clone(sc.Frame)}
			s.extents = append(s.extents, x)
		}
		x.end, x.head = sc.Off, sc.Prev
		x.synced = max(x.synced, rec.Synced)
	}
	return nil
}

// searcher finds frames in bytes that have lost their order.
type searcher struct {
	r      io.ReaderAt
	size   int64
	budget int64 // bytes that may still be summed
	buf    []byte
	bufOff int64
}

// next moves off to the first whole frame at or behind it and returns its seq.
func (s *searcher) next(off *int64) (seq uint64, found bool, err error) {
	for *off < s.size && s.budget > 0 {
		*off = segment.NextContent(s.r, *off, s.size)
		b, err := s.window(*off)
		if err != nil || len(b) == 0 {
			return 0, false, err
		}
		stop := len(b)
		if *off+int64(len(b)) < s.size {
			stop -= segment.MaxFrame + segment.MaxPrefix
		}
		if stop <= 0 {
			return 0, false, nil // the file became shorter meanwhile
		}
		for i := range stop {
			if seq, found = s.frame(b[i:]); found {
				*off += int64(i)
				return seq, true, nil
			}
		}
		*off += int64(stop)
	}
	return 0, false, nil
}

// window returns the bytes from off on: all there are, or enough for a frame
// that begins in the first block of them.
func (s *searcher) window(off int64) ([]byte, error) {
	const size = segment.BlockSize + segment.MaxFrame + segment.MaxPrefix
	have := off - s.bufOff
	if have >= 0 && have < int64(len(s.buf)) && (s.bufOff+int64(len(s.buf)) == s.size || have <= segment.BlockSize-1) {
		return s.buf[have:], nil
	}
	n := int(min(size, s.size-off))
	if cap(s.buf) < n {
		s.buf = make([]byte, n)
	}
	got, err := segment.ReadFull(s.r, s.buf[:n], off)
	s.buf, s.bufOff = s.buf[:got], off
	return s.buf, err
}

// frame reports whether an entry begins at the start of b. The cheap tests come
// first; a length is read here without the words for what is wrong with it.
func (s *searcher) frame(b []byte) (seq uint64, ok bool) {
	length, n := binary.Uvarint(b[:min(segment.MaxPrefix, len(b))])
	if n <= 0 || length < segment.MinFrame || length > segment.MaxFrame || n+int(length) > len(b) || n > 1 && b[n-1] == 0 {
		return 0, false
	}
	frame := b[n : n+int(length)]
	if !segment.Likely(frame) {
		return 0, false
	}
	if s.budget -= int64(length); s.budget < 0 {
		return 0, false
	}
	var rec segment.Record
	if bad, _ := segment.DecodeFrame(frame, &rec); bad != "" || rec.Seq == 0 || rec.Seq == math.MaxUint64 {
		return 0, false
	}
	return rec.Seq, true
}

// headAt returns the head of a record of the extent and the offset behind it.
// The record before the first one has its seq alone.
func (x *extent) headAt(seq uint64) (h segment.Head, end int64, err error) {
	switch {
	case seq == x.head.Seq:
		return x.head, x.end, nil
	case seq < x.first:
		return segment.Head{Seq: x.first - 1}, x.off, nil
	}
	f, err := segment.OpenRegular(x.src.path, os.O_RDONLY)
	if err != nil {
		return h, 0, fmt.Errorf("open %s: %w", x.src.path, err)
	}
	defer func() { _ = f.Close() }()
	s := segment.NewScanner(f, x.end, x.first)
	s.Off, s.Trusted = x.off, math.MaxUint64 // its links were verified by index
	var rec segment.Record
	for s.Prev.Seq < seq {
		if err = s.Next(&rec); err != nil {
			return h, 0, fmt.Errorf("read %s again: %w", x.src.path, err)
		}
	}
	return s.Prev, s.Off, nil
}

// joins reports whether the extent goes on behind a record, and from which
// offset: its first record continues the chain, or it holds that very record.
func (x *extent) joins(prev *segment.Head) (off int64, ok bool, err error) {
	want := prev.Seq + 1
	switch {
	case x.gone || want < x.first || want > x.head.Seq:
		return 0, false, nil
	case want == x.first:
		var rec segment.Record
		bad, _ := segment.DecodeFrame(x.opening, &rec)
		return x.off, bad == "" && segment.Follows(prev, &rec, x.opening) == "", nil
	}
	h, end, err := x.headAt(prev.Seq)
	return end, err == nil && h.Chain == prev.Chain, err
}

// firstDifference returns the first seq at which two extents hold different
// records, 0 when there is none up to the last one that both hold.
func firstDifference(a, b *extent, from uint64) (uint64, error) {
	same := func(seq uint64) (bool, error) {
		x, _, err := a.headAt(seq)
		if err != nil {
			return false, err
		}
		y, _, err := b.headAt(seq)
		return x.Chain == y.Chain, err
	}
	low, high := max(from, a.first, b.first), min(a.head.Seq, b.head.Seq)
	if low > high {
		return 0, nil
	}
	if ok, err := same(high); ok || err != nil {
		return 0, err
	}
	for low < high { // chain values differ from the first difference on
		mid := low + (high-low)/2
		ok, err := same(mid)
		if err != nil {
			return 0, err
		}
		if ok {
			low = mid + 1
		} else {
			high = mid
		}
	}
	return low, nil
}
