// Package projector turns records into a [Book]: the positions, instruments and
// accounts of a ledger after some record, and the window by which it tells a
// retry from a new mutation.
//
// # Writing
//
// [Book.Stage] finds out what a mutation or batch would do, and refuses it or
// returns the changes. The caller encodes them, journals them, and in the
// meantime may [Book.Accept] them and stage the next on top. When they are durable
// [Book.Publish] shows them to readers. A batch that was staged and not accepted has
// no effect.
//
//	Stage ─► encode ─► Accept ─► (write, sync) ─► Publish
//	  ▲                  │
//	  └──── next ◄───────┘
//
// # Reading
//
// [Book.Position] and [Book.View] see what was published, batch by batch, and
// nothing else. A view is one moment: it costs a copy of one pointer per
// position, never changes, and needs no closing.
//
// An image, a [position.Position], [position.Instrument] or [position.Account],
// is immutable from the moment it is published and lies in a slot of its own for
// good. That of a position is written over when it was replaced and nobody can have
// it, so that a fill makes none; see [Book.Publish]. A mark is one record however many positions are open: readers lay the
// instrument's mark over the position, and a position gets a new image only when
// its high or low moves.
//
// When a later cycle of a key begins, the last image of the one before it goes on
// a shelf, where [Book.Cycles] and [View.Cycles] find it, charges that arrived
// after flat included. Options say how many of each key are kept. A refold that
// leads back to a cycle takes it and those after it off the shelf.
//
// # Replaying
//
// [Book.Replay] brings a book forward by records. It takes the after-images as they
// are, so it needs no arithmetic, and a replayed book equals the one that staged,
// in every bit of its snapshot body. A record leaves out the lots that a change did
// not touch; they are made from the lots before and held against the record's digest.
// Each change must name the record that its position had last.
//
//	            ┌─► shard 0: its keys, decoded and assigned ─┐
//	records ────┼─► shard 1                                  ├─► in order: parts, window,
//	by key      └─► …  as many as processors                 ┘   instruments, accounts
//
// A key's changes follow each other in one shard; keys do not depend on each other.
// Only a mark concerns all positions of an instrument, and they need not be looked
// at for it: an image has the extremes up to its own record, so the marks behind
// the last image of a position are all that is to be laid over it in the end.
//
// [Book.Recompute] believes nothing but the causes. [EventOrder] folds them in the
// order of their event times instead.
//
// # The body of a snapshot
//
// [View.WriteTo] writes, and [Load] reads, records one after the other:
//
//	┌─────┬────────────────┬─────────────────┐
//	│ tag │ length uvarint │ length bytes    │
//	└─────┴────────────────┴─────────────────┘
//	 1 byte
//
//	tag  record      count        bytes
//	 1   head        1            10 uvarints: format (4), seq, record time, epoch,
//	                              horizon of the window, number of instruments,
//	                              accounts, positions, ended cycles and window
//	                              entries; then 16 bytes, the key of the window's
//	                              fingerprints
//	 2   epoch       0 or 1       wire.AppendChange of the epoch's record
//	 3   instrument  as in head   uvarint seq ‖ wire.AppendInstrument
//	 4   account     as in head   uvarint seq ‖ wire.AppendAccount
//	 5   position    as in head   uvarint seq ‖ wire.AppendPosition
//	 6   cycle       as in head   as a position, of a cycle that ended before the
//	                              key's present one
//	 7   window      ⌈n/1024⌉     up to 1024 entries, oldest first, little endian:
//	                              16 of the id ‖ 16 of the content ‖ 8 first seq ‖
//	                              8 event time ‖ 4 number of changes ‖ 8 by how
//	                              many nanoseconds the event time is ahead of the
//	                              record's
//	 8   end         1            none
//
// The tags come in ascending order, images in the order of their keys and
// cycles, window entries in that of their seqs, so the same state gives the same
// bytes, and anything else is refused. Checksum, compression and encryption are
// the business of whoever keeps the bytes. A position's record holds its image,
// not the current mark of its instrument.
//
// # Limits
//
// The horizon is an event time. A mutation that is dated ahead of its record never
// moves it above its record's time; it is remembered beyond the size of the window
// until the horizon has passed it, up to as many as the window holds, and twice as
// many where those in the window are dated ahead as well. Beyond that a mutation
// that is ahead of the clock is refused as [ErrAhead], and others are not. Insisting
// passes that bound too. Marks replace each other in the order of their records, whatever
// their event times say. A mark that moves the extremes of n open positions
// makes n images.
package projector
