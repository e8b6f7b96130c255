package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/moneyprinter/holdfast/internal/claim"
)

const lockName = "LOCK"

// ErrInUse is matched by the *InUseError that Start returns when another server
// holds the store.
var ErrInUse = errors.New("NATS server: store in use")

// An InUseError names the store that another server holds.
type InUseError struct{ Dir string }

// Error names the directory.
func (e *InUseError) Error() string {
	return fmt.Sprintf("NATS server: store %s is in use by another server", e.Dir)
}

// Is makes every InUseError match ErrInUse.
func (e *InUseError) Is(target error) bool { return target == ErrInUse }

// lockStore takes the lock of a store without waiting. The lock belongs to the
// open files and ends with them, also when the process is killed.
func lockStore(dir string) (*claim.Claim, error) {
	c, err := claim.Take(dir, lockName)
	if errors.Is(err, claim.ErrHeld) {
		return nil, &InUseError{Dir: dir}
	}
	if err != nil {
		return nil, fmt.Errorf("NATS server: lock: %w", err)
	}
	return c, nil
}

// holds makes sure that the store is this server's, and takes it again where its
// names were removed: nobody else can have it then, or has it now and keeps it. A
// directory around it that was moved away is not made anew: what is there now is
// another ledger's, or nobody's.
func (s *Server) holds() error {
	if s.lock != nil && s.lock.Check() == nil {
		return nil
	}
	around, err := os.Stat(filepath.Dir(s.dir))
	if err != nil {
		return fmt.Errorf("NATS server: %w", err)
	}
	if !os.SameFile(around, s.around) {
		return fmt.Errorf("NATS server: %s: %w", filepath.Dir(s.dir), claim.ErrMoved)
	}
	if err = os.Mkdir(s.dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("NATS server: %w", err)
	}
	if s.lock != nil {
		_ = s.lock.Release() // it is worth nothing by itself
		s.lock = nil
	}
	s.lock, err = lockStore(s.dir)
	return err
}

// unlock gives the store free once the guard has ended.
func (s *Server) unlock() error {
	if s.lock == nil {
		return nil
	}
	return s.lock.Release()
}
