package audit

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/moneyprinter/holdfast/archive"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/keyring"
	"github.com/moneyprinter/holdfast/projector"
	"github.com/moneyprinter/holdfast/remedy"
	"github.com/moneyprinter/holdfast/snapshotter"
)

// Options say how thorough [Verify] is.
type Options struct {
	// Deep recomputes every change from its cause and compares bytes, and
	// replays to each snapshot and compares digests. It loads each snapshot, and
	// takes as long as replaying the journal once more.
	Deep bool
	// Progress, if set, is told the records checked so far and the total.
	Progress func(done, total uint64)
}

// Finding is one place where the ledger is not what was written.
type Finding struct {
	File   string `json:"file,omitempty"`
	Offset int64  `json:"offset"`
	Seq    uint64 `json:"seq,omitempty"`
	Reason string `json:"reason"`
	// Plan says what can be done, and Remedy is the same as data, where it is known
	// so: whoever talks to an operator puts words of his own into Plan.
	Plan   string        `json:"plan,omitempty"`
	Remedy remedy.Remedy `json:"remedy,omitzero"`
}

// Report is the outcome of a verification. Notices are worth knowing and
// no damage, such as a torn tail that the next opening will cut.
type Report struct {
	First     uint64 `json:"first"`
	Last      uint64 `json:"last"`
	Records   uint64 `json:"records"`
	Changes   uint64 `json:"changes"` // records but the epochs' own
	Segments  int    `json:"segments"`
	Bytes     int64  `json:"bytes"`
	Snapshots int    `json:"snapshots"`
	// Checkpoints are those in the ledger's own directory.
	Checkpoints int `json:"checkpoints"`
	// Deep says that the changes were recomputed up to the last one. It is false
	// also where that was asked for and could not be done: see Findings, Notices and
	// Unread.
	Deep bool `json:"deep"`
	// Believed is how many records Deep had to take as they are, because what they
	// follow from was trimmed; Notices name them.
	Believed uint64   `json:"believed,omitempty"`
	Digest   string   `json:"digest,omitempty"` // of the state at Last, hex
	Keys     []string `json:"keys,omitempty"`   // ids of the keys of encrypted records
	// Unread says that integrity was checked and payloads were not read,
	// because their keys were not given.
	Unread   bool      `json:"unread,omitempty"`
	Findings []Finding `json:"findings"`
	Notices  []Finding `json:"notices"`
	// Against is the comparison with evidence from elsewhere, if one was asked for;
	// its findings are among the others.
	Against *Against `json:"against,omitempty"`
}

// Add puts a comparison into the report.
func (r *Report) Add(a *Against) {
	r.Against = a
	r.Findings = append(r.Findings, a.Findings...)
	r.Notices = append(r.Notices, a.Notices...)
}

// OK reports whether nothing is damaged.
func (r *Report) OK() bool { return len(r.Findings) == 0 }

// Verify checks every byte of the ledger without changing any: identity,
// segment names, frames, checksums, seqs, chain and MARK of the journal, each
// snapshot and its place in the chain; with Deep the arithmetic as well. Damage
// is in the report; the error is for what kept the check from being made. Of an
// encrypted ledger without keys everything is checked but what payloads say; with
// keys of which one is missing the error is [keyring.ErrNoKey]. Beside a writer that
// trims, the check begins anew from the new base; where it is outrun every time, the
// error is [journal.ErrTrimmed].
func Verify(ctx context.Context, from *archive.Reader, o Options) (rep *Report, err error) {
	r, err := audited(ctx, from)
	if err != nil {
		return nil, err
	}
	var last *Report
	for range archive.TrimTries {
		before := r.Standing()
		rep, err = r.verify(ctx, o)
		switch {
		case err == nil && rep.OK(), err != nil && !archive.Vanished(err), ctx.Err() != nil, !r.Moved(before):
			return rep, err
		case err != nil:
			continue
		}
		if same := rep.repeated(last); len(same) > 0 {
			rep.Findings = same
			return rep, nil
		}
		last = rep
	}
	if err == nil {
		err = errors.New(rep.Findings[0].Reason)
	}
	return nil, archive.Meanwhile(err)
}

