package audit

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/moneyprinter/holdfast/archive"
	"github.com/moneyprinter/holdfast/checkpoint"
	"github.com/moneyprinter/holdfast/journal"
)

// Against is what a comparison of the ledger with evidence from elsewhere found.
type Against struct {
	Source string `json:"source"`
	// Proven is the newest record that is known to be the one that the evidence says,
	// and so is every record before it. 0: none is.
	Proven uint64 `json:"proven"`
	// The first record that differs, or is missing, is one of these; 0: none.
	DiffersFrom uint64      `json:"differs_from,omitempty"`
	DiffersTo   uint64      `json:"differs_to,omitempty"`
	Witnesses   []*Evidence `json:"witnesses"`
	Findings    []Finding   `json:"findings"`
	Notices     []Finding   `json:"notices"`
}

// OK reports whether something could be compared and nothing differs.
func (a *Against) OK() bool { return len(a.Findings) == 0 && a.Fits() > 0 }

// Fits counts the pieces of evidence that could be compared and fit.
func (a *Against) Fits() (n int) {
	for _, w := range a.Witnesses {
		if w.Verdict == VerdictFits {
			n++
		}
	}
	return n
}

// Compare compares the ledger with evidence that was kept elsewhere: a file
// of one or more checkpoints, a directory of such files, a snapshot file, or the
// directory of a copy of the ledger. It finds what [Verify] alone cannot: a
// history that was rewritten with fresh checksums and chain, or put back to an
// earlier end.
//
// Findings are in the result, with the first record that differs or the bounds that
// the evidence gives for it. Evidence that is older than what the ledger keeps is
// reported as not checked. A path that is no evidence gives [ErrEvidence].
func Compare(ctx context.Context, from *archive.Reader, path string, o CompareOptions) (*Against, error) {
	r, err := audited(ctx, from)
	if err != nil {
		return nil, err
	}
	ws, err := readEvidence(path, o)
	if err != nil {
		return nil, err
	}
	a := &Against{Source: path, Witnesses: ws, Findings: []Finding{}, Notices: []Finding{}}
	if ws[0].Kind == KindLedger {
		return a, r.compareCopy(ctx, a, ws[0])
	}
	if err = r.compare(ctx, a); err != nil {
		return nil, err
	}
	return a, r.compareStates(ctx, a)
}

func (a *Against) find(w *Evidence, seq uint64, reason string) {
	w.Verdict, w.Reason = VerdictDiffers, reason
	a.Findings = append(a.Findings, Finding{
		File: w.Source, Seq: seq, Reason: reason,
		Plan: "keep the directory as it is; compare it with every copy, backup and checkpoint that was kept elsewhere",
	})
}

func (a *Against) notice(w *Evidence, reason string) {
	w.Reason = reason
	a.Notices = append(a.Notices, Finding{File: w.Source, Reason: reason})
}

// comparison is the state of comparing points with a ledger.
type comparison struct {
	*Against

	r     auditor
	s     *archive.ChainRun
	snaps map[uint64]archive.Anchor // snapshots of the ledger that stand before its first record
	equal map[uint64]bool           // seqs at which ledger and evidence agree
	wrong uint64                    // lowest seq at which they do not
	// vouched are the points of evidence that fits.
	vouched map[uint64][32]byte
}

// compare compares points with the chain of the journal.
func (r auditor) compare(ctx context.Context, a *Against) error {
	var want []uint64
	related := 0
	for _, w := range a.Witnesses {
		limit, ok := r.shares(w.lineage)
		if !ok {
			w.Verdict, w.Reason = VerdictUnchecked, "it is of another ledger"
			continue
		}
		related++
		for _, p := range w.points {
			if p.Seq <= limit {
				want = append(want, p.Seq)
			}
		}
	}
	if related == 0 {
		w := a.Witnesses[0]
		a.find(w, 0, fmt.Sprintf("it is of the ledger %s, this is %s", w.Ledger, r.ID.ID))
		return nil
	}
	s, err := r.ReadChain(ctx, 0, want)
	if err != nil {
		return err
	}
	c := &comparison{Against: a, r: r, s: s, equal: map[uint64]bool{}, wrong: math.MaxUint64, vouched: map[uint64][32]byte{}}
	if c.snaps, err = r.trimmedSnapshots(s.Base); err != nil {
		return err
	}
	for _, w := range a.Witnesses {
		if w.Verdict == "" {
			c.points(w)
		}
	}
	c.bound()
	for _, w := range a.Witnesses {
		if w.Verdict == "" {
			c.judge(w)
		}
	}
	c.rest()
	return nil
}

