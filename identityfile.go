package holdfast

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

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
		return nil, fmt.Errorf("holdfast: %w", err)
	}
	defer f.Close() //nolint:errcheck // opened for reading
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("holdfast: %w", err)
	}
	switch {
	case !info.Mode().IsRegular():
		return nil, &IdentityError{File: path, Reason: "is not a regular file"}
	case info.Size() > maxIdentity:
		return nil, &IdentityError{File: path, Reason: "is too long to have been written by holdfast"}
	}
	b, err := io.ReadAll(io.LimitReader(f, maxIdentity))
	if err != nil {
		return nil, fmt.Errorf("holdfast: %w", err)
	}
	return b, nil
}
