package segment

import (
	"fmt"
	"os"
	"slices"

	"github.com/moneyprinter/holdfast/keyring"
)

// seals is what a scan notes of the encrypted records of a segment.
type seals struct {
	keys        []keyring.ID // in the order of their first records
	first, last sealedPlace
	plain       uint64 // first record that is not encrypted; 0: none
	bare        uint64 // first one of those behind an encrypted one; 0: none
}

// sealedPlace is where an encrypted record stands; seq is 0 when there is none.
type sealedPlace struct {
	seq     uint64
	at, end int64
	prev    [32]byte // chain value before it
	known   bool     // of prev: not of the first record of a segment
}

// note takes in the record that s has read from offset at.
func (x *seals) note(rec *Record, at int64, s *Scanner) {
	if rec.Flags&Encrypted == 0 {
		if x.plain == 0 {
			x.plain = rec.Seq
		}
		if x.bare == 0 && x.first.seq != 0 {
			x.bare = rec.Seq
		}
		return
	}
	place := sealedPlace{seq: rec.Seq, at: at, end: s.Off, prev: s.Before, known: s.BeforeKnown}
	if x.last = place; x.first.seq == 0 {
		x.first = place
	}
	h := sealedUnder(rec.Payload)
	if id := h.id(); len(x.keys) == 0 || x.keys[len(x.keys)-1] != id && !slices.Contains(x.keys, id) {
		x.keys = append(x.keys, id)
	}
}

// KeysUsed returns the ids of all keys that whole records name, oldest first.
func (s *Survey) KeysUsed() []keyring.ID {
	var out []keyring.ID
	for i := range s.Segs {
		for _, id := range s.Segs[i].seals.keys {
			if !slices.Contains(out, id) {
				out = append(out, id)
			}
		}
	}
	return out
}

// Authenticate asks, before anything is written, what only the keys can tell.
// Every key that occurs must be there: what cannot be read must not be appended
// to, let alone be cut. The first and the last encrypted record must
// authenticate, so that neither a wrong key nor a rewritten history is taken for
// a tail to be cut. A journal that has an encrypted record never goes back to
// plain ones, so that one behind it is somebody else's.
func (s *Survey) Authenticate(keys *keyring.Ring) error {
	for _, id := range s.KeysUsed() {
		if err := keys.Has(id); err != nil {
			return fmt.Errorf("open: %w", err)
		}
	}
	v := NewVault(keys)
	first, last := -1, -1
	for i := range s.Segs {
		x := &s.Segs[i].seals
		if bare := x.bare; bare != 0 || first >= 0 && x.plain != 0 {
			if first >= 0 && x.plain != 0 {
				bare = x.plain
			}
			return &TamperError{File: s.Segs[i].Name(), Seq: bare, Reason: plainBehind}
		}
		if x.first.seq == 0 {
			continue
		}
		if last = i; first < 0 {
			first = i
		}
	}
	if first < 0 {
		return nil
	}
	if err := s.authenticateAt(v, first, &s.Segs[first].seals.first); err != nil {
		return err
	}
	return s.authenticateAt(v, last, &s.Segs[last].seals.last)
}

func (s *Survey) authenticateAt(v *Vault, i int, p *sealedPlace) error {
	prev, known := p.prev, p.known
	switch {
	case known:
	case i > 0:
		prev, known = s.Segs[i-1].Head.Chain, true
	default:
		var before Head
		before, known = s.Mark.Before(s.Segs[i].First)
		prev = before.Chain
	}
	if !known {
		return nil // TrustJournal: the record before it is not known
	}
	seg := &s.Segs[i]
	f, err := OpenRegular(seg.Path, os.O_RDONLY)
	if err != nil {
		return fmt.Errorf("open %s: %w", seg.Name(), err)
	}
	defer func() { _ = f.Close() }()
	sc := NewScanner(f, p.end, p.seq)
	sc.Off = p.at
	var rec Record
	if err = sc.Next(&rec); err != nil {
		return fmt.Errorf("read %s: %w", seg.Name(), err)
	}
	o := Opener{Vault: v}
	return o.Open(&rec, &prev, seg.First)
}
