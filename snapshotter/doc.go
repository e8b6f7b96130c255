// Package snapshotter keeps the snapshots of a ledger: files that each hold a
// whole state at one seq, so that opening a ledger does not need all of its
// history, and that are its backups at the same time. It promises that a file
// under a snapshot's name was once read back whole and found good, and that one
// changed bit, one missing byte or one byte too many is noticed before a single
// byte of the body is handed out.
//
// It knows bytes and names. The meaning of the body is the caller's business, and
// so is when to write, what to keep beyond a number, and whether a snapshot
// belongs to the ledger (its header says so: it has the ledger's id, and the identity,
// a text that the caller gives and reads). It copies nothing to other
// machines. All of a directory's snapshots are written by one [Snapshotter] at
// a time; the ledger's lock sees to that. Reading takes no lock and creates
// nothing.
//
//	s := snapshotter.New(filepath.Join(dir, "backups"), snapshotter.Options{Now: clock})
//	snap, err := s.Write(ctx, meta, func(w io.Writer) error { _, err := view.WriteTo(w); return err })
//	r, err := s.Open(snap.Name) // r.Meta, then the body from r.Read
//
// # Names
//
// positions_YYYYMMDD_HHMMSS_<seq>.snap, with the time of writing in UTC and the
// seq in plain decimal. A name that is taken is never written to again: a second
// snapshot of the same seq in the same second gets the next free second. Names
// given by people are compared with this form and nothing else, so no path
// leads out of the directory; symbolic links, directories and devices under
// such a name are not snapshots and are left alone. The file
// <name>.tmp is one being written, or what a crash left of it.
//
// # Format
//
// All integers are little endian; CRC is CRC-32C.
//
//	     0   8  magic "HOLDSNAP"
//	     8   2  format version, 2
//	    10   2  length h of the header, 176 and that of the identity
//	    12   4  CRC of bytes 0 to 12; these 16 bytes are the same in every
//	            version, which tells a newer format from a damaged file
//	    16  16  ledger
//	    32   8  seq of the last record that the body contains
//	    40   8  epoch of that record
//	    48  32  chain after that record
//	    80   8  record time of that record, Unix nanoseconds
//	    88   8  time of writing, Unix nanoseconds
//	    96   8  positions in the body
//	   104   8  instruments
//	   112   8  accounts
//	   120   8  entries of the dedupe window
//	   128  32  digest of the state
//	   160   2  flags: 1 the body is encrypted
//	   162   4  id of the key of an encrypted body, else zero
//	   166   6  zero
//	   172   …  identity of the ledger, at most 65359 bytes
//	 h − 4   4  CRC of bytes 16 to h − 4
//	     h   …  body: one zstd frame with its own checksum, window at most 8 MiB,
//	            as it is or encrypted
//	n − 52   8  length of the body before compression
//	n − 44   8  length of the body as stored, n − h − 52
//	n − 36  32  SHA-256 of bytes 0 to n − 36
//	n −  4   4  CRC of bytes n − 52 to n − 4
//
// The CRCs are there to say where the damage is and to let [Snapshotter.List]
// trust a header without reading the body; the SHA-256 is what a snapshot
// stands on. Together they name the part: a bad first or second CRC is the
// header, a bad last CRC is the trailer or a file of the wrong length, and a bad
// SHA-256 between two good ones is the body.
//
// # Encryption
//
// With [Options].Keys a body is compressed and then encrypted by Tink's
// streaming AEAD AES256-GCM-HKDF in segments of 1 MiB: 1 byte, 32 bytes of random
// salt and 7 of a nonce prefix, then the segments, each with its tag of 16 bytes.
// Its main key is derived for the purpose "snapshot" with the ledger's id as
// salt; the header is authenticated with the body. A flag that a build does not know
// is refused by [ErrNewerFormat].
//
// The SHA-256 is over what is stored, so that a body without its key can be
// verified and copied, and is told apart from a damaged one: opening it gives
// [keyring.ErrNoKey]. The last segment is marked as the last, so that a body that
// was cut between two segments, or has something behind it, does not
// authenticate, whatever its SHA-256 and its trailer say.
//
// # Crashes
//
// A snapshot is written under its temporary name, fsynced, opened anew, read
// back and verified to the last byte, renamed, and then the directory is
// fsynced. A crash before the rename leaves a temporary file, which List does
// not see and [Snapshotter.Prune] removes. A crash between the rename and the
// directory's fsync leaves either name, and in both cases whole contents,
// because the file itself was durable before. Write returns only after the last
// fsync, so what the caller trims from its log on the strength of a snapshot is
// covered by one that no crash takes back. There is no state in which a
// snapshot's name stands for a half-written file; a disk that changes bytes
// later is found by [Snapshotter.Verify] and by [Snapshotter.Open], which
// checks everything again.
//
// # Pace
//
// A Snapshotter of [Snapshotter.Beside] makes way for other work: what it writes, reads,
// compresses and hashes goes on in slices of half a millisecond, each followed by a rest
// of four times its length while the other work goes on, and by none where there is
// none. It asks between two pieces, of 256 KiB at most; there is no timer. Nothing is
// left out for it: the file is read back and verified as ever.
//
// # Limits
//
// The SHA-256 is not keyed: it proves that the file is as it was written, not
// who wrote it; an encrypted body does prove that somebody with the key did. A
// forged file decompresses in bounded memory and no further than
// the length it declares.
package snapshotter
