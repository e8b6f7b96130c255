package faultos

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
)

// Data is a model of what becomes of bytes that were written and not synced.
type Data uint8

// The models. Unless said otherwise a file has the size that was written, and
// what did not reach the disk reads as what was there before, or as zeros.
const (
	Nothing Data = iota // as synced last
	All                 // everything reached the disk
	Prefix              // so many 4 KiB pages, and the size up to there
	Pages               // any subset of 4 KiB pages
	Sectors             // any subset of 512-byte sectors
	Zeros               // the size did, no byte
	Garbage             // sectors hold new bytes, old ones, or anything
	Torn                // cut at any byte; the last sector ends, or goes on with zeros or garbage
	Mixed               // another model for each file
	dataModels
)

func (d Data) String() string {
	names := [dataModels]string{"nothing", "all", "prefix", "pages", "sectors", "zeros", "garbage", "torn", "mixed"}
	if d < dataModels {
		return names[d]
	}
	return "?"
}

// DataModels lists all models.
func DataModels() []Data {
	var all []Data
	for d := range dataModels {
		all = append(all, d)
	}
	return all
}

// Random reports whether a model has many outcomes.
func (d Data) Random() bool { return d != Nothing && d != All && d != Zeros }

const (
	page   = 4096
	sector = 512
)

// Dirty reports whether any file that a name leads to has bytes that were not
// synced, other than those that skip names.
func (t *Tree) Dirty(skip ...string) bool {
	dirty := func(name string, inode int) bool {
		return inode != 0 && len(t.nodes[inode].dirty) > 0 && !slices.Contains(skip, name)
	}
	for m := range t.saved {
		for _, names := range t.saved[m] {
			for name, inode := range names {
				if dirty(name, inode) {
					return true
				}
			}
		}
		for _, c := range t.pending[m] {
			if slices.ContainsFunc(c, func(e edit) bool { return dirty(e.name, e.inode) }) {
				return true
			}
		}
	}
	return false
}

// Pending returns how many changes of names are not durable in a model.
func (t *Tree) Pending(m Dirs) int { return len(t.pending[m]) }

// Entry is one name of a state.
type Entry struct {
	Path  string
	Dir   bool
	Inode int
	Bytes []byte
}

// State is a directory as a power cut may leave it, parents before children.
type State []Entry

// State picks the state in which those pending changes of names are durable
// whose index kept has, and unsynced bytes are as the model and r say. Bytes of
// files named whole are taken as written: they do not matter and would only make
// many states of one.
func (t *Tree) State(m Dirs, kept func(i int) bool, d Data, r *rand.Rand, whole ...string) State {
	names := t.saved[m]
	if len(t.pending[m]) > 0 {
		names = make(map[int]map[string]int, len(t.saved[m]))
		for i, n := range t.saved[m] {
			names[i] = maps.Clone(n)
		}
		for i, c := range t.pending[m] {
			if kept(i) {
				put(names, []change{c})
			}
		}
	}
	s := &stateMaker{t: t, names: names, d: d, r: r, whole: whole, bytes: map[int][]byte{}}
	s.dir("", rootInode)
	return s.out
}

type stateMaker struct {
	t     *Tree
	names map[int]map[string]int
	d     Data
	r     *rand.Rand
	whole []string
	bytes map[int][]byte
	out   State
}

func (s *stateMaker) dir(path string, inode int) {
	names := make([]string, 0, len(s.names[inode]))
	for name := range s.names[inode] {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		i := s.names[inode][name]
		e := Entry{Path: filepath.Join(path, name), Inode: i, Dir: s.t.nodes[i].dir}
		if !e.Dir {
			e.Bytes = s.file(name, i)
		}
		s.out = append(s.out, e)
		if e.Dir {
			s.dir(e.Path, i)
		}
	}
}

func (s *stateMaker) file(name string, inode int) []byte {
	if b, ok := s.bytes[inode]; ok {
		return b
	}
	n, d := s.t.nodes[inode], s.d
	if slices.Contains(s.whole, name) {
		d = All
	}
	b := survive(n.synced, n.dirty, d, s.r)
	s.bytes[inode] = b
	return b
}

