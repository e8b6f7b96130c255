package embedded

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// ErrInUse is matched by the *InUseError that Start returns when another server
// holds the store.
var ErrInUse = errors.New("bus/embedded: store in use")

// An InUseError names the store that another server holds.
type InUseError struct{ Dir string }

// Error names the directory.
func (e *InUseError) Error() string {
	return fmt.Sprintf("bus/embedded: store %s is in use by another server", e.Dir)
}

// Is makes every InUseError match ErrInUse.
func (e *InUseError) Is(target error) bool { return target == ErrInUse }

// lockStore takes the lock of a store without waiting. The lock belongs to the
// open file and ends with it, also when the process is killed.
func lockStore(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "LOCK"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("bus/embedded: lock: %w", err)
	}
	for {
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	switch {
	case err == nil:
		return f, nil
	case errors.Is(err, unix.EWOULDBLOCK):
		err = &InUseError{Dir: dir}
	default:
		err = fmt.Errorf("bus/embedded: lock %s: %w", f.Name(), err)
	}
	return nil, errors.Join(err, f.Close())
}
