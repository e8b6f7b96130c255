package audit

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/note"

	"github.com/moneyprinter/holdfast/archive"
	"github.com/moneyprinter/holdfast/checkpoint"
	"github.com/moneyprinter/holdfast/internal/durable"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/remedy"
)

// notesKept is how many checkpoints stay: of more, the newest and ever fewer older
// ones. An old one says little that a newer one does not: it bounds where a
// rewritten history begins.
const notesKept = 1000

// Checkpoint reads the ledger to its last durable record and returns a checkpoint
// of it, without writing anything. Beside a live writer, or after one that did not
// close, the newest records may not be known to be durable; they are left out.
func Checkpoint(ctx context.Context, from *archive.Reader, by note.Signer) (*checkpoint.Note, error) {
	r, err := audited(ctx, from)
	if err != nil {
		return nil, err
	}
	all, err := r.ReadChain(ctx, 0, []uint64{math.MaxUint64})
	if err == nil && all.Broken != nil {
		err = fmt.Errorf("nothing is signed: %w", all.Broken)
	}
	if err != nil {
		return nil, err
	}
	seq := min(all.Durable, all.End.Seq, r.NewestShown())
	if seq == 0 {
		return nil, fmt.Errorf("%w: there is nothing to vouch for yet", position.ErrInvalid)
	}
	v, err := r.AsOf(ctx, archive.Moment{Seq: seq})
	if err != nil {
		return nil, err
	}
	c, err := r.state(ctx, v.Seq(), v.Digest(), checkpoint.Point{}, nil)
	if err != nil {
		return nil, err
	}
	return signed(c, by)
}

// state makes a checkpoint of a seq and the digest of the state there, which continues
// the history from an earlier point on; the zero point is the beginning of what is
// kept.
func (r auditor) state(ctx context.Context, seq uint64, digest [32]byte, from checkpoint.Point, earlier []checkpoint.Point) (*checkpoint.Checkpoint, error) {
	log, err := r.StoredLog()
	if err != nil {
		return nil, fmt.Errorf("%w", err)
	}
	first := max(from.Seq, log.First()-1, 1)
	want := append(checkpoint.Spaced(first, seq), first, seq)
	s, err := r.ReadChain(ctx, max(first, log.First()), want)
	if err != nil {
		return nil, err
	}
	if s.Broken != nil {
		return nil, fmt.Errorf("nothing is signed: %w", s.Broken)
	}
	if now, kept := s.At[from.Seq]; kept && from.Seq > 0 && now != from.Chain {
		return nil, fmt.Errorf("%w: nothing is signed: seq %d is not the record that was signed before", journal.ErrDamaged, from.Seq)
	}
	chain, found := s.At[seq]
	if !found {
		return nil, fmt.Errorf("%w: there is no record %d to vouch for", position.ErrInvalid, seq)
	}
	if s.End.Seq == s.Base { // the record is the one that the journal begins behind
		rec, err := r.ChainAt(seq)
		if err != nil {
			return nil, err
		}
		s.End = rec.Head()
	}
	c := &checkpoint.Checkpoint{
		Ledger: r.ID.ID, Name: r.ID.Name, Point: checkpoint.Point{Seq: seq, Chain: chain},
		Epoch: s.End.Epoch, Time: s.End.Time, State: digest,
	}
	delete(s.At, seq)
	for _, p := range earlier {
		if p.Seq < seq {
			s.At[p.Seq] = p.Chain
		}
	}
	delete(s.At, 0) // the beginning, of which everybody knows the chain value
	for at, chain := range s.At {
		c.Earlier = append(c.Earlier, checkpoint.Point{Seq: at, Chain: chain})
	}
	slices.SortFunc(c.Earlier, func(a, b checkpoint.Point) int { return cmp.Compare(a.Seq, b.Seq) })
	c.Earlier = checkpoint.Thin(c.Earlier, func(p checkpoint.Point) uint64 { return p.Seq }, seq, checkpoint.MaxEarlier)
	return c, nil
}

