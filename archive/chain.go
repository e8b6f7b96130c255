package archive

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/moneyprinter/holdfast/journal"
)

// ChainRun is what one verified pass over the journal found of the chain at some
// seqs.
type ChainRun struct {
	// Base is the seq before the first record that is kept; its chain value is
	// in At where MARK knows it.
	Base uint64
	// End is the last record that was read: the journal's last, unless all that
	// was asked for came before it.
	End journal.Head
	// whole says that there is nothing behind End.
	whole   bool
	Durable uint64 // highest seq that was known to be durable
	At      map[uint64][32]byte
	Broken  *journal.DamageError // what is behind End, if it cannot be read
}

// ReadChain reads the records from one on (0: from the first that is kept), each
// verified to continue the one before it, until it has the chain values at the
// wanted seqs. A record that is not kept is not in the result.
func (r *Source) ReadChain(ctx context.Context, from uint64, want []uint64) (*ChainRun, error) {
	log, err := r.StoredLog()
	if err != nil {
		return nil, fmt.Errorf("%w", err)
	}
	ends, err := log.Anchors()
	if err != nil {
		return nil, fmt.Errorf("%w", err)
	}
	s := &ChainRun{Base: ends.Base.Seq, End: ends.Base, Durable: ends.Durable, At: make(map[uint64][32]byte, len(want))}
	if ends.Known {
		s.At[s.Base] = ends.Base.Chain
	}
	wanted := slices.Sorted(slices.Values(want))
	wanted = slices.DeleteFunc(wanted, func(seq uint64) bool { return seq <= s.Base })
	if len(wanted) == 0 {
		return s, nil
	}
	if err = s.read(ctx, log.Records(from), wanted, r.NewestShown()); err != nil || !s.whole {
		return s, err
	}
	if s.End.Seq == s.Base { // asked for what is behind the end only
		if s.End, err = log.Last(); err != nil {
			return nil, fmt.Errorf("%w", err)
		}
	}
	return s, nil
}

// read goes over the records until it has all that is wanted.
func (s *ChainRun) read(ctx context.Context, records iter.Seq2[journal.Record, error], wanted []uint64, bound uint64) error {
	for rec, err := range records {
		if err == nil {
			err = ctx.Err()
		}
		switch {
		case errors.As(err, &s.Broken):
			return nil
		case err != nil:
			return fmt.Errorf("%w", err)
		case rec.Seq > bound:
			s.whole = true
			return nil
		}
		s.End, s.Durable = rec.Head(), max(s.Durable, rec.Synced)
		for len(wanted) > 0 && wanted[0] == rec.Seq {
			s.At[rec.Seq] = rec.Chain
			wanted = wanted[1:]
		}
		if len(wanted) == 0 {
			return nil
		}
	}
	s.whole = true
	return nil
}
