package faultos

import "fmt"

// Kind is a kind of operation.
type Kind uint8

// The kinds. OpNote is what the test itself has to say about that moment.
const (
	OpNote     Kind = iota
	OpOpen          // of what is there, for reading or writing; changes nothing
	OpCreate        // a new file under a name
	OpWrite         // bytes at an offset
	OpTruncate      // to a size
	OpSync          // of a file
	OpSyncDir       // of a directory
	OpRename        //
	OpLink          //
	OpUnlink        // of a file or an empty directory
	OpMkdir         //
	kinds
)

func (k Kind) String() string {
	names := [kinds]string{"note", "open", "create", "write", "truncate", "sync", "syncdir", "rename", "link", "unlink", "mkdir"}
	if k < kinds {
		return names[k]
	}
	return "?"
}

// Kinds is a set of kinds.
type Kinds uint16

// Of makes a set.
func Of(kinds ...Kind) Kinds {
	var s Kinds
	for _, k := range kinds {
		s |= 1 << k
	}
	return s
}

// Has reports whether the set has k.
func (s Kinds) Has(k Kind) bool { return s&(1<<k) != 0 }

// Changes are all kinds that change the disk or make a change durable.
func Changes() Kinds {
	return Of(OpCreate, OpWrite, OpTruncate, OpSync, OpSyncDir, OpRename, OpLink, OpUnlink, OpMkdir)
}

// Op is one operation of a log. Paths are relative to the watched directory.
type Op struct {
	Kind  Kind
	Path  string
	To    string // the new name of Rename and Link
	Inode int    // of the file of Write, Truncate and Sync
	At    int64  // where a Write begins; the size of a Truncate
	Data  []byte
	// Failed says that the operation returned an error: a Write has written
	// Data and no more, a Sync has failed, with Revert by taking back what was
	// not durable.
	Failed, Revert bool
	Text           string // of a Note
}

func (o *Op) String() string {
	s := o.Kind.String() + " " + o.Path
	switch o.Kind { //nolint:exhaustive // the others are their path
	case OpNote:
		s = "note " + o.Text
	case OpWrite:
		s += fmt.Sprintf(" at %d, %d bytes", o.At, len(o.Data))
	case OpTruncate:
		s += fmt.Sprintf(" to %d", o.At)
	case OpRename, OpLink:
		s += " to " + o.To
	}
	if o.Failed {
		s += ", failed"
	}
	return s
}
