// Package snapshots holds a ledger to its snapshots: which of them opening trusts,
// what is trimmed behind them and pruned, what can be read of earlier moments,
// and what a restore makes.
package snapshots