// survive returns what a file holds after a power cut.
func survive(synced []byte, dirty []piece, d Data, r *rand.Rand) []byte {
	if len(dirty) == 0 || d == Nothing {
		return synced
	}
	full := apply(synced, dirty)
	if d == Mixed {
		d = Data(r.IntN(int(Mixed)))
	}
	// Where the first byte was written that is not durable; a truncation
	// counts from where it cuts.
	from := int64(len(full))
	for _, p := range dirty {
		if p.cut >= 0 {
			from = min(from, p.cut)
		} else {
			from = min(from, p.at)
		}
	}
	from = min(from, int64(len(full)))
	w := wreck{old: synced, full: full, from: from, r: r}
	switch d {
	case Nothing, Mixed, dataModels:
		return synced
	case All:
		return full
	case Prefix:
		pages := (int64(len(full))-1)/page - from/page + 1
		if pages <= 0 {
			return full
		}
		return w.cut(min(int64(len(full)), (from/page+r.Int64N(pages+1))*page))
	case Zeros:
		return w.each(page, func([]byte, []byte) {})
	case Pages:
		return w.each(page, w.maybe())
	case Sectors:
		return w.each(sector, w.maybe())
	case Garbage:
		return w.each(sector, w.anything())
	case Torn:
		return w.torn()
	}
	return full
}

// wreck makes the bytes of a file that was not synced.
type wreck struct {
	old, full []byte
	from      int64
	r         *rand.Rand
}

// base is the file with its new size and its old bytes.
func (w *wreck) base() []byte {
	b := make([]byte, len(w.full))
	copy(b, w.old)
	return b
}

// cut keeps the new bytes before end.
func (w *wreck) cut(end int64) []byte {
	if end <= w.from {
		return w.old
	}
	b := slices.Clone(w.full[:end])
	if int64(len(w.old)) > end {
		b = append(b, w.old[end:]...)
	}
	return b
}

// each lets do decide on each unit of new bytes.
func (w *wreck) each(unit int64, do func(dst, src []byte)) []byte {
	b := w.base()
	for at := w.from; at < int64(len(b)); {
		end := min((at/unit+1)*unit, int64(len(b)))
		do(b[at:end], w.full[at:end])
		at = end
	}
	return b
}

// maybe keeps units with a probability that differs from state to state, so
// that both few holes and few survivors come up.
func (w *wreck) maybe() func(dst, src []byte) {
	odds := []uint32{1, 4, 8, 12, 15}[w.r.IntN(5)]
	return func(dst, src []byte) {
		if w.r.Uint32N(16) < odds {
			copy(dst, src)
		}
	}
}

func (w *wreck) anything() func(dst, src []byte) {
	odds := []uint32{1, 4, 8, 15}[w.r.IntN(4)]
	return func(dst, src []byte) {
		switch {
		case w.r.Uint32N(16) >= odds:
			copy(dst, src)
		case w.r.IntN(2) == 0:
			fillRandom(dst, w.r)
		}
	}
}

func (w *wreck) torn() []byte {
	span := int64(len(w.full)) - w.from
	if span <= 0 {
		return w.full
	}
	end := w.from + w.r.Int64N(span)
	b := w.cut(end)
	if int64(len(b)) > end {
		return b
	}
	stop := min((end/sector+1)*sector, int64(len(w.full)))
	switch w.r.IntN(3) {
	case 0:
		b = resize(slices.Clone(b), stop)
	case 1:
		n := len(b)
		b = resize(slices.Clone(b), stop)
		fillRandom(b[n:], w.r)
	}
	return b
}

func fillRandom(b []byte, r *rand.Rand) {
	var word [8]byte
	for len(b) > 0 {
		binary.LittleEndian.PutUint64(word[:], r.Uint64())
		b = b[copy(b, word[:]):]
	}
}

// Hash tells states apart, leaving out the bytes of files named skip.
func (s State) Hash(skip ...string) [32]byte {
	h := sha256.New()
	first := map[int]int{}
	var n [8]byte
	for i, e := range s {
		if _, ok := first[e.Inode]; !ok {
			first[e.Inode] = i
		}
		b := e.Bytes
		if slices.Contains(skip, filepath.Base(e.Path)) {
			b = nil
		}
		_, _ = fmt.Fprintf(h, "%s\x00%t %d ", e.Path, e.Dir, first[e.Inode]) // a hash takes everything
		binary.LittleEndian.PutUint64(n[:], uint64(len(b)))
		h.Write(n[:])
		h.Write(b)
	}
	return [32]byte(h.Sum(nil))
}

// Write makes the state real in an empty directory.
func (s State) Write(dir string) error {
	made := map[int]string{}
	for _, e := range s {
		p := filepath.Join(dir, e.Path)
		var err error
		switch at, ok := made[e.Inode]; {
		case e.Dir:
			err = os.Mkdir(p, 0o700)
		case ok:
			err = os.Link(at, p)
		default:
			made[e.Inode] = p
			err = os.WriteFile(p, e.Bytes, 0o600)
		}
		if err != nil {
			return fmt.Errorf("faultos: write state: %w", err)
		}
	}
	return nil
}
