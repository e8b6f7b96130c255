package holdfast

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/moneyprinter/holdfast/journal"
)

// strand is what one verified pass over the journal found of the chain at some
// seqs.
type strand struct {
	// base is the seq before the first record that is kept; its chain value is
	// in at where MARK knows it.
	base uint64
	// end is the last record that was read: the journal's last, unless all that
	// was asked for came before it.
	end journal.Head
	// whole says that there is nothing behind end.
	whole   bool
	durable uint64 // highest seq that was known to be durable
	at      map[uint64][32]byte
	broken  *journal.DamageError // what is behind end, if it cannot be read
}

// strand reads the records from one on (0: from the first that is kept), each
// verified to continue the one before it, until it has the chain values at the
// wanted seqs. What is not kept is not in the result.
func (r *Reader) strand(ctx context.Context, from uint64, want []uint64) (*strand, error) {
	log, err := r.storedLog()
	if err != nil {
		return nil, fmt.Errorf("holdfast: %w", err)
	}
	ends, err := log.Anchors()
	if err != nil {
		return nil, fmt.Errorf("holdfast: %w", err)
	}
	s := &strand{base: ends.Base.Seq, end: ends.Base, durable: ends.Durable, at: make(map[uint64][32]byte, len(want))}
	if ends.Known {
		s.at[s.base] = ends.Base.Chain
	}
	wanted := slices.Sorted(slices.Values(want))
	wanted = slices.DeleteFunc(wanted, func(seq uint64) bool { return seq <= s.base })
	if len(wanted) == 0 {
		return s, nil
	}
	if err = s.read(ctx, log.Records(from), wanted, r.newestShown()); err != nil || !s.whole {
		return s, err
	}
	if s.end.Seq == s.base { // asked for what is behind the end only
		if s.end, err = log.Last(); err != nil {
			return nil, fmt.Errorf("holdfast: %w", err)
		}
	}
	return s, nil
}

// read goes over the records until it has all that is wanted.
func (s *strand) read(ctx context.Context, records iter.Seq2[journal.Record, error], wanted []uint64, bound uint64) error {
	for rec, err := range records {
		if err == nil {
			err = ctx.Err()
		}
		switch {
		case errors.As(err, &s.broken):
			return nil
		case err != nil:
			return fmt.Errorf("holdfast: %w", err)
		case rec.Seq > bound:
			s.whole = true
			return nil
		}
		s.end, s.durable = rec.Head(), max(s.durable, rec.Synced)
		for len(wanted) > 0 && wanted[0] == rec.Seq {
			s.at[rec.Seq] = rec.Chain
			wanted = wanted[1:]
		}
		if len(wanted) == 0 {
			return nil
		}
	}
	s.whole = true
	return nil
}
