// Package systrace shows tests what a child process asks of the file system: the
// system calls that change files, in order, by ptrace and without another tool.
// The syncs of a program and their order cannot be seen in the files that it leaves
// behind; they can be seen here.
//
// [Run] records, [Disk] replays a record and knows at each point which bytes and
// which names the program has not made durable yet. Linux only; Run returns
// [ErrUnavailable] where tracing is not possible or not allowed.
//
// Not covered: writes to mapped memory, io_uring, and what a child of the child
// does.
package systrace

import (
	"bytes"
	"errors"
	"path/filepath"
)

// ErrUnavailable is returned where this system does not let a process trace its
// child.
var ErrUnavailable = errors.New("systrace: not available")

// The calls of an [Op]. Several system calls stand behind some of them.
const (
	Open   = "open"
	Write  = "write" // also truncation, allocation and copies inside the kernel
	Sync   = "sync"  // of a file or a directory
	Rename = "rename"
	Link   = "link"
	Unlink = "unlink"
	Mkdir  = "mkdir"
)

// Op is one system call. Path is absolute, or what /proc says of a descriptor that
// has no path; for Rename and Link it is the old name and To the new one.
type Op struct {
	Call, Path, To string
	Data           []byte // Write: what was written, at most the first 256 bytes
	Created        bool   // Open: the file was not there before
	ReadOnly       bool   // Open
	Failed         bool
	// From is how many operations had begun when a Sync began: it covers those.
	// All other operations are recorded when they begin.
	From int
}

// Zeros reports whether zeros are written, as far as Data tells: they make room for
// what comes.
func (op *Op) Zeros() bool {
	return op.Call == Write && len(op.Data) > 0 && len(bytes.Trim(op.Data, "\x00")) == 0
}

// Disk is what is known of the durability of files after some operations. The
// zero value knows of nothing that is not durable.
type Disk struct {
	n     int
	data  map[string]int // file: the last write to it that no sync covers
	names map[string]int // directory: the last change of a name in it, likewise
}

// Apply goes on by one operation.
func (d *Disk) Apply(op *Op) {
	if d.data == nil {
		d.data, d.names = map[string]int{}, map[string]int{}
	}
	n := d.n
	d.n++
	if op.Failed {
		return
	}
	switch op.Call {
	case Open:
		if op.Created {
			d.names[filepath.Dir(op.Path)] = n
		}
	case Write:
		d.data[op.Path] = n
	case Sync:
		for _, m := range []map[string]int{d.data, d.names} {
			if at, ok := m[op.Path]; ok && at < op.From {
				delete(m, op.Path)
			}
		}
	case Rename, Link:
		delete(d.data, op.To)
		if at, ok := d.data[op.Path]; ok {
			d.data[op.To] = at
		}
		d.names[filepath.Dir(op.To)] = n
		if op.Call == Rename {
			delete(d.data, op.Path)
			d.names[filepath.Dir(op.Path)] = n
		}
	case Unlink:
		delete(d.data, op.Path)
		d.names[filepath.Dir(op.Path)] = n
	case Mkdir:
		d.names[filepath.Dir(op.Path)] = n
	}
}

// Dirty returns the files below dir, at any depth, that hold bytes which are not
// durable, and the directories whose names are not.
func (d *Disk) Dirty(dir string) []string {
	var out []string
	for what, m := range map[string]map[string]int{"bytes of ": d.data, "names in ": d.names} {
		for path := range m {
			if rel, err := filepath.Rel(dir, path); err == nil && filepath.IsLocal(rel) {
				out = append(out, what+rel)
			}
		}
	}
	return out
}

// Bytes reports whether a file holds bytes that are not durable.
func (d *Disk) Bytes(path string) bool { _, dirty := d.data[path]; return dirty }

// Names reports whether a directory's names are not durable.
func (d *Disk) Names(dir string) bool { _, dirty := d.names[dir]; return dirty }
