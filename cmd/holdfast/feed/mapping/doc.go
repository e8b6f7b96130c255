// Package mapping reads a CSV with any header as a [Mapping] says, which is a small
// language of its own.
//
// The first line names the columns, or the first one that has all columns which
// the mapping names; every other row is a fill or, where there is a column named
// type, the mutation that it names. Quoting follows RFC 4180. See [Parse]
// for how columns are found and what else a mapping says.
//
// Rows are held, up to [MaxHeld], and handed out in the order of their times: those
// of one time as they stand, or in the reverse of the file where it is newest
// first. [Sheet.Notes] says so. A longer file has to be in order. With order=file
// they are handed out as they are read.
//
// A CSV is read right or refused. Before it gives anything its rows are looked at
// together: what a column says that nothing uses, and that figures depend on (a
// currency, a side, a fee, what was executed, terms, kinds of rows), fees whose sign
// nothing explains, and ids that several rows share, refuse it as a whole with
// feed.ErrDoubt, which says what the mapping has to say. Nothing is guessed from what
// cells hold.
//
// # The way of a row
//
// [Parse] makes a Mapping of what the user says. A plan binds one of its rules to
// the columns of the header, and rows holds the plans of a file. A row becomes a
// draft, which guard looks at for doubts; [Sheet] holds the drafts, puts them in
// order and hands out their entries.
package mapping
