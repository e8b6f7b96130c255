package archive

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/moneyprinter/holdfast/internal/durable"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
	"github.com/moneyprinter/holdfast/remedy"
	"github.com/moneyprinter/holdfast/snapshotter"
)

// identityFormat is the version of the forms of an identity: of ledger.json, and of the
// text in the record of an epoch and in the header of a snapshot, which is the same
// object on one line without the last two members.
const identityFormat = 2

// identityFile is what ledger.json holds.
type identityFile struct {
	Identity

	FingerprintKey string `json:"fingerprint_key"` // hex
	Sum            string `json:"sum"`             // SHA-256 of this object without the member
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

// parseIdentity accepts the bytes that [IdentityBytes] makes and no others.
func parseIdentity(path string, b []byte) (Identity, error) {
	var f identityFile
	if err := json.Unmarshal(b, &f); err != nil {
		return Identity{}, &IdentityError{File: path, Reason: "is not valid JSON: " + err.Error()}
	}
	if err := f.checkFormat(path); err != nil {
		return Identity{}, err
	}
	if f.Sum != f.digest() {
		return Identity{}, &IdentityError{File: path, Reason: "does not match its checksum"}
	}
	if err := f.known(path); err != nil {
		return Identity{}, err
	}
	key, err := hex.DecodeString(f.FingerprintKey)
	if err != nil || len(key) != len(f.Prints) || hex.EncodeToString(key) != f.FingerprintKey {
		return Identity{}, &IdentityError{File: path, Reason: "has no key of fingerprints"}
	}
	f.Prints = position.FingerprintKey(key)
	if !bytes.Equal(f.bytes(), b) {
		return Identity{}, &IdentityError{File: path, Reason: "holds bytes that were not written by holdfast"}
	}
	return f.Identity, nil
}

// checkFormat tells an identity of another format from a damaged one. source is for the
// errors.
func (id Identity) checkFormat(source string) error {
	switch {
	case id.Format > identityFormat:
		return fmt.Errorf("%w: %s has format %d, this build reads format %d: use a newer holdfast", ErrNotLedger, source, id.Format, identityFormat)
	case id.Format == 1:
		return remedy.Because(fmt.Errorf("%w that this build reads: %s has format 1, of the builds before the first release; this build reads format %d",
			ErrNotLedger, source, identityFormat), remedy.CarryOver)
	case id.Format != identityFormat:
		return &IdentityError{File: source, Reason: "has no format"}
	}
	return nil
}

// known refuses what this build cannot know the meaning of.
func (id Identity) known(source string) error {
	if _, err := id.rules(); err != nil {
		return fmt.Errorf("%w: %s names %w, which this build does not know: use a newer holdfast", ErrNotLedger, source, err)
	}
	if n := len(id.Parents); n > MaxParents {
		return fmt.Errorf("%w: %s names %d ancestors, this build knows up to %d: use a newer holdfast", ErrNotLedger, source, n, MaxParents)
	}
	return nil
}

func (f identityFile) digest() string {
	f.Sum = ""
	sum := sha256.Sum256(encoded(f))
	return hex.EncodeToString(sum[:])
}

// encoded is the JSON of an identity.
func encoded(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // a struct of strings and numbers always marshals
	}
	return b
}

// IdentityBytes returns what ledger.json holds.
func IdentityBytes(id Identity) []byte {
	f := identityFile{Identity: id, FingerprintKey: hex.EncodeToString(id.Prints[:])}
	f.Sum = f.digest()
	return f.bytes()
}

func (f identityFile) bytes() []byte {
	var b bytes.Buffer
	if err := json.Indent(&b, encoded(f), "", "  "); err != nil {
		panic(err) // see encoded
	}
	b.WriteByte('\n')
	return b.Bytes()
}

// WriteIdentity writes an identity.
func WriteIdentity(id Identity, dir string) error {
	if err := durable.WriteFile(filepath.Join(dir, IdentityFile), IdentityBytes(id), 0o600); err != nil {
		return fmt.Errorf("%w", err)
	}
	return nil
}

// Epoch is what the record of an epoch says of a ledger and of the build that writes
// it.
func Epoch(id Identity, build string) position.Epoch {
	return position.Epoch{Build: build, Arithmetic: position.ArithmeticVersion, Identity: string(encoded(id)), Prints: id.Prints}
}

// EpochIdentity returns the identity that the record of an epoch has: IdentityBytes of
// it is what ledger.json held when the epoch began. Of several epochs the newest tells
// what holds; the first ones of a restored ledger are its parent's.
func EpochIdentity(e position.Epoch) (Identity, error) {
	id, err := identityOf("the record of the epoch", e.Identity)
	id.Prints = e.Prints
	return id, err
}

// SnapshotIdentity returns the identity of the ledger whose snapshot this is: IdentityBytes
// of it is what ledger.json held then. The whole file is verified first. The key of the
// fingerprints stands in the body, so that an encrypted one needs its key.
func SnapshotIdentity(snaps *snapshotter.Snapshotter, name string) (id Identity, err error) {
	f, err := snaps.Open(name)
	if err != nil {
		return id, fmt.Errorf("%w", err)
	}
	defer f.Close() //nolint:errcheck // opened for reading
	if id, err = HeaderIdentity(f.Snapshot); err != nil {
		return id, err
	}
	if id.Prints, err = projector.BodyPrints(f); err != nil {
		return id, fmt.Errorf("snapshot %s: %w", name, err)
	}
	return id, nil
}

// ForeignRecords returns the error of a replay, and where the records are of another ledger
// than ledger.json says that.
func ForeignRecords(err error) error {
	if errors.Is(err, projector.ErrPrints) {
		return fmt.Errorf("%w: %w", &IdentityError{
			File:   IdentityFile,
			Reason: "belongs to another ledger than the records: put the file back from a copy of the ledger",
		}, err)
	}
	return fmt.Errorf("%w", err)
}

// HeaderIdentity returns the identity that the header of a snapshot has, which is all of
// it but the key of the fingerprints. It is damage if it is not that of the ledger that
// the header names.
func HeaderIdentity(s snapshotter.Snapshot) (Identity, error) {
	id, err := identityOf("snapshot "+s.Name, s.Identity)
	if err != nil {
		return id, err
	}
	if s.Ledger != [16]byte(id.ID) {
		return id, &snapshotter.DamageError{File: s.Name, Offset: 16, Reason: "the header names another ledger than the identity in it"}
	}
	return id, nil
}

// identityOf reads an identity as it stands outside of ledger.json. source is for the
// errors.
func identityOf(source, text string) (Identity, error) {
	var id Identity
	if err := json.Unmarshal([]byte(text), &id); err != nil {
		return Identity{}, &IdentityError{File: source, Reason: "has no identity of a ledger: " + err.Error()}
	}
	if err := errors.Join(id.checkFormat(source), id.known(source)); err != nil {
		return Identity{}, err
	}
	if string(encoded(id)) != text {
		return Identity{}, &IdentityError{File: source, Reason: "has an identity that was not written by holdfast"}
	}
	return id, nil
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
