package ledgertest

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/durable"
	"github.com/moneyprinter/holdfast/snapshotter"
)

// BodyOf returns the offset of the body in the bytes of a snapshot.
func BodyOf(snapshot []byte) int { return int(binary.LittleEndian.Uint16(snapshot[10:])) }

// FlipSnapshotBody inverts a byte of a snapshot's body.
func FlipSnapshotBody(t *testing.T, dir, name string) {
	t.Helper()
	path := filepath.Join(dir, "backups", name)
	b, err := os.ReadFile(path)
	require.NoError(t, err)
	b[BodyOf(b)+4] ^= 0xff
	require.NoError(t, os.WriteFile(path, b, 0o600))
}

// RewriteSnapshot copies a snapshot with another header.
func RewriteSnapshot(t *testing.T, dir, name string, change func(*snapshotter.Meta)) snapshotter.Snapshot {
	t.Helper()
	late := NewClock()
	late.Advance(time.Hour)
	s := snapshotter.New(filepath.Join(dir, "backups"), snapshotter.Options{Now: late.Now})
	r, err := s.Open(name)
	require.NoError(t, err)
	body, err := io.ReadAll(r)
	require.NoError(t, err)
	require.NoError(t, r.Close())
	meta := r.Meta
	change(&meta)
	out, err := s.Write(t.Context(), meta, func(w io.Writer) error {
		_, writeErr := bytes.NewReader(body).WriteTo(w)
		return writeErr
	})
	require.NoError(t, err)
	return out
}

// OfAnother changes a snapshot's header to that of another ledger.
func OfAnother(m *snapshotter.Meta) {
	own := uuid.UUID(m.Ledger).String()
	m.Ledger[0] ^= 1
	m.Identity = strings.Replace(m.Identity, own, uuid.UUID(m.Ledger).String(), 1)
}

// Segments returns the paths of the segments, the oldest first, without the one that is
// made in advance.
func Segments(tb testing.TB, dir string) []string {
	tb.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "journal", "*"))
	require.NoError(tb, err)
	names = slices.DeleteFunc(names, durable.IsTemp)
	slices.Sort(names)
	return names
}

// Copy copies the directory of a ledger.
func Copy(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	require.NoError(t, os.CopyFS(to, os.DirFS(from)))
	return to
}

// CopyInMemory is Copy to a MemoryDir.
func CopyInMemory(t *testing.T, from string) string {
	t.Helper()
	to := MemoryDir(t)
	require.NoError(t, os.CopyFS(to, os.DirFS(from)))
	return to
}

// Files returns length and checksum of each file of a ledger, but for LOCK and
// the files in quarantine.
func Files(t *testing.T, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		name, _ := filepath.Rel(dir, path)
		if err != nil || d.IsDir() || name == "LOCK" || strings.HasPrefix(name, "quarantine") {
			return err
		}
		b, err := os.ReadFile(path)
		out[name] = fmt.Sprintf("%d %08x", len(b), crc32.ChecksumIEEE(b))
		return err
	}))
	return out
}

// FirstSegment returns the path of the segment with which a journal begins.
func FirstSegment(dir string) string { return filepath.Join(dir, "journal", fmt.Sprintf("%020d", 1)) }

// MemoryDir returns a directory on a file system in memory, if there is one: a
// test that tries a rule by the hundred thousand needs no disk.
func MemoryDir(tb testing.TB) string {
	tb.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "holdfast-") //nolint:usetesting // TempDir is on a disk
	if err != nil {
		return tb.TempDir()
	}
	tb.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			require.NoError(tb, err)
		}
	})
	return dir
}