// auditor checks what a ledger's directory says.
type auditor struct{ *archive.Source }

// audited begins the audit of what a reader reads.
func audited(ctx context.Context, r *archive.Reader) (auditor, error) {
	src, err := archive.SourceOf(r)
	if err == nil {
		err = archive.Ended(ctx)
	}
	return auditor{src}, err
}

func (r auditor) verify(ctx context.Context, o Options) (*Report, error) {
	rep := &Report{Findings: []Finding{}, Notices: []Finding{}}
	if _, err := archive.ReadIdentity(r.Dir); err != nil {
		rep.find(err)
	}
	j, err := journal.CheckContext(ctx, r.Dir)
	if errors.Is(err, fs.ErrNotExist) { // the identity says that there was a journal
		j, err = journal.Report{Damages: []*journal.DamageError{journal.Missing()}}, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%w", err)
	}
	rep.First, rep.Last, rep.Records, rep.Segments, rep.Bytes = j.First, j.Last.Seq, j.Records, j.Segments, j.Bytes
	for _, id := range j.Keys {
		rep.Keys = append(rep.Keys, id.String())
	}
	rep.Unread = len(j.Keys) > 0 && r.Keys == nil
	for _, d := range j.Damages {
		rep.find(d)
	}
	for _, n := range j.Notices {
		rep.Notices = append(rep.Notices, Finding{File: n.File, Offset: n.Offset, Seq: n.Seq, Reason: n.Text})
	}
	good, err := r.verifySnapshots(rep, len(j.Damages) == 0)
	if err != nil {
		return nil, err
	}
	if rep.Unread {
		rep.Notices = append(rep.Notices, Finding{Reason: "encrypted under key " + strings.Join(rep.Keys, ", ") +
			", and no key was given: integrity was checked, but payloads were not read"})
	}
	if len(j.Damages) > 0 {
		return rep, nil // no state can be derived from a damaged journal
	}
	if err := r.verifyNotes(ctx, rep); err != nil {
		return nil, err
	}
	if err := r.verifyState(ctx, rep, o, good); err != nil {
		return nil, err
	}
	return rep, nil
}

// find turns an error that names a place into a finding.
func (r *Report) find(err error) {
	if errors.Is(err, projector.ErrPrints) {
		err = archive.ForeignRecords(err)
	}
	f := Finding{Reason: err.Error()}
	if errors.Is(err, keyring.ErrNoKey) { // what cannot be read is not damaged
		r.Notices, r.Unread = append(r.Notices, f), true
		return
	}
	var j *journal.DamageError
	var s *snapshotter.DamageError
	var m *projector.MismatchError
	var id *archive.IdentityError
	var t *journal.TamperError
	switch {
	case errors.As(err, &j):
		f = Finding{File: j.File, Offset: j.Offset, Seq: j.Seq, Reason: j.Reason, Plan: j.Remedy.String(), Remedy: j.Remedy}
	case errors.As(err, &t):
		f = Finding{
			File: t.File, Seq: t.Seq, Reason: t.Reason + ": it was tampered with",
			Plan: "nothing was changed; compare with a copy that was kept elsewhere",
		}
	case errors.As(err, &s):
		f = Finding{
			File: s.File, Offset: s.Offset, Reason: s.Reason,
			Plan: "move the file away: an older snapshot and the journal give the same state",
		}
	case errors.As(err, &m):
		f.Seq = m.Seq
	case errors.As(err, &id):
		r := id.Remedy
		if r.Kind == "" {
			r.Kind = remedy.TakeIdentity
		}
		f = Finding{File: id.File, Reason: id.Reason, Plan: r.String(), Remedy: r}
	}
	r.Findings = append(r.Findings, f)
}

