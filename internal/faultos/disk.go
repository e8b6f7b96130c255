package faultos

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

// Rule says which operation fails, and how.
type Rule struct {
	Kinds  Kinds // which operations are counted
	Nth    int   // the first that is struck, from 1
	Sticky bool  // all later ones of these kinds as well
	Err    syscall.Errno
	Short  bool // a write writes half of its bytes first
	Revert bool // a sync of a file takes back what was not durable
	Kill   bool // SIGKILL to this process instead of an error; with Short behind half a write
}

// Disk is a watched directory.
type Disk struct {
	root string

	mu      sync.Mutex // held while an operation is done, so that the log has their order
	ops     []Op
	initial *Tree
	tree    *Tree
	inodes  int
	rule    Rule
	count   int // operations that the rule counted
	struck  int // those that it failed
	done    bool
	failed  map[int]string // files whose sync failed in this session
	broken  []string       // rules of the house that were broken
	before  func()         // see BeforeSync
	aside   bool           // see Aside
}

// registry holds the watched directories. It has to be global because package
// os is.
var registry struct { //nolint:gochecknoglobals // package os has no value to hang it on
	sync.Mutex
	disks atomic.Pointer[[]*Disk]
}

// Watch begins to record what is done below root, an existing directory. Its
// content up to now counts as durable.
func Watch(root string) (*Disk, error) {
	root, err := filepath.Abs(root)
	if err != nil {
		return nil, fmt.Errorf("faultos: %w", err)
	}
	d := &Disk{root: root, tree: newTree(), inodes: rootInode, failed: map[int]string{}}
	if err := d.load(); err != nil {
		return nil, err
	}
	d.initial = d.tree.Clone()
	registry.Lock()
	defer registry.Unlock()
	var all []*Disk
	if p := registry.disks.Load(); p != nil {
		all = slices.Clone(*p)
	}
	all = append(all, d)
	registry.disks.Store(&all)
	return d, nil
}

// load takes over what the directory holds.
func (d *Disk) load() error {
	type id struct{ dev, ino uint64 }
	known := map[id]int{}
	err := filepath.WalkDir(d.root, func(p string, e fs.DirEntry, err error) error {
		if err != nil || p == d.root {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		st, ok := info.Sys().(*syscall.Stat_t)
		if !ok {
			return errors.New("no inode number")
		}
		key := id{uint64(st.Dev), st.Ino} //nolint:unconvert // int32 on some systems
		rel := d.rel(p)
		dir, name := d.tree.find(filepath.Dir(rel)), filepath.Base(rel)
		inode, seen := known[key]
		if !seen {
			d.inodes++
			inode = d.inodes
			known[key] = inode
			n := d.tree.add(inode, e.IsDir())
			if !n.dir {
				if n.synced, err = os.ReadFile(p); err != nil { //nolint:gosec // inside the watched directory
					return err
				}
			}
		}
		d.tree.nodes[dir].names[name] = inode
		for m := range d.tree.saved {
			d.tree.saved[m][dir][name] = inode
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("faultos: watch: %w", err)
	}
	return nil
}

// find returns the disk that a path is on, and the path below its root.
func find(p string) (*Disk, string) {
	disks := registry.disks.Load()
	if disks == nil || len(*disks) == 0 {
		return nil, ""
	}
	p, err := filepath.Abs(p)
	if err != nil {
		return nil, ""
	}
	for _, d := range *disks {
		if p == d.root || strings.HasPrefix(p, d.root+string(filepath.Separator)) {
			return d, d.rel(p)
		}
	}
	return nil, ""
}

func (d *Disk) rel(p string) string {
	r, err := filepath.Rel(d.root, p)
	if err != nil {
		return p
	}
	return filepath.ToSlash(r)
}

// Log is what was recorded, and what was there before.
type Log struct {
	Initial *Tree
	Ops     []Op
}

// Release stops watching and returns the log. Files that are still open are
// no longer recorded.
func (d *Disk) Release() Log {
	registry.Lock()
	all := slices.Clone(*registry.disks.Load())
	all = slices.DeleteFunc(all, func(x *Disk) bool { return x == d })
	registry.disks.Store(&all)
	registry.Unlock()
	d.mu.Lock()
	defer d.mu.Unlock()
	d.done = true
	return Log{Initial: d.initial, Ops: d.ops}
}

// Note puts a line of the test's own into the log.
func (d *Disk) Note(text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.record(&Op{Kind: OpNote, Text: text})
}

// Strike sets the rule; the zero Rule lets everything pass. Counting begins
// anew, and so does the session in which no failed sync may be repeated.
func (d *Disk) Strike(r Rule) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rule, d.count, d.struck = r, 0, 0
	d.failed = map[int]string{}
}

// BeforeSync has the next sync wait for f.
func (d *Disk) BeforeSync(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.before = f
}

// Aside runs f, to which no fault happens and during which nothing is counted:
// the test's own reading.
func (d *Disk) Aside(f func() error) error {
	set := func(aside bool) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.aside = aside
	}
	set(true)
	defer set(false)
	return f()
}

// Struck returns how many operations have failed by the rule, and how many it
// has counted.
func (d *Disk) Struck() (struck, counted int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.struck, d.count
}

// Broken lists what was done that never may be: a sync that failed and was
// tried again.
func (d *Disk) Broken() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.broken)
}

