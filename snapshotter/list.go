package snapshotter

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/moneyprinter/holdfast/internal/durable"
)

// List returns the snapshots of the directory, newest first (by seq, then by
// time of writing). It reads headers only; a file whose header is unreadable is
// listed with Err set. A missing directory holds none. Files under other names,
// and directories, links and devices under any name, are not listed.
func (s *Snapshotter) List() ([]Snapshot, error) {
	entries, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if errors.Is(err, unix.ENOTDIR) || errors.Is(err, unix.ELOOP) {
		return nil, &DamageError{File: filepath.Base(s.dir), Reason: "it is not a directory"}
	}
	if err != nil {
		return nil, fmt.Errorf("list: %w", err)
	}
	var list []Snapshot
	for _, e := range entries {
		t, seq, ok := parseName(e.Name())
		if !ok {
			continue
		}
		if !e.Type().IsRegular() {
			s.o.Logger.Warn("not a regular file, ignored", "file", e.Name())
			continue
		}
		snap, headErr := s.head(e.Name(), seq)
		switch {
		case errors.Is(headErr, fs.ErrNotExist):
			continue // pruned since ReadDir
		case headErr != nil:
			snap = Snapshot{Name: e.Name(), Meta: Meta{Seq: seq}, Size: snap.Size, Created: t, Err: headErr}
		}
		list = append(list, snap)
	}
	slices.SortFunc(list, func(a, b Snapshot) int {
		return cmp.Or(cmp.Compare(b.Seq, a.Seq), b.Created.Compare(a.Created), strings.Compare(b.Name, a.Name))
	})
	return list, nil
}

// head reads the header of one file. Size is set even with an error, once the
// file could be opened.
func (s *Snapshotter) head(name string, seq uint64) (Snapshot, error) {
	f, size, err := openRegular(filepath.Join(s.dir, name), name)
	if err != nil {
		return Snapshot{}, err
	}
	defer func() { _ = f.Close() }() // only read from
	snap := Snapshot{Name: name, Size: size}
	b, h, err := readHeader(f, name, size)
	if err != nil {
		return snap, err
	}
	snap.take(&h)
	if snap.Seq != seq {
		return snap, renamed(name, snap.Seq)
	}
	if size < int64(len(b)+trailerSize) {
		return snap, &DamageError{File: name, Offset: size, Reason: "cut short"}
	}
	return snap, nil
}

// Beyond is the plain choice of what [Snapshotter.Prune] may remove: all but the
// newest keep, of which there is at least one.
func Beyond(keep int) func(newestFirst []Snapshot) (doomed []Snapshot) {
	return func(list []Snapshot) []Snapshot { return list[min(max(keep, 1), len(list)):] }
}

// Prune removes the snapshots that choose picks from the list, newest first, it
// is given, and the temporary files that crashes left. Before anything goes, one
// of those that stay must verify; if none does, the newest that does is kept as
// well, and if there is no such snapshot nothing is removed. Files with an
// unreadable header are not in the list: somebody should look at them. It
// returns what it removed.
func (s *Snapshotter) Prune(choose func(newestFirst []Snapshot) (doomed []Snapshot)) ([]Snapshot, error) {
	if err := s.made(); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.o.Phase("prune", true)
	defer s.o.Phase("prune", false)
	if err := s.removeTemps(); err != nil {
		return nil, err
	}
	list, err := s.List()
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(x Snapshot) bool { return x.Err != nil })
	doomed := slices.Clone(choose(slices.Clone(list)))
	if len(doomed) == 0 {
		return nil, nil
	}
	isDoomed := func(x Snapshot) bool {
		return slices.ContainsFunc(doomed, func(d Snapshot) bool { return d.Name == x.Name })
	}
	// Those that stay are asked first.
	slices.SortStableFunc(list, func(a, b Snapshot) int {
		return cmp.Compare(boolInt(isDoomed(a)), boolInt(isDoomed(b)))
	})
	var cause error
	good := slices.IndexFunc(list, func(x Snapshot) bool {
		_, verifyErr := s.Verify(x.Name)
		if verifyErr != nil {
			cause = errors.Join(cause, verifyErr)
			s.o.Logger.Error("snapshot does not verify", "file", x.Name, "err", verifyErr)
		}
		return verifyErr == nil
	})
	if good < 0 {
		return nil, fmt.Errorf("prune: none of %d snapshots verifies, so none is removed: %w", len(list), cause)
	}
	doomed = slices.DeleteFunc(doomed, func(x Snapshot) bool { return x.Name == list[good].Name })
	return s.remove(doomed)
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// remove removes snapshots, oldest first, until one cannot be removed.
func (s *Snapshotter) remove(doomed []Snapshot) (removed []Snapshot, err error) {
	if len(doomed) == 0 {
		return nil, nil
	}
	for _, x := range slices.Backward(doomed) {
		if err = os.Remove(filepath.Join(s.dir, x.Name)); err != nil {
			break
		}
		s.o.Logger.Info("snapshot removed", "file", x.Name, "seq", x.Seq)
		removed = append(removed, x)
	}
	if err = errors.Join(err, durable.SyncDir(s.dir)); err != nil {
		return removed, fmt.Errorf("prune: %w", err)
	}
	return removed, nil
}

// removeTemps removes what interrupted writes left behind.
func (s *Snapshotter) removeTemps() error {
	entries, err := os.ReadDir(s.dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("prune: %w", err)
	}
	for _, e := range entries {
		if !isTemp(e.Name()) || !e.Type().IsRegular() {
			continue
		}
		if err = os.Remove(filepath.Join(s.dir, e.Name())); err != nil {
			return fmt.Errorf("prune: %w", err)
		}
		s.o.Logger.Warn("left-over temporary file removed", "file", e.Name())
	}
	return nil
}
