package audit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/sys/unix"

	"github.com/moneyprinter/holdfast/archive"
	"github.com/moneyprinter/holdfast/checkpoint"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/remedy"
	"github.com/moneyprinter/holdfast/snapshotter"
)

// ErrEvidence is returned by [Compare] for a file that is not
// evidence: it cannot be read, is no checkpoint, snapshot or ledger, or its
// signature is not good.
var ErrEvidence = errors.New("not usable as evidence")

// maxNotes bounds the size of a file of checkpoints.
const maxNotes = 64 << 20

// The kinds of evidence.
const (
	KindCheckpoint = "checkpoint"
	KindSnapshot   = "snapshot"
	KindLedger     = "ledger"
)

// CompareOptions qualify [Compare].
type CompareOptions struct {
	// Verifiers are the public keys, one of which must have signed each
	// checkpoint. nil checks no signature.
	Verifiers note.Verifiers
}

// Evidence is one piece of evidence and what it says about the ledger.
type Evidence struct {
	Source    string `json:"source"`         // file, with #n the n-th checkpoint in it
	Kind      string `json:"kind"`           // checkpoint, snapshot or ledger
	Ledger    string `json:"ledger"`         // whose it is
	Seq       uint64 `json:"seq"`            // the newest record it knows
	Time      string `json:"time,omitempty"` // of that record
	Signature string `json:"signature"`      // good, not checked, or none
	Key       string `json:"key,omitempty"`  // who has signed
	// Verdict is fits, differs, or unchecked: nothing of it can be compared, the
	// reason says why.
	Verdict string `json:"verdict"`
	Reason  string `json:"reason,omitempty"`

	lineage uuid.UUID
	points  []checkpoint.Point // ascending; empty for a copy of the ledger
	state   [32]byte
}

// The values of Evidence.Signature and of Evidence.Verdict.
const (
	SignatureGood       = "good"
	SignatureNotChecked = "not checked"
	SignatureNone       = "none"

	VerdictFits      = "fits"
	VerdictDiffers   = "differs"
	VerdictUnchecked = "unchecked"
)

// readEvidence reads what verification is to be compared with: a file of
// checkpoints, a directory of such files, or a snapshot. The directory of a ledger
// gives evidence without points.
func readEvidence(path string, o CompareOptions) ([]*Evidence, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, unusable(err)
	}
	switch {
	case !info.IsDir() && strings.HasSuffix(path, ".snap"):
		if o.Verifiers != nil {
			return nil, fmt.Errorf("%w: %s is a snapshot, which nobody signs", ErrEvidence, path)
		}
		return readSnapshot(path)
	case !info.IsDir():
		return readNotes(path, o.Verifiers)
	}
	if _, err = os.Lstat(filepath.Join(path, archive.IdentityFile)); err == nil {
		if o.Verifiers != nil {
			return nil, fmt.Errorf("%w: %s is a ledger, which nobody signs: name its %s, or its copy without keys", ErrEvidence, path, archive.NotesDir)
		}
		return readCopy(path)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, unusable(err)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, unusable(err)
	}
	var all []*Evidence
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), checkpoint.Extension) {
			continue
		}
		some, err := readNotes(filepath.Join(path, e.Name()), o.Verifiers)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%w: %s holds neither a ledger nor checkpoints (*%s)", ErrEvidence, path, checkpoint.Extension)
	}
	return all, nil
}

// unusable is an error of the evidence. That it is damaged must not be taken for
// damage of the ledger.
func unusable(err error) error { return fmt.Errorf("%w: %v", ErrEvidence, err) } //nolint:errorlint // on purpose

// readNotes reads one file of checkpoints.
func readNotes(path string, known note.Verifiers) ([]*Evidence, error) {
	b, err := readBounded(path, maxNotes)
	if err != nil {
		return nil, unusable(err)
	}
	parts := checkpoint.Split(b)
	if len(parts) == 0 {
		return nil, fmt.Errorf("%w: %s is empty", ErrEvidence, path)
	}
	out := make([]*Evidence, len(parts))
	for i, raw := range parts {
		source := path
		if len(parts) > 1 {
			source = fmt.Sprintf("%s#%d", path, i+1)
		}
		n, err := checkpoint.Open(raw, known)
		if err != nil {
			return nil, fmt.Errorf("%w: %s: %w", ErrEvidence, source, err)
		}
		out[i] = noteEvidence(source, n)
	}
	return out, nil
}

