package position

import "crypto/sha256"

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
func FingerprintOf(m Mutation) Fingerprint {
	m = valueOf(m)
	var buf [512]byte // a fill with names of usual length fits
	w, n := roomFor(buf[:0], mutationBound(m))

	var f Fingerprint
	content := sha256.Sum256(w[:w.mutation(n, m, false, new(origin))])
	copy(f.Content[:], content[:])
	id := sha256.Sum256(append(buf[:0], m.ID()...))
	copy(f.ID[:], id[:])
	return f
}