func signed(c *checkpoint.Checkpoint, by note.Signer) (*checkpoint.Note, error) {
	n, err := c.Sign(by)
	if err != nil {
		return nil, fmt.Errorf("%w", err)
	}
	return n, nil
}

// Notes are the checkpoints that the writer of a ledger makes and keeps in its
// directory, each under the seq it vouches for. They are for one goroutine at a time.
//
// A checkpoint vouches for durable records only, so that no crash makes an honest
// ledger contradict its own. It continues the one before it: the records in between
// are read again, with their chain, so that a history that was changed underneath a
// running ledger is not signed. A checkpoint beside the journal can be removed together
// with the records that it proves, so somebody else should have it as well.
type Notes struct {
	r    auditor
	by   note.Signer
	last *checkpoint.Checkpoint // the newest that was made here; nil: none
}

// NewNotes returns those of a ledger, signed by a key; without one none can be made.
func NewNotes(r *archive.Source, by note.Signer) *Notes { return &Notes{r: auditor{r}, by: by} }

// Cover reports whether the newest checkpoint made here vouches for a record.
func (n *Notes) Cover(seq uint64) bool { return n.last != nil && n.last.Seq >= seq }

// Make makes a checkpoint of a durable record and the digest of the state there, and
// writes it into the directory.
func (n *Notes) Make(ctx context.Context, seq uint64, digest [32]byte) (*checkpoint.Note, error) {
	if n.r.Source == nil {
		return nil, fmt.Errorf("%w: the Notes were not made by NewNotes", archive.ErrNotLedger)
	}
	last := n.last
	if last == nil { // the first of this opening continues what the last one has signed
		last = n.continued()
	}
	var from checkpoint.Point
	var earlier []checkpoint.Point
	if last != nil && last.Seq <= seq {
		from, earlier = last.Point, last.Points()
	}
	c, err := n.r.state(ctx, seq, digest, from, earlier)
	if err != nil {
		return nil, err
	}
	made, err := signed(c, n.by)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(n.r.Dir, archive.NotesDir)
	if err = os.Mkdir(dir, 0o700); err == nil {
		err = durable.SyncDir(n.r.Dir)
	}
	if err == nil || errors.Is(err, os.ErrExist) {
		err = durable.WriteFile(filepath.Join(dir, noteName(made.Seq)), made.Raw, 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("%w", err)
	}
	n.last = &made.Checkpoint
	return made, nil
}

// continued is the newest checkpoint in the directory if the ledger's key, and
// nobody else, has signed it.
func (n *Notes) continued() *checkpoint.Checkpoint {
	newest, err := NewestNote(n.r.Source)
	if err != nil || newest == nil || !newest.SignedBy(n.by) {
		return nil
	}
	return &newest.Checkpoint
}

// Thin removes what need not be kept of the checkpoints.
func (n *Notes) Thin() error {
	if n.r.Source == nil {
		return nil
	}
	seqs, err := notesIn(n.r.Source)
	if err != nil || len(seqs) <= notesKept {
		return err
	}
	kept := checkpoint.Thin(seqs, func(s uint64) uint64 { return s }, seqs[len(seqs)-1], notesKept)
	dir := filepath.Join(n.r.Dir, archive.NotesDir)
	for _, seq := range seqs {
		if _, keep := slices.BinarySearch(kept, seq); keep {
			continue
		}
		if err = os.Remove(filepath.Join(dir, noteName(seq))); err != nil {
			return fmt.Errorf("%w", err)
		}
	}
	if err = durable.SyncDir(dir); err != nil {
		return fmt.Errorf("%w", err)
	}
	return nil
}

func noteName(seq uint64) string { return fmt.Sprintf("%020d%s", seq, checkpoint.Extension) }

// notesIn lists the seqs of the checkpoints in the directory, ascending. Other names
// are passed over.
func notesIn(r *archive.Source) ([]uint64, error) {
	entries, err := os.ReadDir(filepath.Join(r.Dir, archive.NotesDir))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w", err)
	}
	var seqs []uint64
	for _, e := range entries { // sorted by name, and so by seq
		number, found := strings.CutSuffix(e.Name(), checkpoint.Extension)
		seq, err := strconv.ParseUint(number, 10, 64)
		if found && err == nil && noteName(seq) == e.Name() && e.Type().IsRegular() {
			seqs = append(seqs, seq)
		}
	}
	return seqs, nil
}