// trimmedSnapshots are the places of this ledger's snapshots that stand on trimmed
// records.
func (r auditor) trimmedSnapshots(base uint64) (map[uint64]archive.Anchor, error) {
	list, err := r.Snapshots()
	if err != nil {
		return nil, err
	}
	out := make(map[uint64]archive.Anchor)
	for _, s := range list {
		if r.Own(s) && s.Seq < base {
			out[s.Seq] = archive.Anchor{Seq: s.Seq, Chain: s.Chain}
		}
	}
	return out, nil
}

// The ways in which a point can compare.
type match int

const (
	matchEqual match = iota
	matchSnapshot
	matchAltered // the snapshot of a trimmed record says otherwise
	matchWrong
	matchMissing
	matchTrimmed
	matchUnreadable
	matchBeyond // after the ledgers parted
)

// match compares one point.
func (c *comparison) match(w *Evidence, p checkpoint.Point) match {
	limit, _ := c.r.shares(w.lineage)
	chain, read := c.s.At[p.Seq]
	snap, kept := c.snaps[p.Seq]
	switch {
	case p.Seq > limit:
		return matchBeyond
	case read && chain == p.Chain:
		return matchEqual
	case read:
		return matchWrong
	case kept && snap.Chain == p.Chain:
		return matchSnapshot
	case kept:
		return matchAltered
	case p.Seq <= c.s.Base:
		return matchTrimmed
	case c.s.Broken != nil:
		return matchUnreadable
	}
	return matchMissing
}

// points looks at every point of an evidence for the place where the histories part.
func (c *comparison) points(w *Evidence) {
	for _, p := range w.points {
		switch c.match(w, p) {
		case matchEqual:
			c.equal[p.Seq] = true
		case matchWrong:
			c.wrong = min(c.wrong, p.Seq)
		case matchMissing:
			c.wrong = min(c.wrong, c.s.End.Seq+1)
		case matchSnapshot, matchAltered, matchTrimmed, matchUnreadable, matchBeyond:
		}
	}
}

// bound draws the bounds of the first record that differs. The chain commits to
// everything before it, so where it agrees nothing before differs.
func (c *comparison) bound() {
	for seq := range c.equal {
		c.Proven = max(c.Proven, seq)
	}
	if c.wrong == math.MaxUint64 {
		return
	}
	if c.Proven < c.wrong { // else the evidence contradicts itself
		c.DiffersFrom, c.DiffersTo = c.Proven+1, c.wrong
	}
}

// judge gives an evidence its verdict.
func (c *comparison) judge(w *Evidence) {
	wrong, altered := uint64(math.MaxUint64), uint64(0)
	some := false
	for _, p := range w.points {
		switch c.match(w, p) {
		case matchWrong, matchMissing:
			wrong = min(wrong, p.Seq)
		case matchEqual:
			some = true
		case matchAltered:
			altered = p.Seq
		case matchSnapshot, matchTrimmed, matchUnreadable, matchBeyond:
		}
	}
	head := w.points[len(w.points)-1]
	how := c.match(w, head)
	switch {
	case altered > 0:
		c.find(w, altered, fmt.Sprintf("the record of seq %d was trimmed, and the ledger's snapshot of it has another chain than the %s: it was altered", altered, w.Kind))
		return
	case wrong <= c.Proven:
		c.find(w, wrong, fmt.Sprintf("it contradicts itself or other evidence at seq %d: the chain of seq %d is the ledger's", wrong, c.Proven))
		return
	case wrong != math.MaxUint64:
		c.find(w, c.exact(), c.difference(w, how))
		return
	case how == matchEqual:
		w.Verdict = VerdictFits
	case how == matchBeyond && some:
		w.Verdict = VerdictFits
		limit, _ := c.r.shares(w.lineage)
		c.notice(w, fmt.Sprintf("this ledger left the one that it vouches for at seq %d; it was compared up to there", limit))
	case how == matchSnapshot:
		w.Verdict = VerdictFits
		c.notice(w, "its record was trimmed; the ledger's snapshot of that seq has the same chain")
	default:
		w.Verdict = VerdictUnchecked
	}
	if w.Verdict == VerdictFits {
		for _, p := range w.points {
			if how == matchEqual {
				c.vouched[p.Seq] = p.Chain
			}
		}
	}
}

