package rot_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
)

// rotFault is one damage: the files that it puts into an image.
type rotFault struct {
	kind string
	what string
	look bool // read and verify the damaged copy as well as opening it
	// small says that no more than one byte is changed: a torn write never looks
	// like that, but for the byte that is alone in its sector.
	small bool
	put   image // nil: the name goes
}

const sector = 512

// rotKinds are the kinds of damage, each with how many of a thousand are tried
// in a short run.
func rotKinds() []rotKind {
	return []rotKind{
		{"bit", 1, (*rotSource).bits},
		{"byte := 0x00 or 0xff", 2, (*rotSource).bytes},
		{"sector zeroed or garbage", 80, (*rotSource).sectors},
		{"sector of an earlier time", 150, (*rotSource).staleSectors},
		{"sectors swapped", 15, (*rotSource).swappedSectors},
		{"several sectors lost", 50, (*rotSource).lostSectors},
		{"cut at each offset", 3, (*rotSource).cuts},
		{"bytes behind the end", 150, (*rotSource).grown},
		{"file missing", 400, (*rotSource).missing},
		{"file renamed or doubled", 100, (*rotSource).renamed},
		{"file of an earlier time", 500, (*rotSource).staleFiles},
		{"file of another ledger", 300, (*rotSource).foreignFiles},
		{"files swapped", 150, (*rotSource).swappedFiles},
		{"no regular file in its place", 300, (*rotSource).noFiles},
		{"files that do not belong there", 60, (*rotSource).extraFiles},
	}
}

// rotKind is a kind of damage. The generators of the many ask pick before they
// make one; of the others all are made, and some tried.
type rotKind struct {
	name     string
	perMille int
	each     func(s *rotSource, yield func(rotFault) bool)
}

func (s *rotSource) edited(what, path string, b []byte) rotFault {
	return rotFault{what: path + ": " + what, look: true, put: image{path: fileOf(b)}}
}

func (s *rotSource) bits(yield func(rotFault) bool) {
	s.eachFile(func(path string, b []byte) bool {
		for bit := range len(b) * 8 {
			if !s.pick() {
				continue
			}
			c := slices.Clone(b)
			c[bit/8] ^= 1 << (bit % 8)
			f := s.edited(fmt.Sprintf("bit %d of byte %d", bit%8, bit/8), path, c)
			f.small = true
			f.look = !s.exhaustive || (bit/8+bit)%8 == 0 // one bit of each byte: they are most of the damages
			if !yield(f) {
				return false
			}
		}
		return true
	})
}

func (s *rotSource) bytes(yield func(rotFault) bool) {
	s.eachFile(func(path string, b []byte) bool {
		for i := range b {
			for _, v := range []byte{0, 0xff} {
				if !s.pick() {
					continue
				}
				c := slices.Clone(b)
				f := s.edited(fmt.Sprintf("byte %d := %#x", i, v), path, c)
				f.small = true
				f.look = !s.exhaustive || i%4 == 0
				if c[i] = v; b[i] != v && !yield(f) {
					return false
				}
			}
		}
		return true
	})
}

func (s *rotSource) eachFile(f func(path string, b []byte) bool) {
	for _, path := range s.image.files() {
		if !f(path, s.image[path].data) {
			return
		}
	}
}

// eachSector calls f with the sectors of every file.
func (s *rotSource) eachSector(f func(path string, b []byte, from, to int) bool) {
	s.eachFile(func(path string, b []byte) bool {
		for from := 0; from < len(b); from += sector {
			if !f(path, b, from, min(from+sector, len(b))) {
				return false
			}
		}
		return true
	})
}

// garbage is the same for the same place.
func garbage(b []byte, seed int) {
	r := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8), 9})
	_, _ = r.Read(b)
}

func (s *rotSource) sectors(yield func(rotFault) bool) {
	s.eachSector(func(path string, b []byte, from, to int) bool {
		zeroed, noise := slices.Clone(b), slices.Clone(b)
		clear(zeroed[from:to])
		garbage(noise[from:to], from)
		return yield(s.edited(fmt.Sprintf("sector at %d zeroed", from), path, zeroed)) &&
			yield(s.edited(fmt.Sprintf("sector at %d garbage", from), path, noise))
	})
}

// staleSectors gives each sector the bytes that it had earlier, zeros where the
// file was shorter.
func (s *rotSource) staleSectors(yield func(rotFault) bool) {
	s.eachSector(func(path string, b []byte, from, to int) bool {
		for n, older := range s.older {
			was := make([]byte, len(b))
			if o := older[path]; o != nil {
				copy(was, o.data)
			}
			c := slices.Clone(b)
			copy(c[from:to], was[from:to])
			if !bytes.Equal(b, c) && !yield(s.edited(fmt.Sprintf("sector at %d as at time %d", from, n), path, c)) {
				return false
			}
		}
		return true
	})
}

