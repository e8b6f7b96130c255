// Package planted is the self-test of the tests: a table of bugs that would cost
// records or accept damage, each a change of a few words of the source, and for
// each the tests that must turn red when it is planted.
//
// An ordinary run checks only that every bug can still be planted, which is that
// the text it replaces stands in the source exactly once. With HOLDFAST_PLANTED=1,
// which `make selftest` sets, each is built into the tests by the overlay of the go
// command, nothing is written in the repository, and a bug that no test notices is
// an error. A bug that does not compile, or tests that fail without it, prove
// nothing and are errors too.
//
// When code that the table quotes is changed, the bug is planted anew in the code
// that took its place; it is removed only when it cannot be made any more.
package planted