// exact is the seq of the first record that differs, 0 where only bounds are known.
func (c *comparison) exact() uint64 {
	if c.DiffersFrom == c.DiffersTo {
		return c.DiffersFrom
	}
	return 0
}

// difference says what differs and where that begins.
func (c *comparison) difference(w *Evidence, how match) string {
	place := fmt.Sprintf("the first record that differs is seq %d", c.DiffersFrom)
	if c.DiffersFrom != c.DiffersTo {
		place = fmt.Sprintf("the first record that differs lies between seq %d and %d", c.DiffersFrom, c.DiffersTo)
	}
	if c.Proven > 0 {
		place += fmt.Sprintf("; everything up to seq %d is proven equal", c.Proven)
	}
	if how == matchMissing && c.wrong == c.s.End.Seq+1 {
		return fmt.Sprintf("the ledger ends at seq %d, the %s knows seq %d: records were removed from the end or an older copy was put back; %s", c.s.End.Seq, w.Kind, w.Seq, place)
	}
	return fmt.Sprintf("the ledger does not have the history that the %s of seq %d has seen: it was rewritten; %s", w.Kind, w.Seq, place)
}

// rest judges the evidence that the journal could not: newer evidence speaks for it or
// against it, or a notice says why it was not checked.
func (c *comparison) rest() {
	for _, w := range c.Witnesses {
		if w.Verdict != VerdictUnchecked || len(w.points) == 0 {
			continue
		}
		head := w.points[len(w.points)-1]
		chain, known := c.vouched[head.Seq]
		switch how := c.match(w, head); {
		case w.Reason != "":
			c.Notices = append(c.Notices, Finding{File: w.Source, Reason: w.Reason})
		case how == matchTrimmed && known && chain == head.Chain:
			w.Verdict = VerdictFits
			c.notice(w, "its record was trimmed; newer evidence, which fits, names the same chain for it")
		case how == matchTrimmed && known:
			c.find(w, head.Seq, fmt.Sprintf("newer evidence, which fits, names another chain for seq %d", head.Seq))
		case how == matchTrimmed:
			c.notice(w, fmt.Sprintf("cannot be checked, trimmed: it stands at seq %d, the oldest kept record is %d", head.Seq, c.s.Base+1))
		case how == matchBeyond:
			limit, _ := c.r.shares(w.lineage)
			c.notice(w, fmt.Sprintf("cannot be checked: this ledger left the one that it vouches for at seq %d", limit))
		default:
			c.notice(w, fmt.Sprintf("cannot be checked: the journal cannot be read behind seq %d", c.s.End.Seq))
		}
	}
}

// compareStates derives the state at the oldest and at the newest evidence that fits
// and compares digests. The chain says nothing of the snapshot that a trimmed
// ledger begins with; the digest does.
func (r auditor) compareStates(ctx context.Context, a *Against) error {
	var oldest, newest *Evidence
	for _, w := range a.Witnesses {
		if w.Verdict != VerdictFits || w.state == [32]byte{} || w.Reason != "" {
			continue
		}
		if oldest == nil || w.Seq < oldest.Seq {
			oldest = w
		}
		if newest == nil || w.Seq > newest.Seq {
			newest = w
		}
	}
	if newest == nil {
		return nil
	}
	if err := r.compareState(ctx, a, newest); err != nil || oldest == newest {
		return err
	}
	return r.compareState(ctx, a, oldest)
}

func (r auditor) compareState(ctx context.Context, a *Against, w *Evidence) error {
	v, err := r.AsOf(ctx, archive.Moment{Seq: w.Seq})
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%w", ctx.Err())
	case errors.Is(err, journal.ErrDamaged):
		a.find(w, w.Seq, fmt.Sprintf("the state at seq %d cannot be derived: %v", w.Seq, err))
	case err != nil:
		a.Notices = append(a.Notices, Finding{File: w.Source, Reason: fmt.Sprintf("the state at seq %d was not compared: %v", w.Seq, err)})
	case v.Seq() != w.Seq || v.Digest() != w.state:
		a.find(w, w.Seq, fmt.Sprintf("the records are those that the %s has seen, but the state at seq %d is not: a snapshot was altered", w.Kind, w.Seq))
	}
	return nil
}
