// Package repair mends a journal that no Open takes.
//
// [Diagnose] holds the files against the rule of Open and says in a [Plan] what is
// damaged, what a copy of the same ledger can heal, and what would have to be given
// up without one; it writes nothing. [Do] makes the same plan again under the
// ledger's lock and carries it out.
//
// A record is taken from a copy only where the ledger has none, and only if the
// chain says that it is the same record: a copy of another history is refused with a
// [CopyError]. Nothing is ever lost unless [Options].AcceptLossFrom names it. A file that
// is replaced gets a second name in quarantine first, every file is replaced whole, and
// MARK comes last, so that a repair that was cut short leaves a ledger that is as
// damaged as before, or one that only the same repair goes on with. The package
// comment of journal has the argument.
//
// It reads files whatever they are called (sources), lays their records one behind
// the other (stitch), puts them into segments (layout), and takes of several ways the
// one that the rule of Open likes best (choose).
package repair
