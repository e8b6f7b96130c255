// Package holdfast is the flight recorder and state keeper for trading
// positions.
//
// An engine applies what happened, fills, marks, charges, to a [Ledger]. When
// [Ledger.Apply] returns, the change is on disk, checksummed and chained to all
// before it. After any crash [Open] gives the same positions back, bit for bit;
// any past moment that is kept can be asked for with [Reader.AsOf]; every number can be
// traced through [Reader.History] to the mutation that caused it; and with
// [Options.Bus] every record is one message on NATS.
//
// # What it promises
//
//   - An acknowledged mutation is never lost and never applied twice: retry with
//     the same id whenever the outcome is unknown.
//   - A batch is visible whole or not at all.
//   - Readers see only what is durable, and reading never writes.
//   - What is damaged is refused with file, offset and seq. A torn tail that was
//     never acknowledged is cut, kept in quarantine and reported.
//   - The same mutations give the same bytes on any machine.
//   - A disk that refuses a write makes the ledger read-only, not wrong: see
//     [Ledger.Failed] for how writing is taken up again.
//
// # What it does not
//
// One process writes a ledger. Durability is that of the local file system and
// its fsync; a disk that lies about fsync is outside the model. Nothing is
// encrypted unless [Options.Keys] says so: journal and snapshots are then, names
// of files, sizes and times are not. The bus is derived: consumers get every record at
// least once, in order, and recognise repeats by seq.
//
// Package service answers requests to a ledger on NATS. It is above this one: give its
// Offer to [BusOptions.Connected].
//
// The packages below can be used on their own: [archive] reads a ledger's directory,
// [audit] verifies it, [repair] mends it, and [report] draws up trades and sums;
// [position] has the arithmetic, [journal] the log, [projector] state from records,
// [snapshotter] verified files, [bus] the NATS side. Names of theirs that an engine
// needs are here as well.
//
// [archive]: https://pkg.go.dev/github.com/moneyprinter/holdfast/archive
// [audit]: https://pkg.go.dev/github.com/moneyprinter/holdfast/audit
// [repair]: https://pkg.go.dev/github.com/moneyprinter/holdfast/repair
// [report]: https://pkg.go.dev/github.com/moneyprinter/holdfast/report
// [position]: https://pkg.go.dev/github.com/moneyprinter/holdfast/position
// [journal]: https://pkg.go.dev/github.com/moneyprinter/holdfast/journal
// [projector]: https://pkg.go.dev/github.com/moneyprinter/holdfast/projector
// [snapshotter]: https://pkg.go.dev/github.com/moneyprinter/holdfast/snapshotter
// [bus]: https://pkg.go.dev/github.com/moneyprinter/holdfast/bus
package holdfast
