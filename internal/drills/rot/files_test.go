package rot_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"path/filepath"
)

// staleFiles gives each file the bytes that it had earlier.
func (s *rotSource) staleFiles(yield func(rotFault) bool) {
	s.eachFile(func(path string, b []byte) bool {
		for n, older := range s.older {
			was := older[path]
			if was != nil && !bytes.Equal(was.data, b) &&
				!yield(rotFault{look: true, what: fmt.Sprintf("%s as at time %d", path, n), put: image{path: was}}) {
				return false
			}
		}
		return true
	})
}

// foreignFiles puts files of another ledger in the place of ours and beside
// them.
func (s *rotSource) foreignFiles(yield func(rotFault) bool) {
	for _, dir := range []string{".", "journal", "backups"} {
		for _, path := range s.image.below(dir) {
			for _, other := range s.foreign.below(dir) {
				if dir == "." && path != other {
					continue
				}
				if !yield(rotFault{look: true, what: other + " of another ledger as " + path, put: image{path: s.foreign[other]}}) {
					return
				}
				if s.image[other] == nil && !yield(rotFault{look: true, what: other + " of another ledger beside ours", put: image{other: s.foreign[other]}}) {
					return
				}
			}
		}
		put := image{}
		for _, path := range s.image.below(dir) {
			put[path] = nil
		}
		for _, path := range s.foreign.below(dir) {
			put[path] = s.foreign[path]
		}
		if dir != "." && !yield(rotFault{look: true, what: "all of " + dir + " of another ledger", put: put}) {
			return
		}
	}
}

func (s *rotSource) swappedFiles(yield func(rotFault) bool) {
	files := s.image.files()
	for i, a := range files {
		for _, b := range files[i+1:] {
			if !yield(rotFault{look: true, what: a + " and " + b + " swapped", put: image{a: s.image[b], b: s.image[a]}}) {
				return
			}
		}
	}
}

// noFiles puts what is no file in the place of each name, and what is a file in
// the place of each directory.
func (s *rotSource) noFiles(yield func(rotFault) bool) {
	for path, n := range s.image {
		moved := path + ".moved"
		for what, put := range map[string]image{
			"a directory":        {path: {mode: fs.ModeDir}},
			"a pipe":             {path: {mode: fs.ModeNamedPipe}},
			"a link to nothing":  {path: {mode: fs.ModeSymlink, data: []byte("nowhere")}},
			"a link to itself":   {path: {mode: fs.ModeSymlink, data: []byte(filepath.Base(path))}},
			"a link to its file": {path: {mode: fs.ModeSymlink, data: []byte(filepath.Base(moved))}, moved: n},
			"an empty file":      {path: fileOf(nil)},
		} {
			switch {
			case n.mode == fs.ModeDir && (what == "a directory" || what == "a link to its file"),
				n.mode == 0 && len(n.data) == 0 && what == "an empty file":
				continue
			}
			if !yield(rotFault{look: true, what: path + " is " + what, put: put}) {
				return
			}
		}
	}
}

// extraFiles puts names into the directories that we never make, or that a crash
// may leave.
func (s *rotSource) extraFiles(yield func(rotFault) bool) {
	segments := s.image.below("journal")
	last := segments[len(segments)-1]
	for _, dir := range []string{"", "journal/", "backups/", "quarantine/"} {
		for _, name := range []string{
			"notes.txt", ".hidden", "00000000000000000000", "00000000000000000500", "99999999999999999999", "x.holdfast-tmp",
			"MARK", "LOCK", "ledger.json", "00000000000000000001.START", "00000000000000000001.END", "positions_20260102_030405_0.snap",
			"positions_20260102_030405_18446744073709551615.snap", filepath.Base(last) + ".holdfast-tmp", "MARK.holdfast-tmp",
		} {
			if s.image[dir+name] != nil {
				continue
			}
			for what, n := range map[string]*node{
				"empty": fileOf(nil), "a copy of the newest segment": s.image[last], "a directory": {mode: fs.ModeDir},
				"a pipe": {mode: fs.ModeNamedPipe}, "a link": {mode: fs.ModeSymlink, data: []byte("/etc/passwd")},
			} {
				if !yield(rotFault{look: true, what: "extra " + dir + name + ", " + what, put: image{dir + name: n}}) {
					return
				}
			}
		}
	}
}
