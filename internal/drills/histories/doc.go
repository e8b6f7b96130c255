// Package histories draws random work and compares what became of it: concurrent
// callers of one ledger, killed again and again, have a linearizable history; the
// same mutations come to the same positions under every schedule of batches,
// snapshots, trims and kills; and a dry run answers what the ledger answers.
//
// HOLDFAST_HISTORIES, HOLDFAST_SCHEDULES and HOLDFAST_REHEARSALS say how many are
// drawn, HOLDFAST_SEED=n repeats a draw.
package histories