func readNote(r *archive.Source, seq uint64) (*checkpoint.Note, error) {
	b, err := readBounded(filepath.Join(r.Dir, archive.NotesDir, noteName(seq)), checkpoint.MaxNote)
	if err != nil {
		return nil, err
	}
	n, err := checkpoint.Open(b, nil)
	if err != nil {
		return nil, fmt.Errorf("%w", err)
	}
	if n.Seq != seq {
		return nil, fmt.Errorf("%w: it vouches for seq %d: the file was renamed", checkpoint.ErrMalformed, n.Seq)
	}
	return n, nil
}

// NewestNote is the newest checkpoint in the directory that can be read and is
// this ledger's own; nil when there is none. One that cannot be read proves
// nothing, and nothing is lost with it.
func NewestNote(r *archive.Source) (*checkpoint.Note, error) {
	seqs, err := notesIn(r)
	if err != nil {
		return nil, err
	}
	for _, seq := range slices.Backward(seqs) {
		if n, err := readNote(r, seq); err == nil && n.Ledger == r.ID.ID {
			return n, nil
		}
	}
	return nil, nil //nolint:nilnil // most ledgers have none
}

// HoldsTo demands that the journal still has the history that the newest of its
// own checkpoints has signed. It reads one record; [Verify] compares the older
// checkpoints. Without the key a rotten checkpoint cannot be told from a rewritten
// history, so that HoldsTo then refuses nothing.
func HoldsTo(r *archive.Source, n *checkpoint.Note, by note.Signer) error {
	if n == nil || by == nil || !n.SignedBy(by) {
		return nil
	}
	log, err := r.StoredLog()
	if err == nil {
		err = archive.Linked(log, archive.Anchor{Seq: n.Seq, Chain: n.Chain})
	}
	switch {
	case err == nil, errors.Is(err, journal.ErrTrimmed):
		return nil
	case errors.Is(err, journal.ErrDamaged):
		return remedy.Because(fmt.Errorf("checkpoint %s, which this ledger's key has signed: %w: the history was rewritten",
			noteName(n.Seq), err), remedy.CompareCopies)
	}
	return fmt.Errorf("%w", err)
}

// Checkpointed is a checkpoint as it is shown, as the request API gives it and as
// it is announced.
type Checkpointed struct {
	Ledger uuid.UUID `json:"ledger"`
	Name   string    `json:"name"`
	Seq    uint64    `json:"seq"`
	Epoch  uint64    `json:"epoch"`
	Time   string    `json:"time"`  // of the record, RFC 3339
	Chain  string    `json:"chain"` // of the record, hex
	State  string    `json:"state"` // digest of the state there, hex
	Key    string    `json:"key"`   // name and hash of the key that signed
	Note   string    `json:"note"`  // the whole text with its signature
}

// CheckpointOf describes a checkpoint.
func CheckpointOf(n *checkpoint.Note) Checkpointed {
	return Checkpointed{
		Ledger: n.Ledger, Name: n.Name, Seq: n.Seq, Epoch: n.Epoch, Time: position.Time(n.Time).String(),
		Chain: hex.EncodeToString(n.Chain[:]), State: hex.EncodeToString(n.State[:]),
		Key: strings.Join(n.Keys, ", "), Note: string(n.Raw),
	}
}
