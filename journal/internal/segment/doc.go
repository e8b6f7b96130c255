// Package segment is what a ledger's journal is made of on disk and what can be
// said of it without changing it: frames and their chain, segment files and MARK,
// the lock of the directory, and the verdict about an end.
//
// A [Scanner] reads the frames of one segment; [Look] reads all of them, holds them
// against each other and against MARK, and gives a [Survey]. [Survey.Judge] decides
// whether what is there is a journal that a crash of ours can have left. The journal
// recovers, follows and checks by it, and a repair asks it of what it is about to
// make: one rule, three uses.
//
// The package comment of journal draws the bytes and makes the crash argument. This
// package writes MARK and LOCK and makes directories; it never writes a record.
package segment
