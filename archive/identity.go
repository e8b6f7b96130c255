package archive

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"regexp"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"github.com/moneyprinter/holdfast/internal/durable"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/keyring"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
	"github.com/moneyprinter/holdfast/remedy"
	"github.com/moneyprinter/holdfast/snapshotter"
)

// IdentityFile is the ledger's identity, written once.
const IdentityFile = "ledger.json"

// notesDir holds a ledger's own checkpoints.
const NotesDir = "checkpoints"

// Identity says which ledger a directory holds. It is written once, when the
// ledger is created, and changes only when a loss is accepted: what goes on from
// there is another lineage; see package repair. The record that begins an epoch and
// the header of a snapshot have all of it; see [EpochIdentity] and [SnapshotIdentity].
//
// Its JSON form has no secret: ledger.json has Prints and a sum besides.
type Identity struct {
	Format            int       `json:"format"`
	ID                uuid.UUID `json:"id"`
	Name              string    `json:"name"`
	CreatedAt         string    `json:"created_at"` // RFC 3339, UTC
	CostMethod        string    `json:"cost_method"`
	OverReduction     string    `json:"over_reduction"`
	DefaultCurrency   string    `json:"default_currency"`
	StrictInstruments bool      `json:"strict_instruments"`
	StrictIncrements  bool      `json:"strict_increments"`
	Window            int       `json:"window"`            // mutation ids remembered for duplicates
	Parents           []Parent  `json:"parents,omitempty"` // newest first; at most MaxParents
	// Encrypted says that the ledger was meant to be encrypted from its first record
	// on: it is opened for writing with keys only. One that went on encrypted later
	// does not have it; its records tell.
	Encrypted bool `json:"encrypted,omitempty"`
	// Prints is the key of the fingerprints by which mutations are known again. It is
	// made with the ledger and kept by those that are restored from it.
	Prints position.FingerprintKey `json:"-"`
}

// Parent is the ledger from which this one was restored, or which it was before a loss
// was accepted. Up to Seq the history is the parent's.
type Parent struct {
	Ledger uuid.UUID `json:"ledger"`
	Seq    uint64    `json:"seq"`   // last record taken over
	Chain  string    `json:"chain"` // its chain, hex
}

// Owns reports whether a state at a seq that bears a ledger's id is one of this
// ledger's own history: it made it, or an ancestor did before they parted.
func Owns(id Identity, ledger [16]byte, seq uint64) bool {
	if ledger == [16]byte(id.ID) {
		return true
	}
	upTo, ok := Ancestor(id, ledger)
	return ok && seq <= upTo
}

// Ancestor returns the last seq that this ledger has in common with an ancestor.
func Ancestor(id Identity, ledger [16]byte) (upTo uint64, ok bool) {
	upTo = math.MaxUint64
	for _, p := range id.Parents {
		upTo = min(upTo, p.Seq)
		if ledger == [16]byte(p.Ledger) {
			return upTo, true
		}
	}
	return 0, false
}

// Rules returns the arithmetic options of the ledger. No member is left to a
// default.
func (id Identity) Rules() position.Rules {
	r, _ := id.rules() // parseIdentity has refused what cannot be parsed
	return r
}

func (id Identity) rules() (r position.Rules, err error) {
	r = position.Rules{
		DefaultCurrency: id.DefaultCurrency, StrictInstruments: id.StrictInstruments, StrictIncrements: id.StrictIncrements,
	}
	if r.CostMethod, err = position.ParseCostMethod(id.CostMethod); err != nil {
		return r, fmt.Errorf("cost method %q", id.CostMethod)
	}
	if r.OverReduction, err = position.ParseOverReduction(id.OverReduction); err != nil {
		return r, fmt.Errorf("over-reduction policy %q", id.OverReduction)
	}
	return r, nil
}

// MaxParents is how many ancestors a ledger has at most: with more, the record of an
// epoch would have no room for its identity.
const MaxParents = 256

