// Package position is the domain of a position ledger: what an engine may say
// happened, what that does to positions, and how both are read and written as JSON.
// Each mutation has a file, which holds what is said and what it does.
//
// # What it promises
//
// A [Mutation] is one thing that the engine says happened: a [Fill], [Mark],
// [Charge], [Amend], [Split], [Settle], [Transfer], [Adjust], [Adopt], [Bust],
// [Correct] or [DefineInstrument]. [Rules.Fold] turns it into [Change] values,
// each with the whole [Position] after it, or refuses it with an error and no
// change. The fold is pure and total: no clock, no I/O, no goroutine, no float,
// no dependence on the order of a map. The same mutations give the same bytes on
// every machine, for ever under one [ArithmeticVersion].
//
//	rules := position.Rules{DefaultCurrency: "USD"}
//	changes, err := rules.Fold(state, fill) // state: what is held so far
//
// A change is read without arithmetic: to replay is to assign Change.After. It
// is checked by folding its Cause again.
//
// # What it does not do
//
// It keeps no state, remembers no ids and assigns no sequence numbers; the
// projector does. It knows no binary form; internal/wire does. It converts no
// currencies: an amount in another currency than the settlement is kept apart and
// left out of net figures.
//
// # Arithmetic
//
// Every number is a [Decimal], a 128-bit count of 10⁻¹⁸. Truth is the cost of
// the open quantity in the settlement currency; averages are derived from it
// when they are asked for, and never fed back.
//
// A fill changes the quantity by dq, which is its quantity with the sign of its
// side. Its value n is rounded once, half to even:
//
//	linear, spot, quanto, option   n = dq · price · multiplier
//	inverse                        n = dq · multiplier / price
//
//	opened, increased   Qty += dq   Cost += n
//	reduced             Qty += dq   removed = Cost · −dq / Qty, rounded half to even
//	                                Cost −= removed
//	                                Realized += −(n + removed), inverse n + removed
//	closed              as reduced, and removed is all of Cost
//	flipped             n and the fee are split in proportion to the quantities;
//	                    the second part is what the first one left. Closed, then
//	                    opened, in one batch
//
// Under a [CostMethod] with lots each opening and increase makes a [Lot], and what
// is removed is the cost of the lots that the method takes: whole ones, and of the
// last one its share, rounded as above. The position's cost is the sum of theirs.
//
// A [Rounding] profile rounds where a venue does, once (the second part of a flip
// is what its first part, rounded, leaves), from the exact product or
// quotient: n; the profit of a reduction; and the average entry that this profit
// is counted against, while the cost that leaves stays what it is above. The amount
// that profit thereby gains or lacks is kept in Position.Residue.
//
// From this follow the invariants of fills, which the tests check on random ones:
//
//   - The quantity is the sum of the signed fills, and of the open lots.
//   - Cost − lifetime Realized − Residue (for inverse Cost + Realized + Residue)
//     is the sum of all n, to the last digit: rounding moves value between them,
//     it never makes or loses any. Cost is the sum of the open lots' costs.
//   - A flat position has no cost: no dust survives a close.
//   - Long and short are mirror images, [HIFO] and modes that look at the sign
//     apart.
//   - A fill in parts is the fill, within one unit of the last place per part.
//
// # Policies
//
// Venues and tools disagree on what follows; here it is so:
//
//   - Realized is gross. Fees, funding and other charges stand beside it; net is
//     gross − fees + funding + charges, each in the settlement currency.
//   - A fee in the base currency of a spot instrument changes the quantity: less
//     was bought, or more was sold, for the same money. The cost stays whole, so
//     the fee is in the average and in the profit; net does not count it again.
//   - The average of an inverse instrument is the harmonic mean, because that is
//     the price at which the quantity is worth its cost.
//   - A flat position keeps its last average in LastEntry and its totals, until
//     the next opening starts a new cycle and adds them to Prior. A charge that
//     arrives in between belongs to the cycle that ended.
//   - A fill larger than the opposite position flips it, or is refused with
//     [ErrOverReduction]: see [OverReduction].
//   - Lots are in the order of their event times, then of their arrival. Entry
//     prices are compared by ten digits, so that what rounding left in the cost
//     does not decide: the dearest lot, of equal ones the older, and the lots
//     that a price names.
//   - A [LotRef] filters under every method with lots, then the method orders. It
//     must suffice, so that a fill which selects lots never flips. Under average
//     cost it is refused, not ignored.
//   - Zero and negative prices are legal, except for inverse instruments.
//   - High and Low are the extremes of fills and marks since the cycle's first
//     fill; the excursions [Position.MFE] and [Position.MAE] follow from them.
//     A transfer brings those of where it came from for what it opens or adds; an
//     opposite position that it reduces has met the cost that it brings.
//   - A position keeps the [Terms] of its cycle's opening. While any position of
//     an instrument is open, its terms do not change. If a later cycle is
//     settled in another currency, the profit and funding of earlier ones move
//     to Prior.Charges, under theirs, and the residue starts anew.
//   - A cycle is won or lost by its net, charges included that arrive before the
//     next one opens.
//
// # Limitations
//
// A closing average that does not fit a Decimal is stored as zero. A change of a
// position under a method with lots costs time and memory in proportion to its
// open lots, at 64 bytes each. Lots are numbered from 1 again after a cycle under
// average cost. Excursions that a transfer took along to another key stay there
// when the fill that made them is busted.
package position
