package segment

import (
	"fmt"

	"github.com/moneyprinter/holdfast/keyring"
)

// Encoder makes the frames of one journal value. It runs ahead of durability and
// belongs to the goroutine that fills batches.
type Encoder struct {
	Head Head // of the last frame that was made

	seal sealer
}

// NewEncoder returns an encoder of the records behind head. Without keys nothing is
// encrypted; salt fills the salts, from crypto/rand if it is nil.
func NewEncoder(head Head, keys *keyring.Ring, salt func([]byte) error) Encoder {
	if salt == nil {
		salt = randomSalt
	}
	return Encoder{Head: head, seal: sealer{keys: keys, salt: salt}}
}

// Size is the length of the frame of a payload of n bytes.
func (e *Encoder) Size(n int) int {
	if e.seal.keys != nil {
		n += sealSize
	}
	return HeaderSize + n
}

// Plain reports whether payloads are stored as they are, so that one may stand in
// its place before its frame is made; see [Encoder.Append].
func (e *Encoder) Plain() bool { return e.seal.keys == nil }

// Append appends the frame of r, encrypted if there are keys, and moves on behind it.
// A payload that is stored as it is may stand where the frame will have it already.
// Once something was encrypted there is no error, so that a salt and a seq meet once.
func (e *Encoder) Append(dst []byte, r *Record) ([]byte, error) {
	if r.Epoch > maxNumber || r.Seq-r.Synced > maxNumber {
		return dst, fmt.Errorf("epoch %d, seq %d with seq %d durable before: beyond what a frame can hold", r.Epoch, r.Seq, r.Synced)
	}
	start := len(dst)
	if e.seal.keys == nil {
		dst = AppendFrame(dst, r, &e.Head.Chain)
		e.Head = r.Head()
		return dst, nil
	}
	if err := e.seal.ready(); err != nil {
		return dst, err
	}
	r.Flags |= Encrypted
	dst = appendHeader(dst, r, &e.Head.Chain)
	e.seal.to((*[HeaderSize]byte)(dst[start:]))
	dst = append(dst, e.seal.head[:]...)
	dst = e.seal.aead.Seal(dst, e.seal.nonce[:], r.Payload, e.seal.with[:])
	finish(dst[start:], r)
	e.Head = r.Head()
	return dst, nil
}
