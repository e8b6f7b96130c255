package segment

import "github.com/moneyprinter/holdfast/keyring"

// Encoder makes the frames of one journal value. It runs ahead of durability and
// belongs to the goroutine that fills batches.
type Encoder struct {
	Head Head // of the last frame that was made

	chain Chainer
	seal  sealer
}

// NewEncoder returns an encoder of the records behind head. Without keys nothing is
// encrypted; salt fills the salts, from crypto/rand if it is nil.
func NewEncoder(head Head, keys *keyring.Ring, salt func([]byte) error) Encoder {
	if salt == nil {
		salt = randomSalt
	}
	return Encoder{Head: head, seal: sealer{keys: keys, salt: salt}}
}

// Append appends the frame of r, encrypted if there are keys, and moves on behind it.
// Once something was encrypted there is no error, so that a salt and a seq meet once.
func (e *Encoder) Append(dst []byte, r *Record) ([]byte, error) {
	prev, start := &e.Head.Chain, len(dst)
	if e.seal.keys == nil {
		dst = e.chain.AppendFrame(dst, r, prev)
		e.Head = r.Head()
		return dst, nil
	}
	if err := e.seal.ready(); err != nil {
		return dst, err
	}
	r.Flags |= Encrypted
	dst = appendHeader(dst, r)
	e.seal.to(dst[start:], prev)
	dst = append(dst, e.seal.head[:]...)
	dst = e.seal.aead.Seal(dst, e.seal.nonce[:], r.Payload, e.seal.with[:])
	e.chain.finish(dst[start:], r, prev)
	e.Head = r.Head()
	return dst, nil
}
