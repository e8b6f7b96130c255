// Package archive reads a ledger's directory: its identity, the state as of a moment or
// an event time, the history of changes, its snapshots. [OpenReader] needs no lock and
// writes nothing, so it works beside a live writer; what a writer trims away under a
// reading is read again from the new base and never taken for damage.
//
// A restore is reading too: it makes a new ledger in another directory and leaves the
// one that it reads as it is.
//
// [Reader] is for everybody. [Source] is the same directory for the packages that check,
// repair and write a ledger: it gives them the journal, the states that snapshots hold,
// and where both meet. A Source asks no questions; whoever takes one from a Reader, or
// makes one, has looked at the identity first.
package archive
