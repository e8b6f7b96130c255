package journaltest

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// Stride is 1, or n when the race detector is on or the tests are short.
func Stride(n int) int {
	if raceEnabled || testing.Short() {
		return n
	}
	return 1
}

// EachCopy runs f for the numbers below n on copies of a ledger, side by side.
func EachCopy(t *testing.T, from string, n, step int, f func(dir string, i int) error) {
	t.Helper()
	var (
		next  atomic.Int64
		wg    sync.WaitGroup
		first atomic.Pointer[error]
	)
	for range runtime.GOMAXPROCS(0) {
		dir := filepath.Join(FastDir(t), "ledger")
		require.NoError(t, os.CopyFS(dir, os.DirFS(from)))
		wg.Go(func() {
			for first.Load() == nil {
				i := int(next.Add(1)-1) * step
				if i >= n {
					return
				}
				if err := f(dir, i); err != nil {
					err = fmt.Errorf("number %d: %w", i, err)
					first.CompareAndSwap(nil, &err)
				}
			}
		})
	}
	wg.Wait()
	if err := first.Load(); err != nil {
		require.NoError(t, *err)
	}
}

// Flip inverts a bit of a file and returns how to undo it.
func Flip(path string, bit int) (undo func() error, err error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	do := func() error {
		var b [1]byte
		if _, err := f.ReadAt(b[:], int64(bit/8)); err != nil {
			return err
		}
		b[0] ^= 1 << (bit % 8)
		_, err := f.WriteAt(b[:], int64(bit/8))
		return err
	}
	return func() error {
		err := do()
		if closeErr := f.Close(); err == nil {
			err = closeErr
		}
		return err
	}, do()
}
