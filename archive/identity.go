package archive

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
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

// identityFormat is the version of ledger.json.
const identityFormat = 1

// IdentityFile is the ledger's identity, written once.
const IdentityFile = "ledger.json"

// notesDir holds a ledger's own checkpoints.
const NotesDir = "checkpoints"

// Identity says which ledger a directory holds. It is written once, when the
// ledger is created, and changes only when a loss is accepted: what goes on from
// there is another lineage; see package repair.
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
	Parents           []Parent  `json:"parents,omitempty"` // newest first
	// Encrypted says that the ledger was meant to be encrypted from its first record
	// on: it is opened for writing with keys only. One that went on encrypted later
	// does not have it; its records tell.
	Encrypted bool   `json:"encrypted,omitempty"`
	Sum       string `json:"sum"` // SHA-256 of this object without the member
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

// ruledAs returns the identity with the rules of another ledger. A ledger that takes
// over another one's changes recomputes them under the rules that made them.
func ruledAs(id, o Identity) Identity {
	id.CostMethod, id.OverReduction, id.DefaultCurrency = o.CostMethod, o.OverReduction, o.DefaultCurrency
	id.StrictInstruments, id.StrictIncrements, id.Window = o.StrictInstruments, o.StrictIncrements, o.Window
	return id
}

func digest(id Identity) string {
	id.Sum = ""
	b, err := json.Marshal(id)
	if err != nil {
		panic(err) // a struct of strings and numbers always marshals
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
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
		StrictInstruments: rules.StrictInstruments, StrictIncrements: rules.StrictIncrements, Window: window,
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

// ReadIdentity returns fs.ErrNotExist, wrapped, when there is none.
func ReadIdentity(dir string) (Identity, error) {
	return IdentityAt(filepath.Join(dir, IdentityFile))
}

// IdentityAt reads an identity under any name.
func IdentityAt(path string) (Identity, error) {
	b, err := readIdentityFile(path)
	if err != nil {
		return Identity{}, err
	}
	return parseIdentity(path, b)
}

// parseIdentity accepts the bytes that write makes and no others.
func parseIdentity(path string, b []byte) (Identity, error) {
	var id Identity
	err := json.Unmarshal(b, &id)
	if err != nil {
		return Identity{}, &IdentityError{File: path, Reason: "is not valid JSON: " + err.Error()}
	}
	switch {
	case id.Format > identityFormat:
		return Identity{}, fmt.Errorf("%w: %s has format %d, this build knows up to %d: use a newer holdfast", ErrNotLedger, path, id.Format, identityFormat)
	case id.Sum != digest(id):
		return Identity{}, &IdentityError{File: path, Reason: "does not match its checksum"}
	}
	if _, err = id.rules(); err != nil {
		return Identity{}, fmt.Errorf("%w: %s names %w, which this build does not know: use a newer holdfast", ErrNotLedger, path, err)
	}
	again, err := json.MarshalIndent(id, "", "  ")
	if err != nil {
		return Identity{}, fmt.Errorf("encode identity: %w", err)
	}
	if string(append(again, '\n')) != string(b) {
		return Identity{}, &IdentityError{File: path, Reason: "holds bytes that were not written by holdfast"}
	}
	return id, nil
}

// WriteIdentity writes an identity and returns it with its sum.
func WriteIdentity(id Identity, dir string) (Identity, error) {
	id.Sum = digest(id)
	b, err := json.MarshalIndent(id, "", "  ")
	if err != nil {
		return id, fmt.Errorf("encode identity: %w", err)
	}
	if err := durable.WriteFile(filepath.Join(dir, IdentityFile), append(b, '\n'), 0o600); err != nil {
		return id, fmt.Errorf("%w", err)
	}
	return id, nil
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

// maxIdentity bounds what is read of ledger.json; ours has about 600 bytes.
const maxIdentity = 1 << 20

// readIdentityFile reads ledger.json, which must be a regular file: a pipe in
// its place would hold the opening up for ever, and a link would let the
// identity of one ledger stand for another.
func readIdentityFile(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, unix.ELOOP) || errors.Is(err, unix.ENXIO) {
		return nil, &IdentityError{File: path, Reason: "is not a regular file"}
	}
	if err != nil {
		return nil, fmt.Errorf("%w", err)
	}
	defer f.Close() //nolint:errcheck // opened for reading
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("%w", err)
	}
	switch {
	case !info.Mode().IsRegular():
		return nil, &IdentityError{File: path, Reason: "is not a regular file"}
	case info.Size() > maxIdentity:
		return nil, &IdentityError{File: path, Reason: "is too long to have been written by holdfast"}
	}
	b, err := io.ReadAll(io.LimitReader(f, maxIdentity))
	if err != nil {
		return nil, fmt.Errorf("%w", err)
	}
	return b, nil
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
