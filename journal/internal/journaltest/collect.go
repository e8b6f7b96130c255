package journaltest

import (
	"iter"

	"github.com/moneyprinter/holdfast/journal"
)

// Collected is what an Open handed on while it verified.
type Collected struct {
	Recs []journal.Record
	Err  error
	Done bool // the records have ended, or were broken off
}

// Collect lets an Open hand on its records from one on, at most so many.
func Collect(o *journal.Options, from uint64, most int) *Collected {
	c := &Collected{}
	o.Meanwhile = func() (uint64, func(iter.Seq2[journal.Record, error])) {
		return from, func(records iter.Seq2[journal.Record, error]) {
			defer func() { c.Done = true }()
			if most == 0 {
				return
			}
			for rec, err := range records {
				if c.Err = err; err != nil {
					return
				}
				if c.Recs = append(c.Recs, rec); len(c.Recs) == most {
					return
				}
			}
		}
	}
	return c
}
