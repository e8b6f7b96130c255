package holdfast

import (
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

	"github.com/moneyprinter/holdfast/checkpoint"
	"github.com/moneyprinter/holdfast/internal/durable"
	"github.com/moneyprinter/holdfast/position"
)

// Checkpoints. A ledger with a [Options.Signer] makes one with each snapshot and
// when asked, keeps it in checkpoints/ under the seq it vouches for, and announces
// it on the bus, so that somebody else has it as well: what lies beside the journal
// can be removed together with what it proves.
//
// A checkpoint vouches for durable records only, so that no crash makes an honest
// ledger contradict its own. It continues the one before it: the records in between
// are read again, with their chain, so that a history that was changed underneath a
// running ledger is not signed.

// notesDir holds a ledger's own checkpoints.
const notesDir = "checkpoints"

// notesKept is how many checkpoints stay: of more, the newest and ever fewer older
// ones. An old one says little that a newer one does not: it bounds where a
// rewritten history begins.
const notesKept = 1000

// ErrNoSigner is returned by [Ledger.Checkpoint] of a ledger without
// [Options.Signer].
var ErrNoSigner = errors.New("holdfast: no signing key")

// Checkpoint reads the ledger to its last durable record and returns a checkpoint
// of it, without writing anything. Beside a live writer, or after one that did not
// close, the newest records may not be known to be durable; they are left out.
func (r *Reader) Checkpoint(ctx context.Context, by note.Signer) (*checkpoint.Note, error) {
	if err := r.begin(ctx); err != nil {
		return nil, err
	}
	all, err := r.strand(ctx, 0, []uint64{math.MaxUint64})
	if err == nil && all.broken != nil {
		err = fmt.Errorf("holdfast: nothing is signed: %w", all.broken)
	}
	if err != nil {
		return nil, err
	}
	seq := min(all.durable, all.end.Seq, r.newestShown())
	if seq == 0 {
		return nil, fmt.Errorf("%w: there is nothing to vouch for yet", ErrInvalid)
	}
	v, err := r.AsOf(ctx, Moment{Seq: seq})
	if err != nil {
		return nil, err
	}
	head := statement{seq: v.Seq(), state: v.Digest()}
	c, err := r.state(ctx, head, checkpoint.Point{}, nil)
	if err != nil {
		return nil, err
	}
	return signed(c, by)
}

// statement is what a checkpoint is to vouch for.
type statement struct {
	seq   uint64
	state [32]byte // digest of the state there
}

// state makes a checkpoint that continues the history from an earlier point on;
// the zero point is the beginning of what is kept.
func (r *Reader) state(ctx context.Context, of statement, from checkpoint.Point, earlier []checkpoint.Point) (*checkpoint.Checkpoint, error) {
	log, err := r.storedLog()
	if err != nil {
		return nil, fmt.Errorf("holdfast: %w", err)
	}
	first := max(from.Seq, log.First()-1, 1)
	want := append(checkpoint.Spaced(first, of.seq), first, of.seq)
	s, err := r.strand(ctx, max(first, log.First()), want)
	if err != nil {
		return nil, err
	}
	if s.broken != nil {
		return nil, fmt.Errorf("holdfast: nothing is signed: %w", s.broken)
	}
	if now, kept := s.at[from.Seq]; kept && from.Seq > 0 && now != from.Chain {
		return nil, fmt.Errorf("%w: nothing is signed: seq %d is not the record that was signed before", ErrDamaged, from.Seq)
	}
	chain, found := s.at[of.seq]
	if !found {
		return nil, fmt.Errorf("%w: there is no record %d to vouch for", ErrInvalid, of.seq)
	}
	if s.end.Seq == s.base { // the record is the one that the journal begins behind
		rec, err := r.chainAt(of.seq)
		if err != nil {
			return nil, err
		}
		s.end = rec.Head()
	}
	c := &checkpoint.Checkpoint{
		Ledger: r.id.ID, Name: r.id.Name, Point: checkpoint.Point{Seq: of.seq, Chain: chain},
		Epoch: s.end.Epoch, Time: s.end.Time, State: of.state,
	}
	delete(s.at, of.seq)
	for _, p := range earlier {
		if p.Seq < of.seq {
			s.at[p.Seq] = p.Chain
		}
	}
	delete(s.at, 0) // the beginning, of which everybody knows the chain value
	for seq, chain := range s.at {
		c.Earlier = append(c.Earlier, checkpoint.Point{Seq: seq, Chain: chain})
	}
	slices.SortFunc(c.Earlier, func(a, b checkpoint.Point) int {
		if a.Seq < b.Seq {
			return -1
		}
		return 1
	})
	c.Earlier = checkpoint.Thin(c.Earlier, func(p checkpoint.Point) uint64 { return p.Seq }, of.seq, checkpoint.MaxEarlier)
	return c, nil
}

func signed(c *checkpoint.Checkpoint, by note.Signer) (*checkpoint.Note, error) {
	n, err := c.Sign(by)
	if err != nil {
		return nil, fmt.Errorf("holdfast: %w", err)
	}
	return n, nil
}

// Checkpoint makes a checkpoint of the durable state, writes it into checkpoints/
// and announces it. Without [Options.Signer] it gives [ErrNoSigner]. Appends are
// not held up.
func (l *Ledger) Checkpoint(ctx context.Context) (*checkpoint.Note, error) {
	if err := l.begin(ctx); err != nil {
		return nil, err
	}
	l.snapshotting.Lock()
	defer l.snapshotting.Unlock()
	switch {
	case l.gone:
		return nil, fmt.Errorf("holdfast: %w", ErrClosed)
	case l.opts.Signer == nil:
		return nil, fmt.Errorf("%w: checkpoints are signed: give the ledger one (serve --sign-key, Options.Signer)", ErrNoSigner)
	}
	v := l.book.View()
	if v.Seq() == 0 {
		return nil, fmt.Errorf("%w: there is nothing to vouch for yet", ErrInvalid)
	}
	return l.witness(ctx, statement{seq: v.Seq(), state: v.Digest()})
}

