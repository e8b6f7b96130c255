// Package rot damages every file of a ledger in every way: bits, bytes, sectors,
// cuts, and files that are lost, swapped, stale or of another ledger. It knows
// from the kind of damage what opening, verifying and repairing have to answer:
// what is damaged is never read as if it were whole.
//
// HOLDFAST_EXHAUSTIVE=1 tries every bit, byte, sector, cut and file,
// HOLDFAST_SEED=n repeats the draws of a run.
package rot
