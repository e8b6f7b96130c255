package journal

import "github.com/moneyprinter/holdfast/journal/internal/segment"

// Anchors are what MARK says of a journal's two ends.
type Anchors struct {
	// Base is the record before the first one kept, as far as its seq and chain
	// value are known; its seq is 0 at the beginning of a history. Known is false
	// where MARK was lost.
	Base  segment.Head
	Known bool
	// Durable is a seq that was durable, Clean whether the journal was closed
	// behind it.
	Durable uint64
	Clean   bool
}

// Anchors reads MARK. A journal that was never written to has zero anchors.
func (r *Reader) Anchors() (Anchors, error) {
	_, m, err := r.list()
	if err != nil {
		return Anchors{}, err
	}
	return Anchors{
		Base: segment.Head{Seq: m.First - 1, Chain: m.Base}, Known: !m.NoBase, Durable: m.Last, Clean: m.Clean,
	}, nil
}
