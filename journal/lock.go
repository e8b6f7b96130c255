package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"
	"unicode"

	"golang.org/x/sys/unix"
)

const (
	lockName = "LOCK"
	maxLock  = 4096
	// probeTries bounds how long Open waits for others that only ask whether
	// the ledger is held, which takes them microseconds.
	probeTries = 10_000
)

// Holder says who holds a ledger. It is written into LOCK as JSON.
type Holder struct {
	PID   int       `json:"pid"`
	Verb  string    `json:"verb,omitempty"`
	Reach string    `json:"reach,omitempty"` // NATS URL of a daemon
	Since time.Time `json:"since"`
}

// lock is the flock on LOCK. The kernel releases it when the process ends in
// whatever way, so that a file left behind is no obstacle.
type lock struct {
	f      *os.File
	holder Holder
}

// takeLock takes the lock or says who has it. [ReadHolder] asks with a shared
// lock for a moment; whoever finds only shared locks tries again.
func takeLock(dir string, h Holder) (*lock, error) {
	f, err := openRegular(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE)
	if misplaced(err) {
		return nil, &DamageError{
			File: lockName, Reason: "not a regular file", Plan: "nothing was changed; move it away: the next open makes a new one",
		}
	}
	if err != nil {
		return nil, fmt.Errorf("journal: open %s: %w", lockName, err)
	}
	for range probeTries {
		if err = flock(f, unix.LOCK_EX); err == nil {
			break
		}
		if !errors.Is(err, unix.EWOULDBLOCK) {
			break
		}
		if shared := flock(f, unix.LOCK_SH); shared != nil {
			break // held for writing: there is an owner
		}
		_ = flock(f, unix.LOCK_UN)
		runtime.Gosched()
	}
	l := &lock{f: f, holder: h}
	if err == nil {
		if err = l.write(); err == nil {
			return l, nil
		}
		err = fmt.Errorf("journal: write %s: %w", lockName, err)
	} else if errors.Is(err, unix.EWOULDBLOCK) {
		err = &InUseError{Holder: readHolder(f)}
	} else {
		err = fmt.Errorf("journal: lock %s: %w", lockName, err)
	}
	_ = f.Close()
	return nil, err
}

func flock(f *os.File, how int) error {
	for {
		err := unix.Flock(int(f.Fd()), how|unix.LOCK_NB) //nolint:gosec // a file descriptor fits an int
		if !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// write puts the holder into the file: the new text first, then the cut, so
// that whoever reads meanwhile finds one whole value in front.
func (l *lock) write() error {
	b, err := json.Marshal(l.holder)
	if err != nil {
		return err
	}
	b = append(b, '\n')
	if _, err = l.f.WriteAt(b, 0); err != nil {
		return err
	}
	return l.f.Truncate(int64(len(b)))
}

// release gives the lock free by name: closing alone would leave it to a process
// that is being forked at this moment, until that has closed its copy.
func (l *lock) release() error {
	_ = l.f.Truncate(0) // the lock counts, not the text
	_ = flock(l.f, unix.LOCK_UN)
	return l.f.Close()
}

func readHolder(f *os.File) Holder {
	b := make([]byte, maxLock)
	n, err := readFull(f, b, 0)
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
func ReadHolder(dir string) (Holder, bool) {
	f, err := openRegular(filepath.Join(dir, lockName), os.O_RDONLY)
	if err != nil {
		return Holder{}, false
	}
	defer func() { _ = f.Close() }()
	if err = flock(f, unix.LOCK_SH); err == nil {
		_ = flock(f, unix.LOCK_UN)
		return Holder{}, false
	}
	return readHolder(f), true
}