// Descended returns the identity of a ledger that goes on from a record of another one:
// it has the rules of its parent and the key of its fingerprints, because the parent's
// changes are recomputed under the rules that made them, and what was remembered of its
// mutations is known by that key.
func (id Identity) Descended(parent Identity, seq uint64, chain string) (Identity, error) {
	if len(parent.Parents) >= MaxParents {
		return id, fmt.Errorf("%w: ledger %s has %d ancestors, and none has more: export its positions and import them into a new ledger",
			position.ErrInvalid, parent.Name, len(parent.Parents))
	}
	id.CostMethod, id.OverReduction, id.DefaultCurrency = parent.CostMethod, parent.OverReduction, parent.DefaultCurrency
	id.StrictInstruments, id.StrictIncrements, id.Window = parent.StrictInstruments, parent.StrictIncrements, parent.Window
	id.Prints = parent.Prints
	id.Parents = append([]Parent{{Ledger: parent.ID, Seq: seq, Chain: chain}}, parent.Parents...)
	return id, nil
}

// checkName refuses what is no name of a ledger: it stands in subjects of the bus.
func checkName(name string) error {
	if !regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`).MatchString(name) {
		return fmt.Errorf("%w: name %q: 1 to 32 letters, digits, '-' or '_' are allowed", position.ErrInvalid, name)
	}
	return nil
}

// NewIdentity makes the identity of a ledger that does not exist yet.
func NewIdentity(o Options) (Identity, error) {
	name := o.Name
	if name == "" {
		name = "main"
	}
	if err := checkName(name); err != nil {
		return Identity{}, err
	}
	u, err := uuid.NewRandomFromReader(o.Rand)
	if err != nil {
		return Identity{}, fmt.Errorf("make ledger id: %w", err)
	}
	var prints position.FingerprintKey
	if _, err = io.ReadFull(o.Rand, prints[:]); err != nil {
		return Identity{}, fmt.Errorf("make fingerprint key: %w", err)
	}
	rules, err := settledRules(o.Rules)
	if err != nil {
		return Identity{}, err
	}
	window := o.Window
	if window <= 0 {
		window = projector.DefaultWindow
	}
	at, err := position.At(o.Now())
	if err != nil {
		return Identity{}, fmt.Errorf("clock: %w", err)
	}
	return Identity{
		Format: identityFormat, ID: u, Name: name, CreatedAt: at.String(),
		CostMethod: rules.CostMethod.String(), OverReduction: rules.OverReduction.String(), DefaultCurrency: rules.DefaultCurrency,
		StrictInstruments: rules.StrictInstruments, StrictIncrements: rules.StrictIncrements, Window: window, Prints: prints,
		Encrypted: o.Keys != nil,
	}, nil
}

// settledRules replaces the members that are left to a default by what they
// stand for, so that the identity of a ledger names each of them.
func settledRules(r position.Rules) (position.Rules, error) {
	t := r.DefaultTerms()
	r.CostMethod, r.OverReduction, r.DefaultCurrency = t.CostMethod, t.OverReduction, t.Settlement
	if _, err := position.ParseCostMethod(r.CostMethod.String()); err != nil {
		return r, fmt.Errorf("%w: cost method %d is unknown", position.ErrInvalid, r.CostMethod)
	}
	if _, err := position.ParseOverReduction(r.OverReduction.String()); err != nil {
		return r, fmt.Errorf("%w: over-reduction policy %d is unknown", position.ErrInvalid, r.OverReduction)
	}
	return r, nil
}

// IdentityError says that ledger.json is damaged. It matches [journal.ErrDamaged].
type IdentityError struct {
	File, Reason string
	Remedy       remedy.Remedy // the zero value where the reason says all
}

// LostIdentity is the error where there are records and no identity.
func LostIdentity(path string) error {
	return &IdentityError{
		File: path, Reason: "is missing, but there are records",
		Remedy: remedy.Remedy{Kind: remedy.TakeIdentityOrRestore},
	}
}

func (e *IdentityError) Error() string {
	text := e.File + " " + e.Reason
	if e.Remedy.Kind != "" {
		text += ": " + e.Remedy.String()
	}
	return text
}

// Advice is what can be done about it.
func (e *IdentityError) Advice() remedy.Remedy { return e.Remedy }

// Unwrap returns [journal.ErrDamaged].
func (e *IdentityError) Unwrap() error { return journal.ErrDamaged }

// Exists reports whether dir holds a ledger. A directory that holds something
// else gives [ErrNotLedger]; one that is missing, empty, or has the leavings of a
// creation that was cut short does not.
func Exists(dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if errors.Is(err, unix.ENOTDIR) {
		return false, NotADirectory(dir)
	}
	if err != nil {
		return false, fmt.Errorf("%w", err)
	}
	foreign := ""
	for _, e := range entries {
		switch name := e.Name(); name {
		case IdentityFile:
			return true, nil
		case "LOCK", "MARK", "journal", "quarantine", "backups", NotesDir, "nats":
		default:
			if !durable.IsTemp(name) && !durable.Litter(name) {
				foreign = name
			}
		}
	}
	if foreign != "" {
		return false, fmt.Errorf("%w: %s holds %q and no %s: name an empty or new directory", ErrNotLedger, dir, foreign, IdentityFile)
	}
	return false, nil
}

// NotADirectory is the error for a file where a ledger should be.
func NotADirectory(dir string) error {
	return remedy.Because(fmt.Errorf("%s is no place for a ledger: %w", dir, unix.ENOTDIR), remedy.OtherDir)
}

// Keyless refuses to write plainly to a ledger that was made to be encrypted.
func Keyless(id Identity) error {
	return fmt.Errorf("%w: ledger %s was created to be encrypted, and no key was given", keyring.ErrNoKey, id.Name)
}

// Matches compares what the options ask for with what the ledger is. A zero
// member asks for nothing; any other is compared with the rule that is in force,
// wherever that came from.
func Matches(id Identity, o Options) error {
	have := id.Rules()
	want, err := settledRules(o.Rules)
	if err != nil {
		return err
	}
	switch r := o.Rules; {
	case o.Name != "" && o.Name != id.Name:
		return fmt.Errorf("%w: it is named %q, not %q", ErrMismatch, id.Name, o.Name)
	case r.CostMethod != 0 && want.CostMethod != have.CostMethod:
		return fmt.Errorf("%w: its cost method is %s, not %s", ErrMismatch, id.CostMethod, want.CostMethod)
	case r.OverReduction != 0 && want.OverReduction != have.OverReduction:
		return fmt.Errorf("%w: its policy of over-reductions is %s, not %s", ErrMismatch, id.OverReduction, want.OverReduction)
	case r.DefaultCurrency != "" && want.DefaultCurrency != have.DefaultCurrency:
		return fmt.Errorf("%w: its default currency is %s, not %s", ErrMismatch, id.DefaultCurrency, want.DefaultCurrency)
	case o.Window > 0 && o.Window != id.Window:
		return fmt.Errorf("%w: its window holds %d ids, not %d", ErrMismatch, id.Window, o.Window)
	case r.StrictInstruments && !have.StrictInstruments:
		return fmt.Errorf("%w: it was created without strict instruments", ErrMismatch)
	case r.StrictIncrements && !have.StrictIncrements:
		return fmt.Errorf("%w: it was created without strict increments", ErrMismatch)
	}
	return nil
}

// ForeignIdentity refuses an identity that came with the file of another ledger: a
// snapshot that was made of this very journal names the ledger that the journal is
// of. The rules of the other ledger would be applied to positions that were made by
// the rules of this one.
func (r *Source) ForeignIdentity(log *journal.Reader) error {
	list, err := r.Snapshots()
	if err != nil {
		return err
	}
	for _, s := range list {
		if err = r.ForeignSnapshot(log, s); err != nil {
			return err
		}
	}
	return nil
}

// ForeignSnapshot returns the damage that a snapshot under another ledger's id proves:
// it stands on a record of this journal, and that record is no part of the parent's.
func (r *Source) ForeignSnapshot(log *journal.Reader, s snapshotter.Snapshot) error {
	if _, related := Ancestor(r.ID, s.Ledger); s.Err != nil || related || s.Ledger == [16]byte(r.ID.ID) {
		return nil //nolint:nilerr // a damaged header names no ledger
	}
	// A snapshot that stands on no record of this journal was put here, and is never
	// used.
	if rec, err := RecordAt(log, s.Seq); err == nil && rec.Chain == s.Chain {
		return &IdentityError{File: IdentityFile, Reason: fmt.Sprintf(
			"belongs to ledger %s, but snapshot %s of this journal to ledger %s: put the file back from a copy of the ledger",
			r.ID.ID, s.Name, uuid.UUID(s.Ledger))}
	}
	return nil
}
