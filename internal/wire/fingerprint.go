package wire

import "github.com/moneyprinter/holdfast/position"

// Fingerprint is what the dedupe window keeps of a mutation: enough to tell a
// retry (same id, same content) from an id that was used for something else.
// Both halves are keyed: without the key of the ledger nobody who chooses ids or
// contents can make two of them meet, and those of two ledgers have nothing in common.
type Fingerprint struct {
	ID      [16]byte // of the id
	Content [16]byte // of the binary form without id, time and expected version
}

// FingerprintOf returns the fingerprint of a mutation under the key of a ledger. A retry may carry a new
// time, because an engine that lost its answer may have lost its clock reading
// too.
func FingerprintOf(key position.FingerprintKey, m position.Mutation) Fingerprint {
	var buf [512]byte // a fill with names of usual length fits
	var from origin
	// Nearly all are fills, and copied out of the interface once only.
	if f, ok := m.(position.Fill); ok {
		w, n := roomFor(buf[:0], fillBound(&f))
		return printOf(&key, w[:w.fillOf(n, &f, false, &from)], buf[:0], f.Ident)
	}
	if m = position.ValueOf(m); m == nil {
		return printOf(&key, nil, buf[:0], "")
	}
	w, n := roomFor(buf[:0], mutationBound(m))
	return printOf(&key, w[:w.mutation(n, m, false, &from)], buf[:0], m.ID())
}

// HashID returns the half of a fingerprint that an id alone gives.
func HashID(key position.FingerprintKey, id string) [16]byte { return sipHash(&key, []byte(id)) }

// printOf hashes both halves; room may be that of the content.
func printOf(key *position.FingerprintKey, content, room []byte, id string) (f Fingerprint) {
	f.Content = sipHash(key, content)
	f.ID = sipHash(key, append(room, id...))
	return f
}
