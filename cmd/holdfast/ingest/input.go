package ingest

import (
	"io"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed"
	"github.com/moneyprinter/holdfast/cmd/holdfast/feed/mapping"
)

// Input is the files to read, opened and checked before anything is applied.
type Input struct {
	Sources []Source
	// Listed is what was read already, instead of Sources; ListedName is where.
	Listed     []feed.Entry
	ListedName string

	Format   feed.Format
	Mapping  mapping.Mapping
	Rounding *Rounding // nil: definitions are applied as they are read
	Total    int64     // bytes; 0 when not known
}

// Source is one file.
type Source struct {
	Name string
	R    io.Reader
	Feed *feed.Feed // nil for standard input, which is looked at when it is its turn
	C    io.Closer  // the same
}

// Close closes the files.
func (in *Input) Close() {
	for _, s := range in.Sources {
		if s.C != nil {
			_ = s.C.Close() // opened for reading
		}
	}
}
