// Package drills holds the tests of a whole ledger on its disk and on its bus,
// through the public API alone. It has no code of its own.
//
//	go test ./internal/drills/...
//
// The packages below it are drills of one kind each: cases, faults, histories,
// relay, rot, snapshots, tamper. The tests here hold what a caller sees of busts,
// saves, keys, repairs, sizes, slow disks and ended contexts. Their shared code is in
// internal/ledgertest. The drills that need a fault build are in internal/torture.
package drills
