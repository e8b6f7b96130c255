package segment

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"fmt"
	"sync"

	"github.com/moneyprinter/holdfast/keyring"
)

// The payload of an encrypted record as it is stored; the package comment of journal
// draws it, and that of keyring says why no nonce is used twice.
const (
	sealIDSize   = 4
	sealSaltSize = 12
	sealHeadSize = sealIDSize + sealSaltSize
	sealTagSize  = 16
	sealSize     = sealHeadSize + sealTagSize // what encrypting adds to a payload
	sealKeySize  = 32
	sealPurpose  = "journal"

	// maxCiphers bounds how many ciphers a reader keeps, one for each opening
	// of the ledger whose records it meets.
	maxCiphers = 64
	// openRoom is how much room for decrypted payloads is made at once.
	openRoom = 64 << 10
)

// sealHead begins an encrypted payload: the id of the key and the salt. It names
// the key of the record.
type sealHead [sealHeadSize]byte

func (h *sealHead) id() keyring.ID { return keyring.ID(h[:sealIDSize]) }

// sealedUnder returns the head of an encrypted payload, whose length
// DecodeFrame has checked.
func sealedUnder(stored []byte) sealHead { return sealHead(stored[:sealHeadSize]) }

// cipher derives the cipher of the records with this head.
func (h *sealHead) cipher(keys *keyring.Ring) (cipher.AEAD, error) {
	key, err := keys.Derive(h.id(), sealPurpose, h[sealIDSize:], sealKeySize)
	if err != nil {
		return nil, err //nolint:wrapcheck // who asks knows the record
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("cipher: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("cipher: %w", err)
	}
	return aead, nil
}

// SealedUnder returns the id of the key under which the record is stored; ok is
// false for a plain one.
func (r *Record) SealedUnder() (id keyring.ID, ok bool) {
	stored := r.stored
	if stored == nil {
		stored = r.Payload
	}
	if r.Flags&Encrypted == 0 || len(stored) < sealHeadSize {
		return keyring.ID{}, false
	}
	h := sealedUnder(stored)
	return h.id(), true
}

// binding is what ties a ciphertext to its place: its nonce, which is the seq,
// and what is authenticated with it, which is the header with the chain value of
// everything before the record.
type binding struct {
	nonce [12]byte
	with  [HeaderSize - atVersion]byte
}

// to takes a header as putHeader makes it.
func (b *binding) to(header *[HeaderSize]byte) {
	copy(b.nonce[:], header[atSeq:atBehind])
	copy(b.with[:], header[atVersion:])
}

// sealer encrypts the records of one journal value. Like the encoder, it belongs
// to the goroutine that fills batches.
type sealer struct {
	keys *keyring.Ring // nil: nothing is encrypted
	salt func([]byte) error
	head sealHead
	aead cipher.AEAD // nil before the first record
	binding
}

func randomSalt(b []byte) error {
	_, err := rand.Read(b)
	return err
}

// ready follows the ring: a new current key gets a new salt.
func (s *sealer) ready() error {
	id := s.keys.Current()
	if s.aead != nil && s.head.id() == id {
		return nil
	}
	var head sealHead
	copy(head[:], id[:])
	if err := s.salt(head[sealIDSize:]); err != nil {
		return fmt.Errorf("make salt: %w", err)
	}
	aead, err := head.cipher(s.keys)
	if err != nil {
		return err
	}
	s.head, s.aead = head, aead
	return nil
}

// Vault keeps the ciphers of a reader. It is safe for concurrent use; a nil one
// has no keys.
type Vault struct {
	keys    *keyring.Ring
	mu      sync.Mutex
	ciphers map[sealHead]cipher.AEAD // guarded by mu
}

// NewVault returns a vault that derives its ciphers from a ring.
func NewVault(keys *keyring.Ring) *Vault {
	return &Vault{keys: keys, ciphers: make(map[sealHead]cipher.AEAD)}
}

func (v *Vault) cipher(h sealHead) (cipher.AEAD, error) {
	if v == nil {
		return h.cipher(nil)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if c, ok := v.ciphers[h]; ok {
		return c, nil
	}
	c, err := h.cipher(v.keys)
	if err != nil {
		return nil, err
	}
	if len(v.ciphers) >= maxCiphers {
		clear(v.ciphers) // to make one again takes microseconds
	}
	v.ciphers[h] = c
	return c, nil
}

// Len is how many ciphers it keeps.
func (v *Vault) Len() int {
	v.mu.Lock()
	defer v.mu.Unlock()
	return len(v.ciphers)
}

// Opener decrypts records, one after the other.
type Opener struct {
	Vault  *Vault
	Stored bool // leave everything as it is stored
	Sealed bool // the record before was encrypted, see Follow
	head   sealHead
	aead   cipher.AEAD // of head; nil before the first record
	header [HeaderSize]byte
	room   []byte
	binding
}

// Open decrypts a record that stands behind prev, in the segment that begins with
// first; any other it leaves alone.
func (o *Opener) Open(rec *Record, prev *[32]byte, first uint64) error {
	if rec.Flags&Encrypted == 0 || o.Stored || rec.stored != nil {
		return nil
	}
	if h := sealedUnder(rec.Payload); o.aead == nil || o.head != h {
		aead, err := o.Vault.cipher(h)
		if err != nil {
			return fmt.Errorf("read seq %d: %w", rec.Seq, err)
		}
		o.head, o.aead = h, aead
	}
	putHeader(&o.header, rec, prev)
	o.to(&o.header)
	n := len(rec.Payload) - sealSize
	if len(o.room) < n {
		o.room = make([]byte, max(n, openRoom))
	}
	plain, err := o.aead.Open(o.room[:0:n], o.nonce[:], rec.Payload[sealHeadSize:], o.with[:])
	if err != nil {
		return tampered(Path(first), rec.Seq, o.head.id())
	}
	o.room = o.room[n:]
	rec.Payload, rec.stored = plain, rec.Payload
	return nil
}

// Follow takes note of a record that comes next to the one before, and refuses a
// plain one behind an encrypted one: no writer of ours goes back.
func (o *Opener) Follow(rec *Record, first uint64) error {
	sealed := rec.Flags&Encrypted != 0
	if o.Sealed && !sealed && !o.Stored {
		return &TamperError{File: Path(first), Seq: rec.Seq, Reason: plainBehind}
	}
	o.Sealed = sealed
	return nil
}

// plainBehind is the reason of a [TamperError] for a record that is not
// encrypted and stands behind one that is.
const plainBehind = "it is not encrypted, but records before it are"

func tampered(file string, seq uint64, id keyring.ID) error {
	return &TamperError{
		File: file, Seq: seq, Key: id,
		Reason: "its checksum and its chain are good, but it does not authenticate under key " + id.String(),
	}
}

// TamperError says that a record was changed by someone who knows the format and
// not the key: nothing that a disk or a crash does leaves that. It matches
// [ErrDamaged], and it is neither repaired nor cut.
type TamperError struct {
	File   string // relative to the ledger's directory
	Seq    uint64
	Key    keyring.ID // that the record names; zero for a plain record
	Reason string
}

func (e *TamperError) Error() string {
	return fmt.Sprintf("%v: %s, seq %d: %s: it was tampered with; nothing was changed; "+
		"compare with a copy that was kept elsewhere", ErrDamaged, e.File, e.Seq, e.Reason)
}

// Is reports whether target is [ErrDamaged].
func (e *TamperError) Is(target error) bool { return target == ErrDamaged }
