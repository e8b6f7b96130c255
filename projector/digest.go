package projector

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"

	"github.com/moneyprinter/holdfast/internal/wire"
)

// Digest returns the SHA-256 of what the view holds: positions, instruments and
// accounts, each kind in the order of its keys. Seqs, epochs and record times
// are left out, and so is the dedupe window, so that two machines, or a run with
// and one without crashes, can be compared. It is computed once per view.
//
//	"holdfast digest 1\n"
//	positions    u64 count, then each as u32 length ‖ wire.AppendPosition
//	instruments  u64 count, then each as u32 length ‖ wire.AppendInstrument
//	accounts     u64 count, then each as u32 length ‖ wire.AppendAccount
//
// Numbers are little endian. A position's own mark is that of its last change.
func (v *View) Digest() [32]byte { return v.made().digest() }

func (v *View) computeDigest() [32]byte {
	h := digester{hash: sha256.New(), step: v.step}
	h.buf = append(h.buf, "holdfast digest 1\n"...)
	h.count(len(v.positions))
	order := v.book.positions.order(v.positions, rested(v, byKey))
	for i, slot := range order {
		if i%few == 0 {
			h.warm += warm(v.positions, order[i:])
		}
		start := h.open()
		h.buf = wire.AppendPosition(h.buf, v.positions[slot])
		h.close(start)
	}
	h.count(len(v.instruments))
	for _, slot := range v.book.instruments.order(v.instruments, rested(v, byInstrument)) {
		start := h.open()
		h.buf = wire.AppendInstrument(h.buf, v.instruments[slot])
		h.close(start)
	}
	h.count(len(v.accounts))
	for _, slot := range v.book.accounts.order(v.accounts, rested(v, byAccount)) {
		start := h.open()
		h.buf = wire.AppendAccount(h.buf, v.accounts[slot])
		h.close(start)
	}
	return h.sum()
}

// digester gathers bytes so that the hash gets long runs of them.
type digester struct {
	hash hash.Hash
	buf  []byte
	step func() // nil: nothing
	warm int64  // see warm
}

func (h *digester) count(n int) { h.buf = binary.LittleEndian.AppendUint64(h.buf, uint64(n)) }

// open leaves room for the length of what is appended next.
func (h *digester) open() int {
	h.buf = append(h.buf, 0, 0, 0, 0)
	return len(h.buf)
}

func (h *digester) close(start int) {
	binary.LittleEndian.PutUint32(h.buf[start-4:], uint32(len(h.buf)-start))
	if len(h.buf) >= bodyBuffer {
		h.flush()
	}
}

func (h *digester) flush() {
	if h.step != nil {
		h.step()
	}
	h.hash.Write(h.buf)
	h.buf = h.buf[:0]
}

func (h *digester) sum() (out [32]byte) {
	h.flush()
	h.hash.Sum(out[:0])
	return out
}
