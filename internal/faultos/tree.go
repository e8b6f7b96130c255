package faultos

import (
	"maps"
	"path"
	"slices"
	"strings"
)

// Dirs is a model of what makes a change of names durable. See the package
// comment.
type Dirs uint8

// The two models.
const (
	Ordered Dirs = iota
	Strict
	dirModels
)

func (m Dirs) String() string {
	if m == Ordered {
		return "ordered"
	}
	return "strict"
}

// rootInode is the inode of the watched directory.
const rootInode = 1

// edit is one change of one name; inode 0 removes it.
type edit struct {
	dir   int
	name  string
	inode int
}

// change is what becomes durable at once: the edits of one operation in one
// directory.
type change []edit

// piece is a write since the last sync; cut is the size of a truncation, -1 for
// a write.
type piece struct {
	at   int64
	data []byte
	cut  int64
}

// node is a file or a directory.
type node struct {
	dir    bool
	synced []byte  // of a file: immutable
	dirty  []piece // written since
	// stuck is how many of dirty were before a sync that failed: they are in
	// the cache and no later sync writes them.
	stuck int
	names map[string]int // of a directory, as programs see it
}

// Tree is the model of a watched directory at one moment.
type Tree struct {
	nodes map[int]*node
	// saved are the names that are durable, per model and directory, and
	// pending the changes since, oldest first.
	saved   [dirModels]map[int]map[string]int
	pending [dirModels][]change
}

func newTree() *Tree {
	t := &Tree{nodes: map[int]*node{}}
	for m := range t.saved {
		t.saved[m] = map[int]map[string]int{}
	}
	t.add(rootInode, true)
	return t
}

func (t *Tree) add(inode int, dir bool) *node {
	n := &node{dir: dir}
	if dir {
		n.names = map[string]int{}
		for m := range t.saved {
			t.saved[m][inode] = map[string]int{}
		}
	}
	t.nodes[inode] = n
	return n
}

// Clone returns a copy that shares nothing that changes.
func (t *Tree) Clone() *Tree {
	c := &Tree{nodes: make(map[int]*node, len(t.nodes))}
	for i, n := range t.nodes {
		d := *n
		d.dirty, d.names = slices.Clone(n.dirty), maps.Clone(n.names)
		c.nodes[i] = &d
	}
	for m := range t.saved {
		c.saved[m] = make(map[int]map[string]int, len(t.saved[m]))
		for i, names := range t.saved[m] {
			c.saved[m][i] = maps.Clone(names)
		}
		c.pending[m] = slices.Clone(t.pending[m])
	}
	return c
}

// find returns the inode of a path, 0 if there is none.
func (t *Tree) find(p string) int {
	at := rootInode
	for part := range strings.SplitSeq(p, "/") {
		if part == "." || part == "" {
			continue
		}
		n := t.nodes[at]
		if n == nil || !n.dir {
			return 0
		}
		at = n.names[part]
	}
	return at
}

// Apply moves the tree on by one operation.
func (t *Tree) Apply(o *Op) {
	switch o.Kind {
	case OpCreate, OpMkdir:
		t.add(o.Inode, o.Kind == OpMkdir)
		t.edit(edit{t.find(path.Dir(o.Path)), path.Base(o.Path), o.Inode})
	case OpWrite:
		t.nodes[o.Inode].dirty = append(t.nodes[o.Inode].dirty, piece{at: o.At, data: o.Data, cut: -1})
	case OpTruncate:
		t.nodes[o.Inode].dirty = append(t.nodes[o.Inode].dirty, piece{cut: o.At})
	case OpSync:
		t.sync(o)
	case OpSyncDir:
		if !o.Failed {
			t.flush(o.Inode)
		}
	case OpRename:
		inode := t.find(o.Path)
		t.edit(edit{t.find(path.Dir(o.Path)), path.Base(o.Path), 0}, edit{t.find(path.Dir(o.To)), path.Base(o.To), inode})
	case OpLink:
		t.edit(edit{t.find(path.Dir(o.To)), path.Base(o.To), t.find(o.Path)})
	case OpUnlink:
		t.edit(edit{t.find(path.Dir(o.Path)), path.Base(o.Path), 0})
	case OpNote, OpOpen, kinds:
	}
}

// edit changes names now and leaves the changes pending, one per directory.
func (t *Tree) edit(edits ...edit) {
	var changes []change
	for _, e := range edits {
		if names := t.nodes[e.dir].names; e.inode == 0 {
			delete(names, e.name)
		} else {
			names[e.name] = e.inode
		}
		if n := len(changes); n > 0 && changes[n-1][0].dir == e.dir {
			changes[n-1] = append(changes[n-1], e)
		} else {
			changes = append(changes, change{e})
		}
	}
	for m := range t.pending {
		t.pending[m] = append(t.pending[m], changes...)
	}
}

func (t *Tree) sync(o *Op) {
	n := t.nodes[o.Inode]
	switch {
	case o.Failed && o.Revert:
		n.dirty, n.stuck = nil, 0
	case o.Failed:
		n.stuck = len(n.dirty)
	default:
		n.synced = apply(n.synced, n.dirty[n.stuck:])
		n.dirty = slices.Clone(n.dirty[:n.stuck])
		t.flush(0)
	}
}

// flush makes pending changes durable: in the ordered model all, in the strict
// one those of one directory.
func (t *Tree) flush(dir int) {
	put(t.saved[Ordered], t.pending[Ordered])
	t.pending[Ordered] = nil
	if dir == 0 {
		return
	}
	var rest []change
	for _, c := range t.pending[Strict] {
		if c[0].dir == dir {
			put(t.saved[Strict], []change{c})
		} else {
			rest = append(rest, c)
		}
	}
	t.pending[Strict] = rest
}

func put(names map[int]map[string]int, changes []change) {
	for _, c := range changes {
		for _, e := range c {
			if e.inode == 0 {
				delete(names[e.dir], e.name)
			} else {
				names[e.dir][e.name] = e.inode
			}
		}
	}
}

// apply returns what a file holds after pieces; the result shares nothing with b
// unless there are none.
func apply(b []byte, pieces []piece) []byte {
	if len(pieces) == 0 {
		return b
	}
	size := int64(len(b))
	for _, p := range pieces {
		size = max(size, p.at+int64(len(p.data)), p.cut)
	}
	out := make([]byte, len(b), size)
	copy(out, b)
	for _, p := range pieces {
		if p.cut >= 0 {
			out = resize(out, p.cut)
			continue
		}
		if end := p.at + int64(len(p.data)); end > int64(len(out)) {
			out = resize(out, end)
		}
		copy(out[p.at:], p.data)
	}
	return out
}

// resize cuts b or adds zeros.
func resize(b []byte, size int64) []byte {
	old := int64(len(b))
	if size <= old {
		return b[:size]
	}
	b = slices.Grow(b, int(size-old))[:size]
	clear(b[old:])
	return b
}
