// Package repair heals a ledger from a copy, or gives up records where it is told to.
//
// The journal finds out what is damaged and mends its own files. This package does what
// is around that: it knows whose copy may heal, verifies that what a loss leaves is a
// ledger, and puts the identity and the snapshots in order. [Diagnose] says what [Do] would
// do, and changes nothing.
package repair
