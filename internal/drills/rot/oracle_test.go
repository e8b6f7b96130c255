package rot_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/audit"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/snapshotter"
)

// rotVerdict is what came of a damage.
type rotVerdict int

const (
	rotRefused  rotVerdict = iota // by name and place, and nothing was changed
	rotCut                        // looks like a torn write above MARK; kept in quarantine and reported
	rotShort                      // ends on a whole record above MARK: there is nothing to keep or tell
	rotHealed                     // a snapshot is damaged; another one or the journal gave the state
	rotHarmless                   // the same state, and nothing that counts is damaged
	rotAccepted                   // another state: must not be
	rotLost                       // less than was durable, without a word: must not be
	rotFaulty                     // something else that must not be
	rotVerdicts
)

func (v rotVerdict) String() string {
	return [...]string{"refused", "cut by rule", "ends early", "healed", "harmless", "ACCEPTED", "LOST", "FAULTY"}[v]
}

// named reports whether an error is one that the documentation of Open names,
// and whether it names a file.
func named(err error) (ok, placed bool) {
	var j *journal.DamageError
	var s *snapshotter.DamageError
	var id *holdfast.IdentityError
	switch {
	case errors.As(err, &j):
		placed = j.File != "" && j.Reason != ""
	case errors.As(err, &id):
		placed = id.File != "" && id.Reason != ""
	case errors.As(err, &s):
		placed = s.File != "" && s.Reason != ""
	}
	return errors.Is(err, holdfast.ErrDamaged) || errors.Is(err, holdfast.ErrNotLedger), placed || errors.Is(err, holdfast.ErrNotLedger)
}

// seen is what reading without opening made of a damage.
type seen struct {
	seq      uint64
	err      error // nil: seq is the newest that is shown
	records  error // of reading every record
	findings int   // of Verify; -1: it could not be made
}

// records reads every record that is kept. If that ends without an error, what
// was yielded is what was written.
func (s *rotSource) records(dir string) (last uint64, err, fault error) {
	log, err := storedReader(dir)
	if err != nil {
		return 0, err, nil
	}
	other := uint64(0)
	for rec, err := range log.Records(0) {
		if err != nil {
			return last, err, nil // whatever came before is disowned by that
		}
		if want, known := s.chains[rec.Seq]; !known || want != rec.Chain {
			other = rec.Seq
		}
		last = rec.Seq
	}
	if other > 0 {
		return last, nil, fmt.Errorf("record %d is another one", other)
	}
	return last, nil, nil
}

// look reads the damaged ledger in every way that must not write.
func (s *rotSource) look(dir string) (out seen, fault error) {
	ctx := context.Background()
	r, err := s.variant.reader(dir)
	if err != nil {
		if ok, placed := named(err); !ok || !placed {
			return out, fmt.Errorf("reader: %w", err)
		}
		return seen{err: err, findings: -1}, nil
	}
	v, err := r.AsOf(ctx, holdfast.Moment{})
	if err == nil {
		out.seq = v.Seq()
		if want, known := s.digests[out.seq]; !known || want != v.Digest() {
			return out, fmt.Errorf("the reader shows another state at seq %d", out.seq)
		}
	} else if ok, placed := named(err); !ok || !placed {
		return out, fmt.Errorf("as of: %w", err)
	}
	out.err = err
	last, err, fault := s.records(dir)
	switch {
	case fault != nil:
		return out, fault
	case err != nil:
		if ok, placed := named(err); !ok || !placed {
			return out, fmt.Errorf("records: %w", err)
		}
	case out.err == nil && last != out.seq:
		return out, fmt.Errorf("records end at seq %d, the state at %d", last, out.seq)
	}
	out.records = err
	rep, err := audit.Verify(ctx, r, audit.Options{})
	if err != nil {
		if ok, placed := named(err); !ok || !placed {
			return out, fmt.Errorf("verify: %w", err)
		}
		out.findings = -1
		return out, nil
	}
	out.findings = len(rep.Findings)
	for _, f := range rep.Findings {
		if f.File == "" || f.Reason == "" {
			return out, fmt.Errorf("verify names no place: %+v", f)
		}
	}
	return out, nil
}