// verifySnapshots checks every snapshot's bytes and, where the journal is in
// order, its place in the chain. It returns the good ones, newest first.
func (r auditor) verifySnapshots(rep *Report, link bool) ([]snapshotter.Snapshot, error) {
	list, err := r.Snapshots()
	if err != nil {
		return nil, err
	}
	rep.Snapshots = len(list)
	var log *journal.Reader
	if link {
		if log, err = r.OpenLog(); err != nil {
			return nil, fmt.Errorf("%w", err)
		}
	}
	var good []snapshotter.Snapshot
	for _, s := range list {
		full, err := r.Snaps.Verify(s.Name)
		if err == nil && !archive.Owns(r.ID, full.Ledger, full.Seq) {
			r.verifyForeign(rep, log, full)
			continue
		}
		if err == nil && link {
			err = archive.Linked(log, archive.AnchorOf(full))
		}
		switch {
		case errors.Is(err, fs.ErrNotExist): // pruned meanwhile
		case err == nil && rep.Unread: // its stored bytes are in order
		case errors.Is(err, journal.ErrTrimmed): // older than the journal; still a backup
		case err != nil:
			rep.find(err)
		default:
			good = append(good, full)
		}
	}
	return good, nil
}

// verifyForeign reports a snapshot that is not this ledger's. Without a log nothing is
// asked of the journal: it is not in order.
func (r auditor) verifyForeign(rep *Report, log *journal.Reader, s snapshotter.Snapshot) {
	if log != nil {
		if err := r.ForeignSnapshot(log, s); err != nil {
			rep.find(err)
			return
		}
	}
	rep.Notices = append(rep.Notices, Finding{File: s.Name, Reason: "a snapshot of another ledger: it is never used or removed"})
}

// verifyState derives the newest state and its digest; with Deep, by
// recomputing every kept change and passing through every snapshot.
func (r auditor) verifyState(ctx context.Context, rep *Report, o Options, good []snapshotter.Snapshot) error {
	log, err := r.OpenLog()
	if err != nil {
		return fmt.Errorf("%w", err)
	}
	if rep.Unread {
		log = log.Stored()
	}
	if err = r.countChanges(ctx, log, rep); errors.Is(err, keyring.ErrNoKey) {
		return err
	} else if err != nil {
		rep.find(err)
		return ctx.Err()
	}
	if rep.Unread {
		return nil
	}
	if o.Deep {
		return r.recompute(ctx, log, rep, o, good)
	}
	book, base, err := r.Base(log, archive.Moment{Seq: rep.Last})
	if err == nil {
		err = book.Replay(r.Records(ctx, log, base), projector.Until{Seq: rep.Last})
	}
	if errors.Is(err, keyring.ErrNoKey) && r.Keys != nil {
		return err
	}
	if err != nil {
		rep.find(err)
		return ctx.Err()
	}
	rep.digest(book)
	return nil
}

func (r *Report) digest(b *projector.Book) {
	d := b.View().Digest()
	r.Digest = fmt.Sprintf("%x", d)
}

// oldest returns the state from which every kept record can be recomputed.
func (r auditor) oldest(log *journal.Reader, good []snapshotter.Snapshot) (*projector.Book, archive.Anchor, error) {
	if log.First() <= 1 {
		return projector.New(r.Opts), archive.Anchor{}, nil
	}
	if len(good) == 0 {
		return nil, archive.Anchor{}, fmt.Errorf("%w: the oldest kept record is %d and no snapshot before it is usable", journal.ErrTrimmed, log.First())
	}
	s := good[len(good)-1]
	book, err := r.Load(log, s)
	return book, archive.Anchor{Seq: s.Seq, Chain: s.Chain}, err
}

// countChanges counts the records that are not the epochs' own.
func (r auditor) countChanges(ctx context.Context, log *journal.Reader, rep *Report) error {
	if rep.Records == 0 {
		return nil
	}
	for rec, err := range log.Records(rep.First) {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("%w", err)
		}
		if rec.Seq > rep.Last {
			break
		}
		if rec.Flags&journal.Control == 0 {
			rep.Changes++
		}
	}
	return nil
}

// repeated returns the findings that the reading before had as well: they do not come
// of what was taken away under one of them.
func (r *Report) repeated(before *Report) (same []Finding) {
	if before == nil {
		return nil
	}
	for _, f := range r.Findings {
		if slices.Contains(before.Findings, f) {
			same = append(same, f)
		}
	}
	return same
}