func noteEvidence(source string, n *checkpoint.Note) *Evidence {
	w := &Evidence{
		Source: source, Kind: KindCheckpoint, Ledger: n.Ledger.String(), Seq: n.Seq, Time: position.Time(n.Time).String(),
		Signature: SignatureNotChecked, Key: strings.Join(n.Keys, ", "),
		lineage: n.Ledger, points: n.Points(), state: n.State,
	}
	if n.Verified {
		w.Signature = SignatureGood
	}
	return w
}

// readSnapshot reads the header of a snapshot file.
func readSnapshot(path string) ([]*Evidence, error) {
	dir, name := filepath.Split(filepath.Clean(path))
	list, err := snapshotter.New(filepath.Clean(dir+"."), snapshotter.Options{}).List()
	if err != nil {
		return nil, unusable(err)
	}
	i := slices.IndexFunc(list, func(s snapshotter.Snapshot) bool { return s.Name == name })
	if i < 0 {
		return nil, fmt.Errorf("%w: %s does not have the name of a snapshot: give it back the one it was made under", ErrEvidence, path)
	}
	s := list[i]
	if s.Err != nil {
		return nil, unusable(s.Err)
	}
	if _, err = archive.HeaderIdentity(s); err != nil {
		return nil, unusable(err)
	}
	return []*Evidence{{
		Source: path, Kind: KindSnapshot, Ledger: uuid.UUID(s.Ledger).String(), Seq: s.Seq,
		Time: position.Time(s.RecordTime).String(), Signature: SignatureNone,
		lineage: s.Ledger, points: []checkpoint.Point{{Seq: s.Seq, Chain: s.Chain}}, state: s.Digest,
	}}, nil
}

// readCopy looks at the directory of another ledger.
func readCopy(path string) ([]*Evidence, error) {
	r, err := archive.OpenReader(path)
	if err != nil {
		return nil, unusable(err)
	}
	id := r.Identity()
	return []*Evidence{{
		Source: path, Kind: KindLedger, Ledger: id.ID.String(), Signature: SignatureNone, lineage: id.ID,
	}}, nil
}

// readBounded reads a regular file of at most limit bytes. O_NONBLOCK keeps a pipe
// from holding up the open.
func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0) //nolint:gosec // the caller names the file
	if err != nil {
		return nil, fmt.Errorf("%w", err)
	}
	defer f.Close() //nolint:errcheck // opened for reading
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("%w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	b, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err != nil {
		return nil, fmt.Errorf("%w", err)
	}
	if int64(len(b)) > limit {
		return nil, fmt.Errorf("%s is larger than %d bytes", path, limit)
	}
	return b, nil
}

// shares is up to which seq a ledger shares the history of this one: all of it if
// it is this ledger or a copy of it, up to where they parted if one of them was
// restored from the other. ok is false for a ledger that has nothing to do with
// this one.
func (r auditor) shares(with uuid.UUID) (upTo uint64, ok bool) {
	if with == r.ID.ID {
		return ^uint64(0), true
	}
	return archive.Ancestor(r.ID, with)
}

// verifyNotes compares the ledger with the checkpoints that lie in its own
// directory. They prove nothing to someone who can rewrite the history, because they
// can be removed as well; they expose a rewriting that left them there.
func (r auditor) verifyNotes(ctx context.Context, rep *Report) error {
	seqs, err := notesIn(r.Source)
	if err != nil {
		return err
	}
	var ws []*Evidence
	for _, seq := range seqs {
		name := filepath.Join(archive.NotesDir, noteName(seq))
		var n *checkpoint.Note
		n, err = readNote(r.Source, seq)
		if errors.Is(err, fs.ErrNotExist) {
			continue // thinned out meanwhile
		}
		if err != nil {
			rep.Findings = append(rep.Findings, Finding{
				File: name, Reason: err.Error(), Plan: "move the file away: the state does not depend on it; an undamaged copy may have been kept elsewhere",
			})
			continue
		}
		if _, ok := r.shares(n.Ledger); !ok {
			rep.Notices = append(rep.Notices, Finding{File: name, Reason: "a checkpoint of another ledger: it is never used"})
			continue
		}
		ws = append(ws, noteEvidence(name, n))
	}
	rep.Checkpoints = len(seqs)
	if len(ws) == 0 {
		return nil
	}
	a := &Against{Witnesses: ws}
	if err = r.compare(ctx, a); err != nil {
		return err
	}
	for i := range a.Findings {
		a.Findings[i].Remedy = remedy.Remedy{Kind: remedy.Compare}
		a.Findings[i].Plan = a.Findings[i].Remedy.String()
	}
	rep.Findings = append(rep.Findings, a.Findings...)
	return nil
}