// cutSeen is a logger's handler that keeps from where a recovery says it has cut.
type cutSeen struct{ from uint64 }

func (c *cutSeen) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == "cut_from" {
			c.from = a.Value.Uint64()
		}
		return true
	})
	return nil
}

func (c *cutSeen) Enabled(context.Context, slog.Level) bool { return true }
func (c *cutSeen) WithAttrs([]slog.Attr) slog.Handler       { return c }
func (c *cutSeen) WithGroup(string) slog.Handler            { return c }

// unlocked passes over LOCK: its text is written by whoever tries the lock.
func unlocked(path string) bool { return path == "LOCK" }

func nothingIgnored(string) bool { return false }

// readOnly looks at a damaged ledger and makes sure that nothing was written.
func (s *rotSource) readOnly(dir string, broken image) (shown seen, now image, fault error) {
	if shown, fault = s.look(dir); fault != nil {
		return shown, broken, fault
	}
	now, fault = readImage(dir)
	if fault != nil {
		return shown, broken, fault
	}
	if d := broken.differs(now, nothingIgnored); d != "" {
		return shown, now, fmt.Errorf("reading wrote: %s", d)
	}
	return shown, broken, nil
}

// try puts a damage into dir, which holds the source's image, and judges what
// reading and opening make of it. It returns what dir holds then.
func (s *rotSource) try(dir string, f *rotFault) (v rotVerdict, now image, fault error) {
	broken := s.image.with(f.put)
	now = broken
	defer func() {
		if p := recover(); p != nil {
			v, fault = rotFaulty, fmt.Errorf("panic: %v", p)
		}
	}()
	if fault = s.image.turn(dir, broken); fault != nil {
		return rotFaulty, now, fault
	}
	var shown seen
	if f.look {
		if shown, now, fault = s.readOnly(dir, broken); fault != nil {
			return rotFaulty, now, fault
		}
	}
	var cut cutSeen
	o := s.variant.options(ledgertest.NewClock())
	o.Logger = slog.New(&cut)
	l, err := holdfast.Open(context.Background(), dir, o)
	if err != nil {
		return s.refusedWell(dir, f, shown, err)
	}
	v, fault = s.opened(l, dir, broken, cut.from)
	if seq := l.View().Seq(); fault == nil && f.look && (shown.err != nil || shown.records != nil || shown.seq != seq) {
		v, fault = rotFaulty, fmt.Errorf("opened at seq %d, but the reader showed %d, %w", seq, shown.seq, errors.Join(shown.err, shown.records))
	}
	if err = l.Close(); err != nil && fault == nil {
		v, fault = rotFaulty, err
	}
	if now, err = readImage(dir); err != nil && fault == nil {
		v, fault = rotFaulty, err
	}
	if fault == nil && f.look && f.rotsSnapshot(s.image) && shown.findings == 0 {
		v, fault = rotFaulty, errors.New("verify finds nothing")
	}
	if fault == nil && f.small && (v == rotCut || v == rotShort) && !s.lonely(f) {
		v, fault = rotFaulty, errors.New("one byte in the midst of a record is no torn write")
	}
	return v, now, fault
}

// lonely reports whether the one byte that a fault changes is all that a torn write
// may leave out of a record: its first or last byte, alone in its sector, now zero.
func (s *rotSource) lonely(f *rotFault) bool {
	for path, now := range f.put {
		was := s.image[path].data
		for at := range was {
			if now.data[at] == was[at] {
				continue
			}
			_, begins := s.ends[path][at]
			_, ends := s.ends[path][at+1]
			return now.data[at] == 0 && (begins && (at+1)%sector == 0 || ends && at%sector == 0)
		}
	}
	return false
}