// Tree returns a copy of the model as it is now.
func (d *Disk) Tree() *Tree {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.tree.Clone()
}

// record needs mu.
func (d *Disk) record(o *Op) {
	if d.done {
		return
	}
	d.tree.Apply(o)
	d.ops = append(d.ops, *o)
}

// strikes counts an operation and reports whether it is to fail. It needs mu.
func (d *Disk) strikes(k Kind) bool {
	if d.done || d.aside || d.rule.Nth == 0 || !d.rule.Kinds.Has(k) {
		return false
	}
	d.count++
	if d.count != d.rule.Nth && (!d.rule.Sticky || d.count < d.rule.Nth) {
		return false
	}
	d.struck++
	if d.rule.Kill && (k != OpWrite || !d.rule.Short) {
		kill()
	}
	return true
}

func kill() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // nothing may happen between the signal and the end
}

// do does one operation that needs no more than its record.
func (d *Disk) do(o *Op, act func() error) error {
	if d == nil {
		return act()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.strikes(o.Kind) {
		return d.rule.Err
	}
	if err := act(); err != nil {
		return err
	}
	if o.Kind != OpOpen {
		d.record(o)
	}
	return nil
}

// sync syncs a file or directory for real and in the model.
func (d *Disk) sync(f *File) error {
	if d == nil {
		return f.f.Sync()
	}
	// An acknowledgement that was given too early gets the chance to show.
	for range 4 {
		runtime.Gosched()
	}
	d.mu.Lock()
	wait := d.before
	d.before = nil
	d.mu.Unlock()
	if wait != nil {
		wait()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	o := Op{Kind: OpSync, Path: f.rel, Inode: f.inode}
	if f.dir {
		o.Kind = OpSyncDir
	} else if why, again := d.failed[f.inode]; again && !d.done {
		d.broken = append(d.broken, "fsync of "+f.rel+" after it failed as "+why)
	}
	if !d.strikes(o.Kind) {
		err := f.f.Sync()
		o.Failed = err != nil
		d.record(&o)
		return err
	}
	o.Failed, o.Revert = true, d.rule.Revert && !f.dir
	d.record(&o)
	if !f.dir {
		d.failed[f.inode] = f.rel
	}
	if o.Revert {
		if err := os.WriteFile(f.f.Name(), d.tree.nodes[f.inode].synced, 0o600); err != nil { //nolint:gosec // the file that is open
			return err
		}
	}
	return &fs.PathError{Op: "sync", Path: f.f.Name(), Err: d.rule.Err}
}

// write writes b at an offset, or half of it.
func (d *Disk) write(f *File, b []byte, at int64, act func([]byte) (int, error)) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	strike := d.strikes(OpWrite)
	if strike && d.rule.Short {
		b = b[:len(b)/2]
	}
	n := 0
	var err error
	if !strike || d.rule.Short {
		n, err = act(b)
	}
	if n > 0 {
		d.record(&Op{Kind: OpWrite, Path: f.rel, Inode: f.inode, At: at, Data: slices.Clone(b[:n]), Failed: strike})
	}
	if strike && d.rule.Kill {
		kill()
	}
	if strike {
		err = &fs.PathError{Op: "write", Path: f.f.Name(), Err: d.rule.Err}
	}
	return n, err
}
