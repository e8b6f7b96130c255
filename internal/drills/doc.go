// Package drills holds the tests of a whole ledger on its disk and on its bus,
// through the public API alone. It has no code of its own.
//
//	go test ./internal/drills
//
// The drills:
//
//   - Damage: every kind of rot, cut and swap in each of a ledger's files, and
//     what opening, verifying and repairing make of it (damage, rot, forge,
//     repair). HOLDFAST_EXHAUSTIVE=1 tries every bit, byte, sector, cut and file.
//   - Faults: a write that fails, a full disk, a disk that hangs, a directory
//     that goes away, a kill at any moment (fault, child, slowdisk, splitmany).
//   - Histories: concurrent callers, checked for linearizability, across kills
//     (linear); random worlds under other schedules, or told in another order
//     (metamorphic, rehearse). HOLDFAST_HISTORIES, HOLDFAST_SCHEDULES and
//     HOLDFAST_REHEARSALS say how many, HOLDFAST_SEED repeats a draw.
//   - Cases: fills of venues and of other projects' test suites, with the figures
//     that they demand (cases, case*, hyperliquid, bitmex). Their data stands in a
//     folder beside the checkout; where that is missing they skip and say so.
//   - The bus: a stream equals the journal through kills of either side (bus,
//     busfault, busdomain).
//   - The rest holds what a caller sees of snapshots, retention, keys, busts,
//     checkpoints and verification.
//
// Some drills run the test binary itself as a child that can be killed or denied
// a resource: an environment variable says which, and TestMain hands over.
package drills