// refusedWell judges a refusal: it must name a place and have changed nothing,
// and reading must not have taken the damage for good.
func (s *rotSource) refusedWell(dir string, f *rotFault, shown seen, err error) (rotVerdict, image, error) {
	broken := s.image.with(f.put)
	now, readErr := readImage(dir)
	if readErr != nil {
		return rotFaulty, now, readErr
	}
	if ok, placed := named(err); !ok || !placed {
		return rotFaulty, now, fmt.Errorf("open gives no named error or no place: %w", err)
	}
	if d := broken.differs(now, unlocked); d != "" {
		return rotFaulty, now, fmt.Errorf("refused by %w, but %s", err, d)
	}
	if f.onlyLock() || !f.look {
		return rotRefused, now, nil // reading does not need LOCK
	}
	if shown.findings == 0 {
		return rotFaulty, now, fmt.Errorf("verify finds nothing of: %w", err)
	}
	if shown.err == nil && shown.seq < s.known {
		return rotFaulty, now, fmt.Errorf("the reader shows seq %d, although: %w", shown.seq, err)
	}
	return rotRefused, now, nil
}

// onlyLock says that nothing but LOCK is damaged.
func (f *rotFault) onlyLock() bool {
	for path := range f.put {
		if !strings.HasPrefix(path, "LOCK") {
			return false
		}
	}
	return true
}

// rotsSnapshot says that bytes of a snapshot of ours changed, which nothing but
// its own checks can find when another one gives the state.
func (f *rotFault) rotsSnapshot(was image) bool {
	for path, n := range f.put {
		if o := was[path]; strings.HasPrefix(path, "backups/") && o != nil && n != nil && n.mode == 0 &&
			!bytes.Equal(n.data, o.data) && !strings.Contains(f.what, "another ledger") {
			return true
		}
	}
	return false
}

// opened judges a ledger that was opened over a damage.
func (s *rotSource) opened(l *holdfast.Ledger, dir string, broken image, cut uint64) (rotVerdict, error) {
	v := l.View()
	seq := v.Seq()
	want, known := s.digests[seq]
	log, err := storedReader(dir)
	if err != nil {
		return rotFaulty, err
	}
	head, err := log.Last()
	if err != nil {
		return rotFaulty, err
	}
	switch {
	case !known || want != v.Digest() || head.Seq != seq || head.Chain != s.chains[seq]:
		return rotAccepted, fmt.Errorf("opened with another state at seq %d", seq)
	case l.Identity().ID != s.id:
		return rotAccepted, errors.New("opened as another ledger")
	case seq < s.known || seq < s.last && s.closed:
		return rotLost, fmt.Errorf("opened at seq %d, seq %d was durable", seq, s.known)
	case seq < s.last:
		if cut == 0 {
			return rotShort, s.whole(broken, seq)
		}
		return rotCut, s.kept(dir, broken, seq, cut)
	case slices.ContainsFunc(s.image.below("backups"), func(p string) bool { return broken[p] == nil || broken[p] != s.image[p] }):
		return rotHealed, nil
	}
	return rotHarmless, nil
}

// whole checks that a journal of which nothing was cut ends where its last
// record ends, so that nothing was left of what followed.
func (s *rotSource) whole(broken image, seq uint64) error {
	segments := broken.below("journal")
	path := segments[len(segments)-1]
	b, was, end := broken[path].data, s.image[path], -1
	for at, last := range s.ends[path] {
		if last == seq {
			end = at
		}
	}
	if was == nil || end < 0 || end > len(b) || !bytes.Equal(was.data[:end], b[:end]) || len(bytes.Trim(b[end:], "\x00")) > 0 {
		return fmt.Errorf("ends with seq %d, and nothing was told of what followed in %s", seq, path)
	}
	return nil
}

// kept checks that what was cut is in quarantine and was told.
func (s *rotSource) kept(dir string, broken image, seq, cut uint64) error {
	if cut != seq+1 {
		return fmt.Errorf("cut from %d, but the log says %d", seq+1, cut)
	}
	now, err := readImage(dir)
	if err != nil {
		return err
	}
	for _, path := range broken.below("journal") {
		if a, b := broken[path], now[path]; b != nil && bytes.HasPrefix(b.data, a.data) && len(a.data) > 0 {
			continue
		}
		ok := len(broken[path].data) == 0
		for _, q := range now.below("quarantine") {
			ok = ok || strings.HasPrefix(filepath.Base(q), filepath.Base(path)) && bytes.Equal(now[q].data, broken[path].data)
		}
		if !ok {
			return fmt.Errorf("%s was cut and is not kept", path)
		}
	}
	return nil
}
