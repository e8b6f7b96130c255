// Package feed reads mutations from text: our own NDJSON, CSV files of fills
// with any header, and the fills that the Hyperliquid venue exports. It reads a
// line at a time in bounded memory, works on a pipe that is still being written
// to, and goes on after a bad line, which it reports with its number.
//
// It gives every fill an id that depends on nothing but the input, so that
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
// The first line names the columns; every other line is a fill. Quoting follows
// RFC 4180, except that a quoted field cannot hold a line break. Numbers are
// plain decimals. See [ParseMapping] for how columns are found.
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
package feed
