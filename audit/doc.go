// Package audit finds out whether a ledger is what was written, and changes nothing.
//
// [Verify] checks every byte, and with [Options.Deep] the arithmetic: it recomputes each
// change from its cause. [Compare] holds the ledger against evidence that was kept
// elsewhere: checkpoints, a snapshot, or a copy. It finds what a ledger alone cannot
// show, a history that was rewritten with fresh checksums or put back to an earlier end.
// [Checkpoint] and [Notes] make such evidence.
//
// Damage is in a [Report], not in the error: an error says what kept the audit from
// being made.
package audit
