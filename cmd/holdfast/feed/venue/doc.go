// Package venue reads the files that venues export, each of which has one form and
// conventions that it does not state.
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
// Implied.
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
// feed.Feed.Skipped, and neither read nor refused. Define the instruments first
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
package venue
