package rot_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/moneyprinter/holdfast/internal/durable"
)

// node is a name in a directory: a file by its bytes, or something that is no
// file. Nodes are never changed; two names that share one are alike.
type node struct {
	mode fs.FileMode // type bits only; 0 is a regular file
	data []byte      // of a file; the target of a link
}

func fileOf(b []byte) *node { return &node{data: b} }

// image is a directory in memory, by path below it.
type image map[string]*node

// readImage reads a directory.
func readImage(dir string) (image, error) {
	out := image{}
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		if e.Name() == "next"+durable.TempSuffix {
			return nil // the segment made in advance, which comes and goes
		}
		n := &node{mode: e.Type()}
		switch {
		case n.mode.IsRegular():
			n.data, err = os.ReadFile(path)
		case n.mode == fs.ModeSymlink:
			var target string
			target, err = os.Readlink(path)
			n.data = []byte(target)
		}
		out[path[len(dir)+1:]] = n
		return err
	})
	return out, err
}

// differs names a path in which two images differ. What ignored says is passed
// over.
func (i image) differs(o image, ignored func(path string) bool) string {
	for _, path := range slices.Sorted(maps.Keys(i)) {
		a, b := i[path], o[path]
		switch {
		case ignored(path):
		case b == nil:
			return path + " is gone"
		case a.mode != b.mode:
			return path + " is something else"
		case !bytes.Equal(a.data, b.data):
			return path + " has other bytes"
		}
	}
	for _, path := range slices.Sorted(maps.Keys(o)) {
		if i[path] == nil && !ignored(path) {
			return path + " is new"
		}
	}
	return ""
}

// turn makes a directory that holds the image what another image is, and touches
// nothing that both have.
func (i image) turn(dir string, into image) error {
	for _, path := range slices.Backward(slices.Sorted(maps.Keys(i))) {
		if have, want := i[path], into[path]; want == nil || want.mode != have.mode {
			if err := os.RemoveAll(filepath.Join(dir, path)); err != nil {
				return err
			}
		}
	}
	for _, path := range slices.Sorted(maps.Keys(into)) {
		have, want := i[path], into[path]
		if have == want || have != nil && have.mode == want.mode && want.mode != 0 && want.mode != fs.ModeSymlink {
			continue
		}
		if err := want.put(filepath.Join(dir, path)); err != nil {
			return err
		}
	}
	return nil
}

func (n *node) put(path string) error {
	switch {
	case n.mode.IsRegular():
		return os.WriteFile(path, n.data, 0o600)
	case n.mode.IsDir():
		return os.Mkdir(path, 0o700)
	case n.mode == fs.ModeSymlink:
		_ = os.Remove(path)
		return os.Symlink(string(n.data), path)
	case n.mode == fs.ModeNamedPipe:
		return unix.Mkfifo(path, 0o600)
	}
	return fmt.Errorf("%s: no node of mode %v", path, n.mode)
}

// with returns the image with some nodes put in, or with nil taken out. What
// lies below a name that is no directory any more goes as well.
func (i image) with(put image) image {
	out := maps.Clone(i)
	for path, n := range put {
		if n == nil || n.mode != fs.ModeDir {
			maps.DeleteFunc(out, func(p string, _ *node) bool { return strings.HasPrefix(p, path+"/") })
		}
		if n == nil {
			delete(out, path)
		} else {
			out[path] = n
		}
	}
	return out
}

// files are the paths of the regular files, sorted.
func (i image) files() []string {
	var out []string
	for _, path := range slices.Sorted(maps.Keys(i)) {
		if i[path].mode == 0 {
			out = append(out, path)
		}
	}
	return out
}

// below are the paths of the files in a directory, sorted.
func (i image) below(dir string) []string {
	return slices.DeleteFunc(i.files(), func(p string) bool { return filepath.Dir(p) != dir })
}
