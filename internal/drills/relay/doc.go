// Package relay runs a ledger with its bus: the stream equals the journal
// through kills of either side, requests are answered, what a ledger does beside
// its records is announced, and what the bus has seen is evidence against a
// journal that lost its end.
package relay
