package snapshotter

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"

	"github.com/moneyprinter/holdfast/internal/durable"
	"github.com/moneyprinter/holdfast/keyring"
)

// Options of a [Snapshotter]. The zero value works.
type Options struct {
	// Now is the clock that names files. Nil: a snapshot is named after the
	// record time of its last record.
	Now func() time.Time
	// Logger is told what was written, removed and found. Nil: nobody is.
	Logger *slog.Logger
	// Keys encrypt the bodies that are written, under the ring's current key,
	// and decrypt; nil: bodies are written as they are.
	Keys *keyring.Ring
	// Phase, if set, is called when "snapshot" or "prune" begins and ends, for
	// drills that kill the process at such moments.
	Phase func(name string, begin bool)
}

// Snapshotter writes, lists, verifies, opens and prunes the snapshots of one
// directory. It is safe for concurrent use; writing and pruning take turns.
type Snapshotter struct {
	dir string
	o   Options

	mu   *sync.Mutex // held by Write and Prune, so that no temporary file in use is pruned
	pace *pace       // nil: it does not rest
}

// made refuses a Snapshotter that New did not make.
func (s *Snapshotter) made() error {
	if s.dir == "" {
		return errors.New("it has no directory: it was not made by New")
	}
	return nil
}

// Snapshot is one file and what its header says.
type Snapshot struct {
	Name string // without the directory
	Meta
	Size    int64 // of the file
	Created time.Time
	// Encrypted says that the body is, and Key under which key.
	Encrypted bool
	Key       keyring.ID
	// Err is set by List only: why the header cannot be read. Then Meta holds
	// nothing but the seq that the name gives, and Created its time.
	Err error
}

// New returns a Snapshotter of a directory, which Write creates when it is
// missing. New itself touches nothing.
func New(dir string, o Options) *Snapshotter {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Phase == nil {
		o.Phase = func(string, bool) {}
	}
	return &Snapshotter{dir: dir, o: o, mu: new(sync.Mutex)}
}

// Dir returns the directory.
func (s *Snapshotter) Dir() string { return s.dir }

