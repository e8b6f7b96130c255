package journal

import "github.com/moneyprinter/holdfast/journal/internal/segment"

// The types of records, places and refusals are in a package below this one, which
// package journal/repair shares.
type (
	// Record is one verified frame: Seq and Epoch, Synced, up to which everything was
	// durable before it was written, Time in nanoseconds since 1970, Flags, the
	// Chain value behind it, and Payload. Payload is a part of a buffer that is never
	// written again: it may be kept without a copy, and keeps up to half a MiB of
	// its neighbours in memory with it. That of an encrypted record is decrypted,
	// unless a reader was asked for what is stored.
	Record = segment.Record
	// Head is the place and the identity of a record: Seq, Epoch, Time, and the Chain
	// value, which commits to everything up to and including it.
	Head = segment.Head
	// Flags of a record.
	Flags = segment.Flags
	// Holder says who holds a ledger: PID, the Verb of the command, where to Reach a
	// daemon, a NATS URL, and Since when. It is written into LOCK as JSON.
	Holder = segment.Holder
	// DamageError names the place of a damage: File, relative to the ledger's
	// directory, the Offset of the first byte that cannot be accepted, and the Seq of
	// the record that should be there, 0 where none is meant. Durable is the highest
	// seq that is known to have been durable, By who says so where the bytes that are
	// left do not show it. It has a Reason and a Remedy, and matches [ErrDamaged].
	DamageError = segment.DamageError
	// TamperError names a record that its Key does not authenticate: File and Seq, the
	// key's id, and the Reason. It matches [ErrDamaged].
	TamperError = segment.TamperError
	// InUseError says who holds the ledger: Dir as it was given, and the Holder. It
	// matches [ErrInUse].
	InUseError = segment.InUseError
)

// The flags. All other bits are refused, in [Batch.Append] and on disk.
const (
	More      = segment.More      // the next record belongs to the same atomic batch
	Encrypted = segment.Encrypted // the payload is encrypted on disk; never the caller's to give
	Control   = segment.Control   // the record is the ledger's own, not a change
)

const (
	// MaxFrame bounds a frame, and with it every allocation that a length read from
	// a file can cause.
	MaxFrame = segment.MaxFrame
	// MaxPayload is the longest payload that [Batch.Append] takes, encrypted or not:
	// a ledger may be encrypted from any record on.
	MaxPayload = segment.MaxPayload
)

var (
	// ErrInUse is returned by [Open] when another value, in this process or in
	// another one, holds the ledger. See [InUseError].
	ErrInUse = segment.ErrInUse
	// ErrDamaged is returned for bytes that no crash of ours can have left, or for
	// the absence of records that are known to have been durable. See [DamageError].
	ErrDamaged = segment.ErrDamaged
)

// Missing is the damage of a ledger that was made and whose journal is gone.
func Missing() *DamageError { return segment.Missing() }

// ReadHolder reports whether the ledger in dir is held now, and by whom. It never
// waits and creates nothing.
func ReadHolder(dir string) (h Holder, held bool) { return segment.ReadHolder(dir) }
