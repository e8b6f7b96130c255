// Package position is the domain of a position ledger: what an engine may say
// happened, what that does to positions, and how both are written down.
//
// # What it promises
//
// A [Mutation] is one thing that the engine says happened: a [Fill], a [Mark],
// a [Charge], an [Amend] or a [DefineInstrument]. [Rules.Fold] turns it into
// [Change] values, each with the whole [Position] after it, or refuses it with
// an error and no change. The fold is pure and total: no clock, no I/O, no
// goroutine, no float, no dependence on the order of a map. The same mutations
// give the same bytes on every machine, for ever under one [ArithmeticVersion].
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
// projector does. It converts no currencies: an amount in another currency than
// the settlement is kept apart and left out of net figures.
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
// From this follow the invariants, which the tests check on random fills:
//
//   - The quantity is the sum of the signed fills.
//   - Cost − lifetime Realized (for inverse Cost + Realized) is the sum of all n,
//     to the last digit: rounding moves value between the two, it never makes
//     or loses any.
//   - A flat position has no cost: no dust survives a close.
//   - Long and short are mirror images.
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
//   - Zero and negative prices are legal, except for inverse instruments.
//   - High and Low are the extremes of fills and marks since the cycle's first
//     fill; the excursions [Position.MFE] and [Position.MAE] follow from them.
//   - A position keeps the [Terms] of its cycle's opening. While any position of
//     an instrument is open, its terms do not change. If a later cycle is
//     settled in another currency, the profit and funding of earlier ones move
//     to Prior.Charges, under theirs.
//
// # Limitations
//
// A closed cycle whose gross profit is exactly zero does not tell whether it was
// long or short, so its excursions are unknown. A closing average that does not
// fit a Decimal is stored as zero.
package position
