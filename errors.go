package holdfast

import (
	"errors"

	"github.com/moneyprinter/holdfast/archive"
	"github.com/moneyprinter/holdfast/audit"
	"github.com/moneyprinter/holdfast/internal/committer"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/journal/repair"
	"github.com/moneyprinter/holdfast/keyring"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// The errors of a ledger; match them with [errors.Is]. Those of the packages
// below are the same values under a second name, so that a caller needs to know
// only this package.
var (
	// ErrOutcomeUnknown is returned by Apply when the mutation was handed over
	// but its fate could not be learnt: the context ended first, or the disk
	// failed. Apply it again with the same id, which the [UnknownOutcomeError]
	// names: it is applied once.
	ErrOutcomeUnknown = committer.ErrOutcomeUnknown
	// ErrSync is matched by the error of a failed fsync, as [Ledger.Err], Open
	// and Close give it. The kernel may have dropped what it still shows, and
	// asked again it calls it written: the process should end. The next one
	// rewrites what was not known durable before it appends.
	ErrSync = committer.ErrSync
	// ErrTooMany is returned for a batch of more than [MaxBatch] mutations or
	// of more than [MaxBatchBytes] encoded bytes. A batch of one mutation is
	// bounded as that is, and beyond it [ErrTooLarge].
	ErrTooMany = committer.ErrTooMany
	// ErrNotLedger: the directory holds no ledger, or something else.
	ErrNotLedger = archive.ErrNotLedger
	// ErrMismatch: the options ask for other rules or another name than the ledger was
	// created with.
	ErrMismatch = archive.ErrMismatch
	// ErrUnknownName: a selection names an account, instrument, strategy or leg
	// that the ledger has never seen; see [UnknownNameError].
	ErrUnknownName = archive.ErrUnknownName
	// ErrNoSigner is returned by [Ledger.Checkpoint] of a ledger without
	// [Options.Signer].
	ErrNoSigner = errors.New("no signing key")
	// ErrWitness: what an audit was to compare with is no evidence; see
	// [audit.ErrEvidence].
	ErrWitness = audit.ErrEvidence

	// ErrInvalid: the form of a mutation is wrong.
	ErrInvalid = position.ErrInvalid
	// ErrVersionConflict: the expected version is not the current one.
	ErrVersionConflict = position.ErrVersionConflict
	// ErrUnknownInstrument: not defined, under strict instruments.
	ErrUnknownInstrument = position.ErrUnknownInstrument
	// ErrUnknownPosition: an amendment, transfer or adjustment of a key that is not there.
	ErrUnknownPosition = position.ErrUnknownPosition
	// ErrOverReduction: more than is open, where that is refused.
	ErrOverReduction = position.ErrOverReduction
	// ErrNoLot: the selected lots are not there or do not suffice.
	ErrNoLot = position.ErrNoLot
	// ErrLotChoice: the selection of lots leaves a choice.
	ErrLotChoice = position.ErrLotChoice
	// ErrTooManyLots: the position would hold more lots than it may.
	ErrTooManyLots = position.ErrTooManyLots
	// ErrIncrement: off the increments of its instrument, under strict ones.
	ErrIncrement = position.ErrIncrement
	// ErrSplitTwice: the split was applied under another id.
	ErrSplitTwice = position.ErrSplitTwice
	// ErrUnknownFill: a bust or correction of what is no fill of its key.
	ErrUnknownFill = position.ErrUnknownFill
	// ErrTrimmedHistory: a bust or correction of a fill whose records are gone.
	ErrTrimmedHistory = position.ErrTrimmedHistory
	// ErrRefold: what followed a busted or corrected fill is refused without it.
	ErrRefold = position.ErrRefold
	// ErrInstrumentInUse: a redefinition would change open positions.
	ErrInstrumentInUse = position.ErrInstrumentInUse
	// ErrTooLarge: the change would exceed what can be journaled or published.
	ErrTooLarge = position.ErrTooLarge
	// ErrIDReused: the id was used for other content.
	ErrIDReused = projector.ErrIDReused
	// ErrPartlyKnown: some members of a batch were applied before, some not.
	ErrPartlyKnown = projector.ErrPartlyKnown
	// ErrTooOld: older than what the duplicate window has forgotten.
	ErrTooOld = projector.ErrTooOld
	// ErrAhead: later than the clock, and as many of that kind are remembered as
	// the duplicate window holds.
	ErrAhead = projector.ErrAhead
	// ErrInUse: another process holds the ledger; see [journal.InUseError].
	ErrInUse = journal.ErrInUse
	// ErrMoved: the directory was moved, removed or replaced under the writer, which
	// writes no more. Open the ledger where it is now.
	ErrMoved = journal.ErrMoved
	// ErrLockLost: LOCK was removed or replaced under the writer, which writes no
	// more.
	ErrLockLost = journal.ErrLockLost
	// ErrTrimmed: before the oldest record that is kept.
	ErrTrimmed = journal.ErrTrimmed
	// ErrDamaged: bytes are not what was written; see [journal.DamageError].
	ErrDamaged = journal.ErrDamaged
	// ErrNoKey: encrypted under a key that was not given; see
	// [keyring.NoKeyError]. It is no damage.
	ErrNoKey = keyring.ErrNoKey
	// ErrRefused: a repair will not take records of another history, or give up
	// what need not be; see [journal.CopyError].
	ErrRefused = repair.ErrRefused
	// ErrFailed: an earlier write or sync failed; the ledger must be closed and
	// opened again. See [Ledger.Failed].
	ErrFailed = journal.ErrFailed
	// ErrClosed: the ledger was closed.
	ErrClosed = journal.ErrClosed
)

// UnknownOutcomeError is the error that matches [ErrOutcomeUnknown]: it names the
// mutations whose fate could not be learnt, those included whose id was made. IDs has
// them in the order of the call, Err says why it could not be learnt.
type UnknownOutcomeError = committer.UnknownOutcomeError
