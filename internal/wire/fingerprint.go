package wire

import (
	"crypto/sha256"

	"github.com/moneyprinter/holdfast/position"
)

// Fingerprint is what the dedupe window keeps of a mutation: enough to tell a
// retry (same id, same content) from an id that was used for something else.
// Both halves are the first 16 bytes of a SHA-256, so that nobody who chooses
// ids or contents can make two of them meet.
type Fingerprint struct {
	ID      [16]byte // of the id
	Content [16]byte // of the binary form without id, time and expected version
}

// FingerprintOf returns the fingerprint of a mutation. A retry may carry a new
// time, because an engine that lost its answer may have lost its clock reading
// too.
func FingerprintOf(m position.Mutation) Fingerprint {
	var buf [512]byte // a fill with names of usual length fits
	var from origin
	// Nearly all are fills, and copied out of the interface once only.
	if f, ok := m.(position.Fill); ok {
		w, n := roomFor(buf[:0], fillBound(&f))
		return printOf(w[:w.fillOf(n, &f, false, &from)], buf[:0], f.Ident)
	}
	if m = position.ValueOf(m); m == nil {
		return printOf(nil, buf[:0], "")
	}
	w, n := roomFor(buf[:0], mutationBound(m))
	return printOf(w[:w.mutation(n, m, false, &from)], buf[:0], m.ID())
}

// HashID returns the half of a fingerprint that an id alone gives.
func HashID(id string) [16]byte {
	sum := sha256.Sum256([]byte(id))
	return [16]byte(sum[:16])
}

// printOf hashes both halves; room may be that of the content.
func printOf(content, room []byte, id string) Fingerprint {
	c := sha256.Sum256(content)
	i := sha256.Sum256(append(room, id...))
	return Fingerprint{ID: [16]byte(i[:16]), Content: [16]byte(c[:16])}
}
