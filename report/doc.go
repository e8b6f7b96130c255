// Package report tells what positions came to: closed trades, sums by account,
// instrument or strategy, totals of accounts, and how two views differ.
//
// A report is a policy over positions. It stores nothing, changes nothing, and is not
// part of what a ledger must agree on: tools pair the same fills in different ways, and
// none of these pairings is state. The figures of a single position are in package
// position.
package report
