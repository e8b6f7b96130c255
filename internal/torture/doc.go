// Package torture holds the fault drills of the whole ledger. They are tests
// that need a fault build (see internal/faultbuild) and are run by
// TestFaultDrills, or by hand:
//
//	go run ./internal/faultbuild test -count=1 -v -run Crash ./internal/torture
//
// The drills:
//
//   - TestCrashStates records what a workload does to its files and opens the
//     ledger in every state that a power cut could have left, under two models of
//     directories and nine of data, and in those that a second cut during or after
//     the recovery could have left.
//   - TestEveryFailure lets the n-th operation fail, for every n, with each errno,
//     once and for good.
//   - TestEveryKill kills a process at its n-th operation, for every n.
//   - TestShutdowns cuts off a real ext4 and a real xfs; it needs root.
//
// Each of them checks the same: every acknowledged change is there, with the
// chain value that it was given; nothing is there that was not asked for; an
// atomic batch is there whole or not at all; the positions are what a second,
// independent arithmetic makes of the fills; and the ledger takes new ones.
//
// Environment: HOLDFAST_STATES is how many crash states are checked per model of
// directories, HOLDFAST_FAULTS=1 makes the other drills complete,
// HOLDFAST_SHUTDOWNS is how many cuts each file system gets, HOLDFAST_SEED
// repeats a run, HOLDFAST_STATE one state of it.
package torture
