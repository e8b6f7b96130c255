// Package feed reads mutations from text: our own NDJSON, CSV files with any
// header, and what the venues Hyperliquid, BitMEX and GDAX export. Of lines it
// reads one at a time in bounded memory, works on a pipe that is still being
// written to, and goes on after a bad one, which it reports with its number and
// column.
//
// It gives every mutation an id that depends on nothing but the input, so that
// reading the same file again changes nothing. It does not decide what happens
// to bad lines and applies nothing.
//
//	f, err := feed.Open("fills.csv", r, feed.Auto, mapping.Mapping{})
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
// # Others
//
// Package mapping says how a CSV is read, package venue how the files of venues
// are. The files in which trading bots keep their positions are no lines: package
// statefile reads and writes them.
package feed