// Write makes a durable, verified snapshot of what body writes. When it returns
// an error there is no new snapshot, at most a temporary file that the next
// [Snapshotter.Prune] removes. A done ctx stops it with the context's error at
// the next write of body or between two steps.
func (s *Snapshotter) Write(ctx context.Context, m Meta, body func(io.Writer) error) (Snapshot, error) {
	if err := s.made(); err != nil {
		return Snapshot{}, err
	}
	if n := len(m.Identity); n > MaxIdentity {
		return Snapshot{}, fmt.Errorf("%w: an identity of %d bytes, at most %d are allowed", ErrTooLarge, n, MaxIdentity)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.o.Phase("snapshot", true)
	defer s.o.Phase("snapshot", false)
	created := time.Unix(0, m.RecordTime).UTC()
	if s.o.Now != nil {
		created = s.o.Now().UTC()
	}
	if err := s.makeDir(); err != nil {
		return Snapshot{}, fmt.Errorf("make %s: %w", s.dir, err)
	}
	name, err := s.freeName(created, m.Seq)
	if err != nil {
		return Snapshot{}, fmt.Errorf("name a snapshot: %w", err)
	}
	var key *keyring.ID
	if s.o.Keys != nil {
		id := s.o.Keys.Current()
		key = &id
	}
	size, err := s.writeDurably(ctx, name, encodeHeader(&m, created, key), body)
	if err != nil {
		return Snapshot{}, fmt.Errorf("write %s: %w", name, err)
	}
	s.o.Logger.Info("snapshot written", "file", name, "seq", m.Seq, "bytes", size)
	snap := Snapshot{Name: name, Meta: m, Size: size, Created: created, Encrypted: key != nil}
	if key != nil {
		snap.Key = *key
	}
	return snap, nil
}

// makeDir creates the directory and makes its own entry durable.
func (s *Snapshotter) makeDir() error {
	if info, err := os.Stat(s.dir); err == nil && info.IsDir() {
		return nil
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(s.dir))
}

// freeName returns the first name at or after created that nothing bears.
func (s *Snapshotter) freeName(created time.Time, seq uint64) (string, error) {
	for ; ; created = created.Add(time.Second) {
		name := fileName(created, seq)
		if _, _, ok := parseName(name); !ok {
			return "", fmt.Errorf("the clock shows %s, which no name can hold", created)
		}
		_, err := os.Lstat(filepath.Join(s.dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			return name, nil
		}
		if err != nil {
			return "", err
		}
	}
}

// writeDurably is the one place that makes a snapshot. Its system calls are, in
// order: unlink a left-over temporary file, open with O_EXCL, write…, each with a hint
// to write it back, fsync, close; open, read it all back, close; rename; open the
// directory, fsync, close. It returns the file's size.
func (s *Snapshotter) writeDurably(ctx context.Context, name string, header []byte, body func(io.Writer) error) (int64, error) {
	temp := filepath.Join(s.dir, name+tempSuffix)
	if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return 0, err
	}
	done := false
	defer func() { // also when body panics
		_ = f.Close() // closed already unless an error came first, and then this one adds nothing
		if !done {
			s.discard(temp)
		}
	}()
	sum, err := s.writeFile(ctx, f, header, body)
	if err != nil {
		return 0, err
	}
	if err = f.Sync(); err != nil {
		return 0, err
	}
	if err = f.Close(); err != nil {
		return 0, err
	}
	size, err := s.readBack(ctx, name, sum)
	if err != nil {
		return 0, err
	}
	final := filepath.Join(s.dir, name)
	if err = os.Rename(temp, final); err != nil {
		return 0, err
	}
	done = true
	if err = durable.SyncDir(s.dir); err != nil {
		s.discard(final) // the name may not outlive a crash, so it must not count now
		return 0, err
	}
	return size, nil
}

// discard removes a file after a failure; a temporary one that cannot be removed
// is left to Prune.
func (s *Snapshotter) discard(path string) {
	if err := os.Remove(path); err != nil {
		s.o.Logger.Warn("file of a failed snapshot left behind", "file", filepath.Base(path), "err", err)
	}
}

// readBack verifies a written temporary file to the last byte and against the
// digest of what was meant to be written.
func (s *Snapshotter) readBack(ctx context.Context, name string, sum [32]byte) (int64, error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	r, err := s.open(name+tempSuffix, name)
	if err != nil {
		return 0, err
	}
	defer func() { _ = r.Close() }() // only read from
	if r.trailer.sum != sum {
		return 0, &DamageError{File: name, Offset: 0, Reason: "what was read back is not what was written"}
	}
	if err = r.begin(); err == nil {
		err = r.drain()
	}
	if err != nil {
		return 0, err
	}
	return r.size, ctx.Err()
}

// writeFile writes header, compressed body, encrypted if there are keys, and
// trailer, and returns the digest.
func (s *Snapshotter) writeFile(ctx context.Context, f *os.File, header []byte, body func(io.Writer) error) ([32]byte, error) {
	var sum [32]byte
	out := &hashedWriter{w: bufio.NewWriterSize(&portions{f: f}, portion), h: sha256.New()}
	if _, err := out.Write(header); err != nil {
		return sum, err
	}
	stored, err := encrypted(out, header, s.o.Keys)
	if err != nil {
		return sum, err
	}
	enc, err := zstd.NewWriter(stored, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault),
		zstd.WithWindowSize(1<<20), zstd.WithEncoderCRC(true))
	if err != nil {
		return sum, err
	}
	in := &bodyWriter{ctx: ctx, w: enc, step: s.Step}
	if err = body(in); err == nil {
		err = in.err // a body that went on after an error
	}
	if err != nil {
		return sum, err
	}
	if err = enc.Close(); err == nil {
		err = stored.Close()
	}
	if err != nil {
		return sum, err
	}
	lengths := appendLengths(nil, in.n, out.n-uint64(len(header)))
	if _, err = out.Write(lengths); err != nil {
		return sum, err
	}
	out.h.Sum(sum[:0])
	if _, err = out.w.Write(appendSum(lengths, sum)[len(lengths):]); err != nil {
		return sum, err
	}
	return sum, out.w.Flush()
}

// portion is how much is written to a file at a time.
const portion = 256 << 10

// portions writes to a file, and lets the kernel begin with each portion at once.
type portions struct {
	f  *os.File
	at int64
}

// Write implements [io.Writer].
func (p *portions) Write(b []byte) (int, error) {
	n, err := p.f.Write(b)
	if err == nil {
		beginWriteback(p.f, p.at, int64(n))
	}
	p.at += int64(n)
	return n, err
}

// hashedWriter counts and hashes what goes to the file.
type hashedWriter struct {
	w *bufio.Writer
	h hash.Hash
	n uint64
}

func (h *hashedWriter) Write(p []byte) (int, error) {
	n, err := h.w.Write(p)
	h.h.Write(p[:n])
	h.n += uint64(n)
	return n, err
}

// bodyWriter is what the caller's body writes to. It stops a body whose context
// is done, and remembers the first error in case the body does not. It rests before
// each piece.
type bodyWriter struct {
	ctx  context.Context // of the Write call that this value does not outlive
	w    io.Writer
	step func()
	n    uint64
	err  error
}

func (b *bodyWriter) Write(p []byte) (int, error) {
	b.step()
	if b.err == nil {
		b.err = b.ctx.Err()
	}
	if b.err == nil && b.n+uint64(len(p)) > MaxBody {
		b.err = ErrTooLarge
	}
	if b.err != nil {
		return 0, b.err
	}
	n, err := b.w.Write(p)
	b.n += uint64(n)
	b.err = err
	return n, err
}