// swappedSectors swaps any two whole sectors of the ledger.
func (s *rotSource) swappedSectors(yield func(rotFault) bool) {
	type place struct {
		path string
		from int
	}
	var all []place
	s.eachSector(func(path string, _ []byte, from, to int) bool {
		if to-from == sector {
			all = append(all, place{path, from})
		}
		return true
	})
	for i, a := range all {
		for _, b := range all[i+1:] {
			if !s.pick() {
				continue
			}
			put := image{a.path: fileOf(slices.Clone(s.image[a.path].data))}
			if put[b.path] == nil {
				put[b.path] = fileOf(slices.Clone(s.image[b.path].data))
			}
			copy(put[a.path].data[a.from:], s.image[b.path].data[b.from:b.from+sector])
			copy(put[b.path].data[b.from:], s.image[a.path].data[a.from:a.from+sector])
			if !yield(rotFault{look: true, what: fmt.Sprintf("sectors %s:%d and %s:%d swapped", a.path, a.from, b.path, b.from), put: put}) {
				return
			}
		}
	}
}

// lostSectors zeroes two to eight sectors of the newest segment, as when pages of
// a group did not reach the disk.
func (s *rotSource) lostSectors(yield func(rotFault) bool) {
	segments := s.image.below("journal")
	path := segments[len(segments)-1]
	r := rand.New(rand.NewPCG(s.last, 3))
	for n := range 400 {
		b := slices.Clone(s.image[path].data)
		for range 2 + r.IntN(7) {
			from := r.IntN((len(b) + sector - 1) / sector)
			clear(b[from*sector : min(len(b), (from+1)*sector)])
		}
		if !yield(s.edited(fmt.Sprintf("sectors lost, draw %d", n), path, b)) {
			return
		}
	}
}

func (s *rotSource) cuts(yield func(rotFault) bool) {
	s.eachFile(func(path string, b []byte) bool {
		for n := range b {
			f := s.edited(fmt.Sprintf("cut at %d of %d", n, len(b)), path, b[:n])
			f.look = !s.exhaustive || n%4 == 0
			if s.pick() && !yield(f) {
				return false
			}
		}
		return true
	})
}

func (s *rotSource) grown(yield func(rotFault) bool) {
	s.eachFile(func(path string, b []byte) bool {
		noise := make([]byte, 700)
		garbage(noise, len(b))
		for what, more := range map[string][]byte{
			"a zero": {0}, "a sector of zeros": make([]byte, sector), "pages of zeros": make([]byte, 9000), "a byte": {0x5a}, "noise": noise, "itself": b,
		} {
			if len(more) > 0 && !yield(s.edited(what+" behind the end", path, slices.Concat(b, more))) {
				return false
			}
		}
		return true
	})
}

func (s *rotSource) missing(yield func(rotFault) bool) {
	for path, n := range s.image {
		if !yield(rotFault{look: true, what: path + " missing", put: image{path: nil}}) {
			return
		}
		if n.mode == fs.ModeDir && len(s.image.below(path)) > 0 {
			put := image{}
			for _, p := range s.image.below(path) {
				put[p] = nil
			}
			if !yield(rotFault{look: true, what: path + " emptied", put: put}) {
				return
			}
		}
	}
}

// otherNames are names that a file could come to have: of its own kind, and of
// no kind.
func otherNames(path string) []string {
	dir, base := filepath.Split(path)
	names := []string{path + ".bak", path + ".holdfast-tmp", dir + "." + base, dir + strings.ToUpper(base+"x")}
	switch filepath.Dir(path) {
	case "journal":
		for _, n := range []string{"00000000000000000002", "00000000000000000026", "00000000000000000058", "00000000000000000079", "00000000000000777777"} {
			names = append(names, dir+n)
		}
	case "backups":
		for _, n := range []string{"positions_20260102_030405_1.snap", "positions_20260102_030405_33.snap", "positions_20260102_030405_9999.snap", "positions_20270102_030405_32.snap"} {
			names = append(names, dir+n)
		}
	}
	return names
}

func (s *rotSource) renamed(yield func(rotFault) bool) {
	s.eachFile(func(path string, _ []byte) bool {
		for _, name := range otherNames(path) {
			if name == path {
				continue
			}
			if !yield(rotFault{look: true, what: path + " renamed to " + name, put: image{path: nil, name: s.image[path]}}) ||
				!yield(rotFault{look: true, what: path + " again as " + name, put: image{name: s.image[path]}}) {
				return false
			}
		}
		return true
	})
}
