package snapshotter

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"

	"github.com/moneyprinter/holdfast/keyring"
)

// Reader streams the body of one verified snapshot. It is not safe for
// concurrent use.
type Reader struct {
	Snapshot

	f       *os.File
	size    int64
	trailer trailer
	keys    *keyring.Ring
	step    func() // rests
	header  []byte
	dec     *zstd.Decoder
	left    uint64 // bytes of the body that Read has yet to return
	err     error  // what Read returns from now on
}

// Verify reads the whole file, including the decompressed body. The error is a
// [*DamageError], or matches [ErrNewerFormat], [ErrName] or [fs.ErrNotExist].
//
// Without the key of an encrypted body every stored byte is checked all the same,
// and that is not an error: see [Snapshotter.Readable].
func (s *Snapshotter) Verify(name string) (Snapshot, error) {
	r, err := s.verified(name)
	if err != nil {
		return Snapshot{}, err
	}
	defer func() { _ = r.Close() }() // only read from
	if !s.Readable(r.Snapshot) {
		return r.Snapshot, nil
	}
	if err = r.begin(); err == nil {
		err = r.drain()
	}
	if err != nil {
		return Snapshot{}, err
	}
	return r.Snapshot, nil
}

// Readable reports whether there is a key for a snapshot's body, or none needed.
func (s *Snapshotter) Readable(x Snapshot) bool { return !x.Encrypted || s.o.Keys.Has(x.Key) == nil }

// Open verifies the whole file against its digest and returns a Reader of the
// body. Errors are those of Verify, and [keyring.ErrNoKey]. The caller closes the
// Reader.
func (s *Snapshotter) Open(name string) (*Reader, error) {
	r, err := s.verified(name)
	if err != nil {
		return nil, err
	}
	if err = r.begin(); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

// verified opens a file whose stored bytes are what was written.
func (s *Snapshotter) verified(name string) (*Reader, error) {
	_, seq, ok := parseName(name)
	if !ok {
		return nil, badName(name)
	}
	r, err := s.open(name, name)
	if err != nil {
		return nil, err
	}
	if r.Seq != seq {
		return nil, errors.Join(renamed(name, r.Seq), r.Close())
	}
	return r, nil
}

// renamed is the error for a header that contradicts the file's name.
func renamed(name string, seq uint64) error {
	return &DamageError{File: name, Offset: 32, Reason: fmt.Sprintf("the header says seq %d: the file was renamed or swapped", seq)}
}

// openRegular opens a file that must be a regular one. O_NONBLOCK keeps a FIFO
// from blocking the open.
func openRegular(path, name string) (*os.File, int64, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if errors.Is(err, unix.ELOOP) {
		return nil, 0, fmt.Errorf("%w: %s is a symbolic link", ErrName, name)
	}
	if err != nil {
		return nil, 0, fmt.Errorf("open %s: %w", name, err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, 0, errors.Join(fmt.Errorf("stat %s: %w", name, err), f.Close())
	}
	if !info.Mode().IsRegular() {
		return nil, 0, errors.Join(fmt.Errorf("%w: %s is not a regular file", ErrName, name), f.Close())
	}
	return f, info.Size(), nil
}

// open opens a file of the directory, called name in errors, and checks header,
// trailer and digest.
func (s *Snapshotter) open(file, name string) (*Reader, error) {
	f, size, err := openRegular(filepath.Join(s.dir, file), name)
	if err != nil {
		return nil, err
	}
	r := &Reader{f: f, size: size, keys: s.o.Keys, step: s.Step}
	if err = r.check(name); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return r, nil
}

// check reads the file once, as it is stored.
func (r *Reader) check(name string) error {
	head, h, err := readHeader(r.f, name, r.size)
	if err != nil {
		return err
	}
	r.header = head
	if r.size < r.bodyAt()+trailerSize {
		return &DamageError{File: name, Offset: r.size, Reason: "cut short"}
	}
	end, err := readAt(r.f, name, r.size-trailerSize, trailerSize)
	if err != nil {
		return err
	}
	if r.trailer, err = decodeTrailer(name, end, r.size, r.bodyAt()); err != nil {
		return err
	}
	sum := sha256.New()
	if _, err = io.CopyBuffer(sum, resting{io.NewSectionReader(r.f, 0, r.size-digestSize), r.step}, make([]byte, portion)); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	if !bytes.Equal(sum.Sum(nil), r.trailer.sum[:]) {
		return &DamageError{File: name, Offset: r.bodyAt(), Reason: "the body does not match its SHA-256"}
	}
	r.Snapshot = Snapshot{Name: name, Size: r.size}
	r.take(&h)
	return nil
}

// bodyAt is the offset of the body.
func (r *Reader) bodyAt() int64 { return int64(len(r.header)) }

func (s *Snapshot) take(h *header) {
	s.Meta, s.Created, s.Encrypted, s.Key = h.Meta, h.created, h.encrypted, h.key
}

// begin leaves the Reader before the body.
func (r *Reader) begin() error {
	body, err := r.decrypted(io.NewSectionReader(r.f, r.bodyAt(), int64(r.trailer.stored)))
	if err != nil {
		return err
	}
	r.left = r.trailer.plain
	r.dec, err = zstd.NewReader(body,
		zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderMaxMemory(maxWindow))
	if err != nil {
		return r.bodyError(err)
	}
	return nil
}

func readAt(f *os.File, name string, at, n int64) ([]byte, error) {
	b := make([]byte, n)
	if _, err := f.ReadAt(b, at); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	return b, nil
}

// Read returns the next bytes of the body, and io.EOF after as many as were
// written. Anything else is a [*DamageError].
func (r *Reader) Read(p []byte) (int, error) {
	if r.err != nil || len(p) == 0 {
		return 0, r.err
	}
	// One byte more than is left shows a body that is longer than declared.
	if uint64(len(p)) > r.left+1 {
		p = p[:r.left+1]
	}
	r.step()
	n, err := r.dec.Read(p)
	switch {
	case uint64(n) > r.left:
		n, r.err = int(r.left), r.bodyError(errors.New("it is longer than its trailer says"))
	case errors.Is(err, io.EOF) && uint64(n) < r.left:
		r.err = r.bodyError(io.ErrUnexpectedEOF)
	case errors.Is(err, io.EOF):
		r.err = io.EOF
	case err != nil:
		r.err = r.bodyError(err)
	}
	r.left -= uint64(n)
	if n > 0 {
		return n, nil
	}
	return 0, r.err
}

func (r *Reader) bodyError(err error) error {
	if bad, ok := errors.AsType[*DamageError](err); ok {
		return bad // what is behind the decompressor has said what is wrong
	}
	return &DamageError{File: r.Name, Offset: r.bodyAt(), Reason: "the body does not decompress: " + err.Error()}
}

// resting reads in slices.
type resting struct {
	io.Reader

	step func()
}

// Read implements [io.Reader].
func (r resting) Read(p []byte) (int, error) {
	r.step()
	return r.Reader.Read(p)
}

// Stored returns how many bytes the body takes in the file.
func (r *Reader) Stored() int64 { return int64(r.trailer.stored) }

// drain reads the rest of the body for the sake of its checks.
func (r *Reader) drain() error {
	_, err := io.CopyBuffer(io.Discard, struct{ io.Reader }{r}, make([]byte, 256<<10))
	return err
}

// Close releases the file. It may be called twice.
func (r *Reader) Close() error {
	if r.f == nil {
		return nil
	}
	if r.dec != nil {
		r.dec.Close()
	}
	err := r.f.Close()
	r.f, r.err = nil, os.ErrClosed
	return err
}
