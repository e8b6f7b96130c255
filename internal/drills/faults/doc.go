// Package faults has the system refuse or interrupt what a ledger asks of it: a
// full disk, a limit of file sizes, a directory that is taken away, each system
// call with an error, a kill. Every acknowledged change is there afterwards, an
// error is final until the ledger is opened again, and the order of system calls
// keeps what the journal promises.
//
// The ledger runs in a child, the test binary itself; some drills trace it and
// skip, saying so, where that is not allowed.
package faults