// witness makes a checkpoint, for whoever holds snapshotting.
func (l *Ledger) witness(ctx context.Context, of statement) (*checkpoint.Note, error) {
	n, err := l.makeNote(ctx, of)
	if err != nil {
		l.log.Error("checkpoint not made", "seq", of.seq, "err", err)
		l.announce("checkpoint.failed", map[string]any{"seq": of.seq, "error": err.Error()})
		return nil, err
	}
	l.log.Info("checkpoint made", "seq", n.Seq, "key", n.Keys[0])
	l.announce("checkpoint.created", CheckpointOf(n))
	if err = l.thinNotes(); err != nil {
		l.log.Warn("old checkpoints not removed", "err", err)
	}
	return n, nil
}

func (l *Ledger) makeNote(ctx context.Context, of statement) (*checkpoint.Note, error) {
	last := l.signed
	if last == nil { // the first of this opening continues what the last one has signed
		last = l.continued()
	}
	var from checkpoint.Point
	var earlier []checkpoint.Point
	if last != nil && last.Seq <= of.seq {
		from, earlier = last.Point, last.Points()
	}
	c, err := l.state(ctx, of, from, earlier)
	if err != nil {
		return nil, err
	}
	n, err := signed(c, l.opts.Signer)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(l.dir, notesDir)
	if err = os.Mkdir(dir, 0o700); err == nil {
		err = durable.SyncDir(l.dir)
	}
	if err == nil || errors.Is(err, os.ErrExist) {
		err = durable.WriteFile(filepath.Join(dir, noteName(n.Seq)), n.Raw, 0o600)
	}
	if err != nil {
		return nil, fmt.Errorf("holdfast: checkpoint: %w", err)
	}
	l.signed = &n.Checkpoint
	return n, nil
}

// continued is the newest checkpoint in the directory if the ledger's key, and
// nobody else, has signed it.
func (l *Ledger) continued() *checkpoint.Checkpoint {
	n, err := l.newestNote()
	if err != nil || n == nil || !n.SignedBy(l.opts.Signer) {
		return nil
	}
	return &n.Checkpoint
}

func noteName(seq uint64) string { return fmt.Sprintf("%020d%s", seq, checkpoint.Extension) }

// notes lists the seqs of the checkpoints in the directory, ascending. Other names
// are passed over.
func (r *Reader) notes() ([]uint64, error) {
	entries, err := os.ReadDir(filepath.Join(r.dir, notesDir))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("holdfast: %w", err)
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

func (r *Reader) readNote(seq uint64) (*checkpoint.Note, error) {
	b, err := readBounded(filepath.Join(r.dir, notesDir, noteName(seq)), checkpoint.MaxNote)
	if err != nil {
		return nil, err
	}
	n, err := checkpoint.Open(b, nil)
	if err != nil {
		return nil, fmt.Errorf("holdfast: %w", err)
	}
	if n.Seq != seq {
		return nil, fmt.Errorf("holdfast: %w: it vouches for seq %d: the file was renamed", checkpoint.ErrMalformed, n.Seq)
	}
	return n, nil
}

// newestNote is the newest checkpoint in the directory that can be read and is
// this ledger's own; nil when there is none. One that cannot be read proves
// nothing, and nothing is lost with it.
func (r *Reader) newestNote() (*checkpoint.Note, error) {
	seqs, err := r.notes()
	if err != nil {
		return nil, err
	}
	for _, seq := range slices.Backward(seqs) {
		if n, err := r.readNote(seq); err == nil && n.Ledger == r.id.ID {
			return n, nil
		}
	}
	return nil, nil //nolint:nilnil // most ledgers have none
}

// thinNotes removes what need not be kept of the checkpoints.
func (l *Ledger) thinNotes() error {
	seqs, err := l.notes()
	if err != nil || len(seqs) <= notesKept {
		return err
	}
	kept := checkpoint.Thin(seqs, func(s uint64) uint64 { return s }, seqs[len(seqs)-1], notesKept)
	dir := filepath.Join(l.dir, notesDir)
	for _, seq := range seqs {
		if _, keep := slices.BinarySearch(kept, seq); keep {
			continue
		}
		if err = os.Remove(filepath.Join(dir, noteName(seq))); err != nil {
			return fmt.Errorf("holdfast: %w", err)
		}
	}
	if err = durable.SyncDir(dir); err != nil {
		return fmt.Errorf("holdfast: %w", err)
	}
	return nil
}

// holdsTo demands that the journal still has the history that the newest of its
// own checkpoints has signed. One record is read for it; what an older one proves
// is for [Reader.Verify]. Only who holds the key can tell a rotten checkpoint from a
// rewritten history here; without it nothing is refused.
func (r *Reader) holdsTo(n *checkpoint.Note, by note.Signer) error {
	if n == nil || by == nil || !n.SignedBy(by) {
		return nil
	}
	log, err := r.storedLog()
	if err == nil {
		err = linked(log, anchor{seq: n.Seq, chain: n.Chain})
	}
	switch {
	case err == nil, errors.Is(err, ErrTrimmed):
		return nil
	case errors.Is(err, ErrDamaged):
		return fmt.Errorf("checkpoint %s, which this ledger's key has signed: %w: the history was rewritten; "+
			"nothing was changed; compare with every copy that was kept elsewhere, see 'verify --against'", noteName(n.Seq), err)
	}
	return fmt.Errorf("holdfast: %w", err)
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
