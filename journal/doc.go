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
// A payload has between 1 and [MaxPayload] bytes. The package repairs rot only
// from a copy, and does not believe a disk that lies about fsync. It
// runs on systems with flock. See "Torn or rotten" for the one case in which
// rot cannot be told from a crash.
//
// # Files
//
// Inside the directory of a ledger, which holds other things besides:
//
//	LOCK             flocked for life by the writer, as is the directory itself; its
//	                 text says who that is
//	MARK             what is known to be durable, see below
//	journal/%020d    segments of github.com/tidwall/wal, named by their first seq
//	quarantine/      what recoveries have cut; nothing here is ever deleted
//
// A segment is a sequence of entries, each a length (uvarint in its shortest
// form, at most 3 bytes) and a frame. All numbers are little endian. Behind the
// last entry of the newest segment of a ledger that is open, or was not closed,
// zeros may stand up to the end of the file, and nothing else.
//
//	frame   0      4   5   6       10    18       22     30      62
//	        +------+---+---+-------+-----+--------+------+-------+---------+
//	        | crc  | v | f | epoch | seq | behind | time | chain | payload |
//	        +------+---+---+-------+-----+--------+------+-------+---------+
//	        crc     CRC-32C of everything behind it in the frame
//	        v       format version, 2
//	        f       flags: 1 the next record belongs to the same atomic batch,
//	                2 encrypted, 4 control
//	        behind  every record up to this many before it was durable before this
//	                frame was written (up to seq-behind, which is called synced); at
//	                least 1, at most seq
//	        time    unix nanoseconds, signed
//	        chain   SHA-256 of everything behind the checksum, with the chain value of
//	                the record before in the place of this one; 32 zeros stand before
//	                seq 1
//
//	payload of an encrypted record
//	        0    4      16           n
//	        +----+------+------------+-----+
//	        | id | salt | ciphertext | tag |
//	        +----+------+------------+-----+
//	        id      of the key, see package keyring
//	        salt    of the journal value that wrote it, random
//	        tag     of AES-256-GCM, 16 bytes
//
//	MARK    0          8         12      16      24     32      40     48      80     112   116
//	        +----------+---------+-------+-------+------+-------+------+-------+------+-----+
//	        | HOLDMARK | version | flags | first | last | epoch | tail | chain | base | crc |
//	        +----------+---------+-------+-------+------+-------+------+-------+------+-----+
//	        flags   1 clean: closed behind last; 2 base is not known; 4 a repair
//	                that gives up what stands behind last was interrupted
//	        first   first seq kept        base   chain value of the record before it
//	        last    a durable seq         chain  its chain value
//	        epoch   highest epoch ever handed out
//	        tail    first seq of the newest segment whose name is durable, or 0
//	        crc     CRC-32C of everything before it
//
// MARK is replaced as a whole (temporary file, fsync, rename, fsync of the
// directory): before the first segment exists and again when its name is durable,
// by every Open before it appends, before a trim removes anything, by a commit that has begun a segment, by
// [Journal.SaveMark], and by Close.
//
// # Encryption
//
// With [Options].Keys every payload is encrypted: the record's key is
// HKDF-SHA256 of the master key with the salt and the purpose "journal", the
// nonce is the seq in 8 bytes and 4 zero bytes, and authenticated with it are
// bytes 4..30 of the frame and the chain value before. The salt stands in each
// record, so that reading one depends on no other file and no record that may be
// trimmed; a rotation is nothing but records that name another key. Package
// keyring says why no nonce is used twice.
//
// Checksum and chain are over what is stored, so that recovery, [Check] and
// whoever copies records need no key, and the rule below is the same. Only the
// keys can tell whether somebody has rewritten records and made the rest fit:
// such a record does not authenticate, nor does any behind it. Open therefore
// decrypts the first and the last encrypted record, after it has come to its
// verdict and before it writes: a key that is missing is [keyring.ErrNoKey], one
// that does not fit a [TamperError], and neither is ever a tail to be cut. A
// ledger that was plain may go on encrypted, never the other way round: a plain
// record behind an encrypted one is a TamperError as well. Seqs, times, flags
// and lengths are not hidden.
//
// # Why nothing acknowledged is lost
//
// Commit returns nil after the frames were written, the last segment was
// fsynced, and, if a segment was begun, the directory was and MARK names it; a
// full segment is fsynced before the next one has a name. A batch that begins
// several is written in parts, with an fsync of the directory between them, so
// that no segment can be there without the one before it. The first error is
// final, so that nothing is ever written behind bytes whose fate is unknown. A file
// whose fsync has failed is never synced again, not by Close either, which drops the
// log of a failed journal: the second fsync would succeed without having written
// anything. The failed fsync of a directory is final whoever met it, a commit, a MARK
// or a trim.
//
// A sync is cheaper when neither the size nor the blocks of its file change. So room
// is made in advance, when a commit was answered and nobody waits. While a segment is
// filled the next one is made, as fast as that is filled: a file of zeros, as long as a
// segment, fsynced, under a temporary name, which the commit that turns to it changes
// to the segment's. Behind
// the records of a segment that was not made like this, the first of a journal value
// for example, zeros are appended, up to 1 MiB at once, through a descriptor opened
// with O_APPEND, which cannot touch a frame. Zeros never go beyond the size that makes
// a segment full: a segment that has a successor has none behind its last record, and
// whatever cuts one short shows. Where there is no room for zeros, the segment grows.
// Close cuts them off before the last fsync, which is before MARK is clean; a recovery
// leaves them out when it rewrites the segment. In between they cost nothing
// that was known before: a group of which nothing reached the disk leaves zeros
// where it left the end of the file, a group that arrived in part leaves holes
// of zeros as it did, and an acknowledged one that rot has replaced by zeros,
// all of it, is missed by the same witnesses as one that was cut off. Zeros that are
// not durable themselves are as good: whatever a crash leaves of them are zeros or the
// end of the file.
//
// A crash can therefore leave: (1) everything up to some commit and any part of
// the next group, in any order of its pages, in the newest segments; (2) full
// segments, all of them durable, and a newest one that is empty or has no name
// yet; (3) segments below MARK's first, when a trim was interrupted; (4)
// temporary files. A sealed segment that does not verify is none of these, nor
// is a gap between segments.
//
// Open locks, lists, and verifies every frame of every segment; it refuses names
// that it does not know. The records are handed on meanwhile ([Options]), so that a
// state can be made of them in memory, which is dropped where the ledger is refused. It
// then decides by the rule below, and only then writes, in this order: remove what an interrupted trim left; link what is to be cut
// into quarantine/; remove segments of which nothing stays, newest first; write
// the last segment into a new file and rename it over the old one; write MARK,
// which takes the next epoch; have tidwall/wal open the log and say where it ends.
// Until MARK is written the ledger is
// as unclean as before, and each of the steps leaves a journal that the rule
// cuts at the same place, so a crash in any of them is just one more. The last
// segment is rewritten after every end that was not clean, because the page
// cache may hold, and read back, pages that an fsync failed to write.
//
// All of this is about files, and what is acknowledged must be found by name. The
// writer goes on with descriptors, and no system call fails where a file has lost its
// name, was replaced, or stands in a directory that was moved. So a commit, when its
// sync has returned and before it does, looks whether the names of the segments that
// hold it are those of the files that it wrote, and before it writes whether the file
// was cut; every MARK looks at the directory, LOCK and the sealed segments as well,
// and nothing is removed by name in a directory that is not the one that was opened.
// Such a finding is final, like an error of the disk. Close leaves no clean MARK then.
// The newest segment is copied to quarantine/ from its descriptor where no name of it
// is left. A crash before that loses what a deletion would have lost anyway.
//
// One writer: whoever holds LOCK holds the directory as well, which cannot be taken
// from under its files, so that a second writer is refused whatever became of LOCK
// and by whichever path it comes. Where a file system cannot lock a directory (NFS),
// a LOCK that was replaced lets a second writer in; the first one ends with its next
// MARK.
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
// [DamageError]. Damage of more than one byte inside the last group of a ledger that
// was not closed cleanly, above MARK, stays undecidable: it looks like a torn write in
// every respect, is cut, kept in quarantine/, and reported in [Recovery]. So does
// damage of one byte where that is all that a torn write leaves out: the first or the
// last byte of a record, alone in its sector of 512 bytes and zero. So does an end that
// was cut off above MARK, at whatever record: a missing record cannot show that it was
// there, and at the border of a record there is nothing to report either. A torn write
// that leaves a record whole but for any other byte is refused. [Journal.SaveMark]
// makes the window as small as the caller wants.
//
// A byte that is not zero behind the last record is such a flaw, too: it may be
// what arrived of a group, or rot where nothing was. It is cut, kept and
// reported, and takes no record with it.
//
// # Repair
//
// Package journal/repair takes a ledger that Open refuses. It heals the ledger from a
// copy, or gives up its records where the caller names the seq from which on; its plan
// says beforehand what would come of it. Both find every readable record of every file,
// whatever its name, and lay them one behind the other: each continues the chain of the
// one before. A record of the copy is taken only where the ledger has none, and only if
// what the ledger holds further on, MARK and the snapshots agree with the chain that
// comes of it; where one of them does not, or two records continue the same one, the
// copy is of another history and nothing is taken. A record of the copy behind the
// ledger's own end is taken only if that end is damaged. The ledger that would come of
// it is judged by the rule above before anything is written, so that a repair never
// accepts what Open would not.
//
// Healing writes in this order: a report and second names of all that is
// replaced, in quarantine/; second names among the segments for the files that
// still have to be read under another name (Open ignores them, the next repair
// reads them); the segments, newest first; then what belongs nowhere is removed;
// MARK last, if it changes at all. A segment is replaced as a whole by one that
// holds more good records than it did. The first damage of the journal is the
// last to go, surplus files and a lost MARK go later still, and each of these is
// refused, so that whatever a crash leaves is refused or is the healed ledger.
// The names in quarantine/ and the sources are links, which done twice are done
// once; a second repair finds what the first one found.
//
// MARK itself is made anew only if the copy vouches for it: its own MARK is good,
// it reaches at least to the end of what is left here, and nothing at that end is
// a guess. The loss of a record that was made after the copy cannot be noticed
// then: the copy has to be one made since the ledger was last written to.
//
// Giving up cuts the ledger before a seq, at most at the first record that is not
// in order. Each file that is cut or removed is linked into quarantine/ first. Then
// MARK is replaced by one that names the cut and bears flag 4: Open, readers and
// [Options].TrustJournal refuse it, and only a repair goes on from it, to the
// same cut, in the same epoch, whatever it was told. Files behind the cut are
// removed, newest first, the last one is replaced by its beginning, the owner
// settles what depends on it, a new lineage for example, and MARK is
// written without the flag. Before the first of the two MARKs the ledger is as
// damaged as it was; between them nobody opens it; behind the second it is done.
// No crash therefore turns a refusal into a loss that nobody accepted.
package journal
