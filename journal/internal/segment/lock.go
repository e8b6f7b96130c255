package segment

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"
	"unicode"

	"github.com/moneyprinter/holdfast/internal/claim"
	"github.com/moneyprinter/holdfast/remedy"
)

const (
	LockName = "LOCK" // in the ledger's directory
	maxLock  = 4096   // bytes that are read of it
)

// Holder says who holds a ledger. It is written into LOCK as JSON.
type Holder struct {
	PID   int       `json:"pid"`
	Verb  string    `json:"verb,omitempty"`
	Reach string    `json:"reach,omitempty"` // NATS URL of a daemon
	Since time.Time `json:"since"`
}

// Lock is the claim on the ledger's directory, with LOCK for its file. The kernel
// releases it when the process ends in whatever way, so that a file left behind is
// no obstacle.
type Lock struct {
	*claim.Claim

	holder Holder
}

// TakeLock takes the lock or says who has it.
func TakeLock(dir string, h Holder) (*Lock, error) {
	c, err := claim.Take(dir, LockName)
	switch {
	case Misplaced(err):
		return nil, &DamageError{
			File: LockName, Reason: "not a regular file", Remedy: remedy.Remedy{Kind: remedy.MoveAway},
		}
	case errors.Is(err, claim.ErrHeld):
		held, _ := ReadHolder(dir)
		return nil, &InUseError{Dir: dir, Holder: held}
	case err != nil:
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	l := &Lock{Claim: c, holder: h}
	if err = l.write(); err != nil {
		_ = c.Release() // nothing was done under it
		return nil, fmt.Errorf("write %s: %w", LockName, err)
	}
	return l, nil
}

// write puts the holder into the file: the new text first, then the cut, so
// that whoever reads meanwhile finds one whole value in front.
func (l *Lock) write() error {
	b, err := json.Marshal(l.holder)
	if err != nil {
		return err
	}
	b = append(b, '\n')
	if _, err = l.File().WriteAt(b, 0); err != nil {
		return err
	}
	return l.File().Truncate(int64(len(b)))
}

// Release gives the directory free.
func (l *Lock) Release() error {
	_ = l.File().Truncate(0) // the lock counts, not the text
	return l.Claim.Release()
}

func readHolder(f *os.File) Holder {
	b := make([]byte, maxLock)
	n, err := ReadFull(f, b, 0)
	if err != nil {
		return Holder{}
	}
	return parseHolder(b[:n])
}

// parseHolder reads the text of LOCK, which anything may have been written
// into: what is no holder is nobody, and what is not printable is not shown to
// a terminal.
func parseHolder(b []byte) Holder {
	var h Holder
	if err := json.NewDecoder(bytes.NewReader(b)).Decode(&h); err != nil {
		return Holder{}
	}
	unprintable := func(r rune) bool { return !unicode.IsPrint(r) }
	if strings.ContainsFunc(h.Verb+h.Reach, unprintable) {
		h.Verb, h.Reach = "", ""
	}
	return h
}

// ReadHolder reports whether the ledger in dir is held now, and by whom. It
// never waits and creates nothing.
func ReadHolder(dir string) (h Holder, held bool) {
	held = claim.Held(dir, LockName, func(f *os.File) { h = readHolder(f) })
	return h, held
}

// ErrInUse is returned by journal.Open when another value, in this process or in
// another one, holds the ledger. See [InUseError].
var ErrInUse = errors.New("ledger in use")

// InUseError says who holds the ledger. It matches [ErrInUse].
type InUseError struct {
	Dir    string // as it was given
	Holder Holder // zero when the holder has not written its name yet
}

func (e *InUseError) Error() string {
	if e.Holder.PID == 0 {
		return ErrInUse.Error()
	}
	text := fmt.Sprintf("%v by %s (pid %d)", ErrInUse, e.Holder.Verb, e.Holder.PID)
	if e.Holder.Reach != "" {
		text += ", reachable at " + e.Holder.Reach
	}
	return text
}

// Is reports whether target is [ErrInUse].
func (e *InUseError) Is(target error) bool { return target == ErrInUse }
