package snapshotter

import (
	"errors"
	"fmt"
	"io"

	"github.com/tink-crypto/tink-go/v2/streamingaead/subtle"

	"github.com/moneyprinter/holdfast/keyring"
)

// The streaming AEAD of an encrypted body: AES256-GCM-HKDF with segments of 1 MiB.
// A body that is written under other parameters cannot be read.
const (
	sealPurpose = "snapshot"
	sealKeySize = 32
	sealSegment = 1 << 20
	sealHash    = "SHA256"
)

// stream returns the streaming AEAD for a key and the ledger that a header names.
func stream(keys *keyring.Ring, id keyring.ID, head []byte) (*subtle.AESGCMHKDF, error) {
	key, err := keys.Derive(id, sealPurpose, head[16:32], sealKeySize)
	if err != nil {
		return nil, err //nolint:wrapcheck // the caller adds the file
	}
	s, err := subtle.NewAESGCMHKDF(key, sealHash, sealKeySize, sealSegment, 0)
	if err != nil {
		return nil, fmt.Errorf("cipher: %w", err)
	}
	return s, nil
}

type nopCloser struct{ io.Writer }

// Close does nothing.
func (nopCloser) Close() error { return nil }

// encrypted returns a writer whose Close ends the encrypted body; without keys it
// passes on. The header is authenticated with the body.
func encrypted(w io.Writer, head []byte, keys *keyring.Ring) (io.WriteCloser, error) {
	if keys == nil {
		return nopCloser{w}, nil
	}
	s, err := stream(keys, keyring.ID(head[162:166]), head) // the ring may have rotated since
	if err != nil {
		return nil, err
	}
	out, err := s.NewEncryptingWriter(w, head)
	if err != nil {
		return nil, fmt.Errorf("encrypt: %w", err)
	}
	return out, nil
}

// decrypted returns a reader of the compressed body. A key that is missing is
// told apart from a body that does not authenticate.
func (r *Reader) decrypted(stored io.Reader) (io.Reader, error) {
	if !r.Encrypted {
		return stored, nil
	}
	s, err := stream(r.keys, r.Key, r.header)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.Name, err)
	}
	in, err := s.NewDecryptingReader(stored, r.header)
	if err != nil {
		return nil, r.sealError(err)
	}
	return &sealReader{r: r, in: in}, nil
}

// sealReader remembers the first error: a streaming reader that failed in its
// last segment would call it the end when it is asked again.
type sealReader struct {
	r   *Reader
	in  io.Reader
	err error
}

// Read implements [io.Reader].
func (s *sealReader) Read(p []byte) (n int, err error) {
	if s.err == nil {
		if n, s.err = s.in.Read(p); s.err != nil && !errors.Is(s.err, io.EOF) {
			s.err = s.r.sealError(s.err)
		}
	}
	return n, s.err
}

// sealError is the error of a body that is what its SHA-256 says, and not what
// the holder of the key wrote.
func (r *Reader) sealError(err error) error {
	return &DamageError{
		File: r.Name, Offset: r.bodyAt(),
		Reason: fmt.Sprintf("the body does not authenticate under key %s: it was tampered with (%v)", r.Key, err),
	}
}
