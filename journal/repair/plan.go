package repair

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/moneyprinter/holdfast/journal/internal/segment"
	"github.com/moneyprinter/holdfast/keyring"
)

// ErrRefused is returned by [Diagnose] and [Do] for what they will not do:
// take records from a copy of another history, or give up more or less than was
// asked for. See [CopyError].
var ErrRefused = errors.New("repair refused")

// CopyError says why nothing is taken from a copy. It matches [ErrRefused].
type CopyError struct {
	Seq    uint64 // the first record that differs, or cannot be told to be ours
	Reason string
}

func (e *CopyError) Error() string {
	return fmt.Sprintf("%v: at seq %d: %s", ErrRefused, e.Seq, e.Reason)
}

// Is reports whether target is [ErrRefused].
func (e *CopyError) Is(target error) bool { return target == ErrRefused }

// Options configure [Diagnose] and [Do].
type Options struct {
	// From is the directory of a copy of the same ledger, or "".
	From string
	// FromLast is the last seq up to which the copy is one of this ledger; 0:
	// all of it is.
	FromLast uint64
	// AcceptLossFrom is the first seq that is given up; 0: nothing is.
	AcceptLossFrom uint64
	// Known are records that are known from outside, of verified snapshots for
	// example. Durable is a seq of which no more is known.
	Known   []segment.Head
	Durable uint64
	// Keys decrypt what [Plan.Records] yields; repairs themselves move
	// records as they are stored.
	Keys *keyring.Ring

	Now    func() time.Time // nil: reports carry no time
	Logger *slog.Logger     // nil: nothing is logged
	Holder segment.Holder   // see Options.Holder
	// Step, if set, is called after each step that changes something;
	// an error ends the repair there, as a crash would. It serves the drills.
	Step func(name string) error
}

func (o Options) withDefaults() Options {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Holder.PID == 0 {
		o.Holder.PID = os.Getpid()
	}
	if o.Step == nil {
		o.Step = func(string) error { return nil }
	}
	for i := range o.Known {
		o.Durable = max(o.Durable, o.Known[i].Seq)
	}
	return o
}

// Finding is a place that is not as it should be.
type Finding struct {
	File   string `json:"file"`
	Offset int64  `json:"offset"`
	Seq    uint64 `json:"seq"` // of the record that should be there; 0 when none is meant
	Reason string `json:"reason"`
}

// Heal is a stretch of records that is put in its place.
type Heal struct {
	From uint64 `json:"from"`
	To   uint64 `json:"to"`
	// File is where they are taken from: of the copy, or, where Copied is not
	// set, a file of the ledger that is under a wrong name.
	File   string `json:"file"`
	Copied bool   `json:"copied"`
}

// TornTail is what the next Open cuts in any case: it was never acknowledged.
type TornTail struct {
	Finding
	Bytes int64 `json:"bytes"`
}

// Loss is what giving up records from a seq on takes away.
type Loss struct {
	From     uint64 `json:"from"`     // the first seq that is given up
	To       uint64 `json:"to"`       // the last that is known to have been there; below From when none is
	Readable uint64 `json:"readable"` // records from From on that can still be read; they go to quarantine
	// Least is the highest From that is possible: what is before it is in order.
	Least uint64 `json:"least"`
	// Before is the record that the ledger will end with, and its chain value.
	Before segment.Head `json:"-"`
	Seq    uint64       `json:"before_seq"`
	Chain  string       `json:"before_chain"`
	Epoch  uint64       `json:"epoch"` // of the new MARK; no two losses of a ledger have the same
	// Accepted says that AcceptLossFrom asks for it.
	Accepted bool `json:"accepted"`
}

// Plan says what is damaged, what a repair would do, and what would stay.
type Plan struct {
	Dir   string `json:"dir"`
	From  string `json:"from,omitempty"`
	First uint64 `json:"first"` // the first record kept
	Last  uint64 `json:"last"`  // the last one of the unbroken beginning, as the files are
	// Durable is the highest seq that is known to have been durable, and By is
	// how that is known.
	Durable   uint64    `json:"durable"`
	DurableBy string    `json:"durable_by"`
	Damages   []Finding `json:"damages"`

	Heals  []Heal   `json:"heals"`
	Writes []string `json:"writes"` // files that are written anew
	Moves  []string `json:"moves"`  // files that belong nowhere and go to quarantine
	Mark   bool     `json:"mark"`   // MARK is written anew
	Ends   uint64   `json:"ends"`   // the last record in order after that
	// Shared is the highest seq at which the copy was seen to hold the same
	// record as this ledger; 0: none was needed, or there is none.
	Shared uint64    `json:"shared"`
	Torn   *TornTail `json:"torn,omitempty"`
	Loss   *Loss     `json:"loss,omitempty"`

	Stays []Finding `json:"stays"` // damage that is there afterwards
	// Refused says why nothing is taken from the copy, or given up.
	Refused string `json:"refused,omitempty"`
	// Interrupted says that an accepted loss was interrupted and is to be
	// finished.
	Interrupted bool `json:"interrupted"`
	// Kept are the files in quarantine that hold what was replaced, and Report
	// the one that says what was done. Do sets them.
	Kept   []string `json:"kept"`
	Report string   `json:"report,omitempty"`

	d *diagnosis
}

// Sound reports whether nothing is damaged.
func (p *Plan) Sound() bool { return len(p.Damages) == 0 }

// Whole reports whether nothing is damaged once the plan is done.
func (p *Plan) Whole() bool {
	return p.Sound() || len(p.Stays) == 0 || p.Loss != nil && p.Loss.Accepted && p.Refused == ""
}

// Diagnose finds out what is damaged in the ledger in dir, and what [Do]
// with the same options would do about it. It writes nothing and takes no lock;
// beside a writer it may see what is being written. An error that matches
// [ErrRefused] comes with the plan.
func Diagnose(dir string, o Options) (*Plan, error) {
	o = o.withDefaults()
	for try := 1; ; try++ {
		before, _, _, err := segment.PeekMark(dir)
		if err != nil {
			return nil, err
		}
		p, err := plan(dir, o)
		if err == nil && p.Sound() {
			return p, nil
		}
		// A writer that opens, trims or closes meanwhile changes MARK first.
		after, _, _, markErr := segment.PeekMark(dir)
		if markErr == nil && before != after && try < segment.CheckTries {
			continue
		}
		if err != nil && !errors.Is(err, ErrRefused) {
			return nil, err
		}
		if err != nil {
			p.Refused = err.Error()
		}
		return p, err
	}
}

// plan does the work of Diagnose. Where err matches ErrRefused, the plan is
// what there is to say without what was refused.
func plan(dir string, o Options) (*Plan, error) {
	d := &diagnosis{dir: dir, o: o}
	p := &Plan{
		Dir: dir, From: o.From, Damages: []Finding{}, Heals: []Heal{}, Writes: []string{}, Moves: []string{},
		Stays: []Finding{}, Kept: []string{}, d: d,
	}
	if err := d.look(p); err != nil {
		return nil, err
	}
	if p.Sound() {
		d.after = d.now
		p.Ends = p.Last
		return p, nil
	}
	copyErr := d.readCopy()
	if copyErr == nil {
		copyErr = d.stitch()
	}
	if errors.Is(copyErr, ErrRefused) {
		d.copied, d.copyMark = nil, nil
		if err := d.stitch(); err != nil {
			return nil, err
		}
	} else if copyErr != nil {
		return nil, copyErr
	}
	if err := d.choose(); err != nil {
		return nil, err
	}
	d.describe(p)
	if err := d.weigh(p); err != nil {
		return p, err
	}
	return p, copyErr
}
