// Package feed reads mutations from text: our own NDJSON, CSV files with any
// header, what the venues Hyperliquid, BitMEX and GDAX export, and the files in
// which trading bots keep their positions, which it also writes. Of lines it
// reads one at a time in bounded memory, works on a pipe that is still being
// written to, and goes on after a bad one, which it reports with its number and
// column.
//
// It gives every mutation an id that depends on nothing but the input, so that
// reading the same file again changes nothing. It does not decide what happens
// to bad lines and applies nothing.
//
//	f, err := feed.Open("fills.csv", r, feed.Auto, feed.Mapping{})
//	for {
//		e, err := f.Next()
//		if err == io.EOF { break }
//		var bad *feed.LineError
//		if errors.As(err, &bad) { … continue }
//		…
//		apply(e.Mutation)
//	}
//
// # NDJSON
//
// One JSON object per line, as [position.UnmarshalMutation] reads it. Empty lines
// are skipped.
//
// # CSV
//
// The first line names the columns, or the first one that has all columns which
// the mapping names; every other row is a fill or, where there is a column named
// type, the mutation that it names. Quoting follows RFC 4180. See [ParseMapping]
// for how columns are found and what else a mapping says.
//
// Rows are held, up to [MaxHeld], and handed out in the order of their times: those
// of one time as they stand, or in the reverse of the file where it is newest
// first. [Feed.Notes] says so. A longer file has to be in order. With order=file
// they are handed out as they are read.
//
// A CSV is read right or refused. Before it gives anything its rows are looked at
// together: what a column says that nothing uses, and that figures depend on (a
// currency, a side, a fee, what was executed, terms, kinds of rows), fees whose sign
// nothing explains, and ids that several rows share, refuse it as a whole with
// [ErrDoubt], which says what the mapping has to say. Nothing is guessed from what
// cells hold.
//
// # Hyperliquid
//
// A CSV with the columns Account, Coin, Execution Price, Size Tokens, Side,
// Timestamp IST (UTC+5:30, to the minute), Start Position, Transaction Hash,
// Order ID and Fee, others ignored. Such exports went through a spreadsheet that
// lost the digits of trade id and time stamp, so a fill's id is the UUIDv5 of
// account, coin, hash, order id, price, size and start position, which together
// are unique. Small sizes may be written like 1.00E-05.
//
// A coin such as "@107", or a pair such as "PURR/USDC", is spot: a buyer pays the
// fee in the bought token, a seller in the quote. Everything else is a linear
// perpetual in USDC. The file does not say so, the venue's conventions do; each
// instrument's definition is handed out before its first fill, marked
// [Entry.Implied].
//
// # BitMEX
//
// The wallet history, a CSV with the columns timestamp, transactTime,
// transactType, transactStatus, currency, amount, fee, orderID, transactID and
// address. A row becomes a charge in its own currency, whatever its instrument is
// settled in: XBt, USDt and BMEx count 10⁻⁸ XBT, 10⁻⁶ USDT and 10⁻⁶ BMEX.
//
//	Deposit, Withdrawal, Transfer, Conversion, SpotTrade   cash of the account
//	Funding                                                funding of the instrument in address
//	RealisedPNL with an order                              realized, amount + fee, and a fee beside it
//	RealisedPNL without one                                realized, the amount as it stands
//	anything else                                          other, of the account
//
// The amount alone moves the wallet. It is net of the fee, which is taken apart
// only where the row has an order: older rows have funding merged into both. The
// id is transactID, that of the fee has ":fee" after it; the time is transactTime.
// Rows that are not Completed moved nothing: they are skipped, counted by
// [Feed.Skipped], and neither read nor refused. Define the instruments first
// where their profit shall count as realised: under the currency that an
// undefined one is settled in, it is a charge in another.
//
// # GDAX
//
// The report of fills, a CSV with the columns trade id, product, side, created
// at, size, size unit, price, fee, total and price/fee/total unit. A product is
// spot, base and quote are the units; its definition is handed out before its
// first fill. A file with other columns is none: Coinbase's later one has portfolios
// and is a CSV to be mapped. A row whose total is not what size, price and fee come to is
// refused. Both sides of a trade share its number, so a fill's id is the UUIDv5
// of account, product, side and trade id.
//
// The files of BitMEX and GDAX name no account: it is bitmex or gdax, or what the
// mapping account:=NAME says.
//
// # Files of positions
//
// See [Positions] and [WritePositions].
package feed
