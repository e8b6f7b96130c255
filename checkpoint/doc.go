// Package checkpoint is a signed statement about a ledger: that the chain of
// record seq has this value, and that it had these values at some seqs before.
//
// The chain of a journal commits to everything before it, but whoever can write
// the journal can compute a new one. A checkpoint that is kept where he cannot
// write makes that visible: the ledger still holds the history that was signed,
// or it does not. The package knows the form and the signature; what a
// checkpoint is compared with is the caller's business.
//
// # Form
//
// A checkpoint is a note of golang.org/x/mod/sumdb/note: a text, an empty line,
// and one or more lines of signatures (ed25519). The text is
//
//	holdfast/6f1c0e3a-…      the ledger
//	1234                     seq of the newest record it vouches for
//	nVy6…=                   chain of that record
//	name main                the ledger's name
//	epoch 3                  epoch of that record
//	time 2026-01-02T03:04:05.000000006Z
//	state q83v…=             digest of the state at that record; may be missing
//	at 1 5fAx…=              chain of an earlier record,
//	at 617 Zm9v…=            at most MaxEarlier of them, seqs ascending
//
// Numbers are decimal without leading zeros, hashes the standard base64 of 32
// bytes, the time is the record's, in UTC. There is one spelling of everything:
// [Parse] accepts a text if it is what [Checkpoint.Text] writes, and nothing
// else. A line that it does not know is refused, because a signature says that
// every line was meant.
//
// The earlier seqs stand the closer, the newer they are. When a history has been
// rewritten, the last one that still fits and the first one that does not bound
// where that begins.
//
// Checkpoints may be concatenated; [Split] takes them apart.
package checkpoint
