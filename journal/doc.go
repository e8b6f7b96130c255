// Package journal keeps an ordered sequence of byte records on disk so that a
// record, once its commit has returned, is read back unchanged after any crash,
// and so that damage is told from a crash and refused with its place.
//
// It knows bytes only. Records have a dense seq from 1, the epoch of the writer
// that made them, a record time that never runs backwards, and a chain value
// that commits to everything before them. [Open] gives the one [Journal] that
// may write; [OpenReader] reads beside it or without it; [Check] reports.
//
//	j, err := journal.Open(dir, journal.Options{})
//	b := j.NewBatch()
//	seq, chain := b.Append(payload, 0, now)
//	err = j.Commit(b) // durable when it returns nil
//
// The next batch may be filled by one goroutine while another one commits the
// last: a batch belongs to whoever fills it until it is handed to Commit.
//
// # Limits
//
// A payload has between 1 and [MaxPayload] bytes. The package does not encrypt,
// does not repair rot, and does not believe a disk that lies about fsync. It
// runs on systems with flock. See "Torn or rotten" for the one case in which
// rot cannot be told from a crash.
//
// # Files
//
// Inside the directory of a ledger, which holds other things besides:
//
//	LOCK             flocked for life by the writer; its text says who that is
//	MARK             what is known to be durable, see below
//	journal/%020d    segments of github.com/tidwall/wal, named by their first seq
//	quarantine/      what recoveries have cut; nothing here is ever deleted
//
// A segment is a sequence of entries, each a length (uvarint in its shortest
// form, at most 3 bytes) and a frame. All numbers are little endian.
//
//	frame   0      4   5   6     8     16      24     32     40      72
//	        +------+---+---+-----+-----+-------+------+------+-------+---------+
//	        | crc  | v | f | 0 0 | seq | synced| epoch| time | chain | payload |
//	        +------+---+---+-----+-----+-------+------+------+-------+---------+
//	        crc     CRC-32C of everything behind it in the frame
//	        v       format version, 1
//	        f       flags: 1 the next record belongs to the same atomic batch,
//	                2 encrypted, 4 control
//	        synced  every record up to this seq was durable before this frame
//	                was written; less than seq
//	        time    unix nanoseconds, signed
//	        chain   SHA-256(chain of the record before ‖ bytes 4..40 ‖ payload);
//	                32 zeros stand before seq 1
//
//	MARK    0          8         12      16      24     32      40     48      80     112   116
//	        +----------+---------+-------+-------+------+-------+------+-------+------+-----+
//	        | HOLDMARK | version | flags | first | last | epoch | tail | chain | base | crc |
//	        +----------+---------+-------+-------+------+-------+------+-------+------+-----+
//	        flags   1 clean: closed behind last; 2 base is not known
//	        first   first seq kept        base   chain value of the record before it
//	        last    a durable seq         chain  its chain value
//	        epoch   highest epoch ever handed out
//	        tail    first seq of the newest segment whose name is durable, or 0
//	        crc     CRC-32C of everything before it
//
// MARK is replaced as a whole (temporary file, fsync, rename, fsync of the
// directory): before the first segment exists, by every Open before it appends,
// before a trim removes anything, by a commit that has begun a segment, by
// [Journal.SaveMark], and by Close.
//
// # Why nothing acknowledged is lost
//
// Commit returns nil after the frames were written, the last segment was
// fsynced, and, if a segment was begun, the directory was and MARK names it; the
// log fsyncs a full segment before it makes the next one. The first error is final, so that
// nothing is ever written behind bytes whose fate is unknown.
//
// A crash can therefore leave: (1) everything up to some commit and any part of
// the next group, in any order of its pages, in the newest segments; (2) full
// segments, all of them durable, and a newest one that is empty or has no name
// yet; (3) segments below MARK's first, when a trim was interrupted; (4)
// temporary files. A sealed segment that does not verify is none of these, nor
// is a gap between segments.
//
// Open locks, lists, and verifies every frame of every segment; it refuses names
// that it does not know. It then decides by the rule below, and only then writes,
// in this order: remove what an interrupted trim left; link what is to be cut
// into quarantine/; remove segments of which nothing stays, newest first; write
// the last segment into a new file and rename it over the old one; write MARK,
// which takes the next epoch; open the log. Until MARK is written the ledger is
// as unclean as before, and each of the steps leaves a journal that the rule
// cuts at the same place, so a crash in any of them is just one more. The last
// segment is rewritten after every end that was not clean, because the page
// cache may hold, and read back, pages that an fsync failed to write.
//
// # Torn or rotten
//
// A flaw is a place where the newest segment stops being readable. The records
// from there on (and an atomic batch that is not whole) are cut if nothing
// shows that the first of them was ever durable. It was if
//
//   - MARK or [Options].Durable names it or a later seq, or MARK is clean;
//   - a whole frame behind it was written when it was durable: its synced says
//     so. A commit begins after the one before it has returned, so every frame
//     of a later group proves all earlier groups;
//   - the frame at the flaw becomes whole by changing one byte, in it or in its
//     length: a torn write leaves pages out, rot flips bits;
//   - its checksum is good and it does not belong there: torn writes do not make
//     good checksums.
//
// Then, and when the search for proof has to be given up, Open refuses with a
// [DamageError]. What stays undecidable is damage of more than one byte inside
// the last group of a ledger that was not closed cleanly, above MARK: it looks
// like a torn write in every respect, is cut, kept in quarantine/, and reported
// in [Recovery]. So is an end that was cut off above MARK, at whatever record:
// what is not there cannot show that it was, and at the border of a record
// there is nothing to report either. The reverse, a torn write that leaves a record whole but for
// its one last byte, is refused. [Journal.SaveMark] makes the window as small
// as the caller wants.
package journal
