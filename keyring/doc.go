// Package keyring holds the master keys of an encrypted ledger: one that writes
// and older ones that read. It promises that a key never shows in what is
// printed, logged or marshalled (only its id does), and that a key that is
// missing is told from data that is damaged.
//
//	ring, err := keyring.Load(ctx, "/etc/holdfast.key")
//	sub, err := ring.Derive(id, "journal", salt, 32)
//
// A nil *[Ring] means that there are no keys. The package encrypts nothing
// itself: a caller that encrypts derives a key of its own for its purpose, so that
// no two uses of a master key can meet.
//
// # Text form
//
// A key is 32 random bytes, written holdfast-key-1:<base64>, in the padded
// standard alphabet. A file of keys has one on each line, the first of which
// writes; blank lines and lines that begin with # are skipped, and so is white
// space at either end of a line. An id is the first four bytes of
// SHA-256("holdfast key id" ‖ key), shown as eight hexadecimal digits. It says
// which key is meant and nothing about the key. Two keys of one id are refused.
//
// # Sources
//
// [Load] reads keys from a file that nobody but its owner may read or write
// (PATH or file:PATH), from an environment variable (env:NAME), or from what a
// command prints (cmd:COMMAND), which is the way to a password manager or a key
// service. An error says of a source its kind, a path or the name of a variable,
// and the number of a line, never what was read or the command.
//
// # Why no nonce is used twice
//
// AES-GCM falls apart when two messages are encrypted under one key and one
// nonce. A writer of records draws a salt of 96 random bits whenever it is
// opened, and a new one after each rotation; the key of a record is derived
// from the master key and that salt, and the nonce is the record's seq. Under
// one salt a seq is encrypted once: the writer goes up by one with each record
// that it encrypts and never back, also when what it encrypted is dropped. A
// record that is written again after a crash has a seq that was used before,
// and another salt, because another opening wrote it. For two openings out of
// 2³² to draw the same salt the chance is below 2⁻³², and only then, at an
// equal seq, does a nonce repeat. A snapshot draws 256 bits of salt for itself.
//
// Nothing here protects from a process that is copied while it runs: if a virtual
// machine is restored twice from one image, neither of the two draws a new salt.
// Restore such an image into a rotated key, or open the ledger anew.
//
// # Limits
//
// Keys stay in memory while the ring does and are not wiped. An id of four bytes
// is no commitment: what is encrypted has to be authenticated as well. Losing
// the key is losing the data.
package keyring
