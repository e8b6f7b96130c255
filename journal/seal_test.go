package journal_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/journal/internal/journaltest"
	"github.com/moneyprinter/holdfast/keyring"
)

// key returns a key that is the same in every run.
func key(tb testing.TB, n byte) keyring.Key {
	tb.Helper()
	k, err := keyring.Generate(bytes.NewReader(append(bytes.Repeat([]byte{n}, keyring.KeySize-1), n+1)))
	require.NoError(tb, err)
	return k
}

// readSealed reads what add wrote from a ledger that is encrypted.
func readSealed(tb testing.TB, dir string, keys *keyring.Ring, from uint64) ([]journal.Record, error) {
	tb.Helper()
	r, err := journal.OpenReader(dir)
	require.NoError(tb, err)
	var recs []journal.Record
	for rec, err := range r.WithKeys(keys).Records(from) {
		if err != nil {
			return recs, err
		}
		if rec.Flags&journal.Encrypted != 0 { // a plain one may be somebody else's
			require.Equal(tb, journaltest.Payload(rec.Seq), rec.Payload)
		}
		recs = append(recs, rec)
	}
	return recs, nil
}

// sealedLedger writes some segments: 20 plain records, 40 under key 1 and 40
// under key 2, in two openings, and closes unless told otherwise.
func sealedLedger(tb testing.TB) (dir string, keys *keyring.Ring) {
	tb.Helper()
	dir = filepath.Join(journaltest.FastDir(tb), "ledger")
	j := journaltest.Open(tb, dir, journal.Options{SegmentSize: 1800})
	journaltest.Add(tb, j, 5, 15)
	require.NoError(tb, j.Close())
	keys = keyring.New(key(tb, 1))
	j = journaltest.Open(tb, dir, journal.Options{SegmentSize: 1800, Keys: keys})
	journaltest.Add(tb, j, 10, 10)
	require.NoError(tb, j.Close())
	j = journaltest.Open(tb, dir, journal.Options{SegmentSize: 1800, Keys: keys})
	journaltest.Add(tb, j, 1, 19)
	require.NoError(tb, keys.Rotate(key(tb, 2)))
	journaltest.Add(tb, j, 20, 20)
	var own int
	for rec, err := range j.Records(0) {
		require.NoError(tb, err)
		require.Equal(tb, journaltest.Payload(rec.Seq), rec.Payload)
		own++
	}
	require.Equal(tb, 100, own)
	require.NoError(tb, j.Close())
	return dir, keys
}

func TestEncryptedRoundTrip(t *testing.T) {
	dir, keys := sealedLedger(t)
	require.Greater(t, len(journaltest.Segments(t, dir)), 5)
	for name, text := range journaltest.Tree(t, dir) {
		for seq := uint64(21); seq <= 100; seq++ {
			require.NotContains(t, text, fmt.Sprintf("record %d ", seq), name)
		}
	}
	prev := [32]byte{}
	recs, err := readSealed(t, dir, keys, 0)
	require.NoError(t, err)
	require.Len(t, recs, 100)
	for i := range recs {
		require.Equal(t, recs[i].Seq > 20, recs[i].Flags&journal.Encrypted != 0)
		require.True(t, recs[i].Follows(prev), "the chain is over what is stored")
		require.False(t, recs[i].Follows(recs[i].Chain))
		prev = recs[i].Chain
	}
	r, err := journal.OpenReader(dir)
	require.NoError(t, err)
	r = r.WithKeys(keys)
	for from := uint64(1); from <= 100; from++ { // whether it begins a segment or not
		c := r.Cursor(from)
		rec, nextErr := c.Next(math.MaxUint64)
		require.NoError(t, nextErr)
		require.NoError(t, c.Close())
		require.Equal(t, from, rec.Seq)
		require.Equal(t, journaltest.Payload(from), rec.Payload)
		again, againErr := readSealed(t, dir, keys, from)
		require.NoError(t, againErr)
		require.Len(t, again, int(101-from))
	}
	rep, err := journal.Check(dir)
	require.NoError(t, err)
	require.Empty(t, rep.Damages)
	require.Equal(t, []keyring.ID{key(t, 1).ID(), key(t, 2).ID()}, rep.Keys)
	// Heads and stored bytes need no key.
	head, err := r.Stored().Last()
	require.NoError(t, err)
	require.EqualValues(t, 100, head.Seq)
	n := 0
	for rec, err := range r.Stored().Records(0) {
		require.NoError(t, err)
		require.Equal(t, rec.Flags&journal.Encrypted == 0, bytes.Equal(rec.Payload, journaltest.Payload(rec.Seq)))
		n++
	}
	require.Equal(t, 100, n)
}

func TestEncryptedAfterTrim(t *testing.T) {
	dir, keys := sealedLedger(t)
	j := journaltest.Open(t, dir, journal.Options{SegmentSize: 1800, Keys: keys})
	_, err := j.Trim(60, 0)
	require.NoError(t, err)
	require.Greater(t, j.First(), uint64(40))
	require.NoError(t, j.Close())
	recs, err := readSealed(t, dir, keys, 0)
	require.NoError(t, err)
	require.Equal(t, j.First(), recs[0].Seq)
	j = journaltest.Open(t, dir, journal.Options{Keys: keys})
	journaltest.Add(t, j, 3)
}

// Without a key nothing is read, nothing is damaged, and nothing is written.
func TestKeyMissing(t *testing.T) {
	dir, keys := sealedLedger(t)
	one, two := key(t, 1), key(t, 2)
	torn := journaltest.CopyLedger(t, dir)
	require.NoError(t, os.Remove(filepath.Join(torn, "MARK")))
	path, _ := journaltest.LastSegment(t, torn)
	journaltest.Edit(t, path, func(b []byte) []byte { return append(b, bytes.Repeat([]byte{7}, 99)...) })
	for name, given := range map[string]*keyring.Ring{
		"none": nil, "another": keyring.New(key(t, 9)), "the old one only": keyring.New(one), "the new one only": keyring.New(two),
	} {
		for _, dir := range []string{dir, torn} {
			before := journaltest.Tree(t, dir)
			_, err := journal.Open(dir, journal.Options{Keys: given, TrustJournal: true})
			require.ErrorIs(t, err, keyring.ErrNoKey, name)
			require.NotErrorIs(t, err, journal.ErrDamaged, name)
			require.Equal(t, before, journaltest.Tree(t, dir), name)
		}
		recs, err := readSealed(t, dir, given, 0)
		require.ErrorIs(t, err, keyring.ErrNoKey, name)
		require.NotErrorIs(t, err, journal.ErrDamaged, name)
		want := 20
		if name == "the old one only" {
			want = 60
		}
		require.Len(t, recs, want, name)
	}
	recs, err := readSealed(t, dir, keyring.New(two), 61)
	require.NoError(t, err, "what is under the new key needs no old one")
	require.Len(t, recs, 40)
	rep, err := journal.Check(torn)
	require.NoError(t, err)
	require.Len(t, rep.Damages, 1, "MARK is missing; no key is needed to say so")
	j := journaltest.Open(t, torn, journal.Options{Keys: keys, TrustJournal: true})
	require.EqualValues(t, 100, j.Durable())
	require.EqualValues(t, 101, j.Recovery().CutFrom)
}

// A cursor that lacked a key goes on where it stood once the ring has it.
func TestKeyComesLater(t *testing.T) {
	dir, keys := sealedLedger(t)
	r, err := journal.OpenReader(dir)
	require.NoError(t, err)
	given := keyring.New(key(t, 9))
	c := r.WithKeys(given).Cursor(15)
	var got []uint64
	for missing := 0; ; {
		rec, err := c.Next(math.MaxUint64)
		if errors.Is(err, io.EOF) {
			break
		}
		if errors.Is(err, keyring.ErrNoKey) {
			if missing++; missing%2 == 0 {
				_, err = given.Adopt(keyring.New(key(t, byte(missing/2))))
				require.NoError(t, err)
			}
			continue
		}
		require.NoError(t, err)
		got = append(got, rec.Seq)
	}
	require.NoError(t, c.Close())
	require.Len(t, got, 86)
	require.EqualValues(t, 15, got[0])
	require.EqualValues(t, 100, got[85])
	require.Equal(t, keys.IDs()[0], given.IDs()[0])
}

// forge rewrites a ledger as somebody who has no key can: change is shown every
// record as it is stored, and the rest of the chain is made to fit.
func forge(tb testing.TB, dir string, change func(r *journal.Record)) {
	tb.Helper()
	prev := [32]byte{}
	for _, path := range journaltest.Segments(tb, dir) {
		var first uint64
		_, err := fmt.Sscanf(filepath.Base(path), "%d", &first)
		require.NoError(tb, err)
		var out []byte
		for _, e := range journaltest.Entries(tb, path, first) {
			change(&e.Rec)
			frame := journaltest.EncodeFrame(&e.Rec, prev)
			prev = e.Rec.Chain
			out = append(out, journaltest.WithPrefix(frame)...)
		}
		require.NoError(tb, os.WriteFile(path, out, 0o600))
	}
	journaltest.Edit(tb, filepath.Join(dir, "MARK"), func(b []byte) []byte {
		b[32] += 5 // the highest epoch
		copy(b[48:], prev[:])
		binary.LittleEndian.PutUint32(b[112:], journaltest.Checksum(b[:112]))
		return b
	})
}

// Whatever is changed without the key, the last record does not authenticate any
// more, because everything before it is authenticated with it: Open refuses
// without having read the record that was changed. Reading names that one.
func TestTampered(t *testing.T) {
	dir, keys := sealedLedger(t)
	_, newest := journaltest.LastSegment(t, dir)
	newestFirst := newest[0].Rec.Seq
	for name, c := range map[string]struct {
		change func(r *journal.Record)
		opened uint64 // what Open names
		read   uint64 // what reading names
	}{
		"nothing":              {func(*journal.Record) {}, 0, 0},
		"first, ciphertext":    {flipAt(21, 20), 21, 21},
		"first, salt":          {flipAt(21, 5), 21, 21},
		"last, ciphertext":     {flipAt(100, 18), 100, 100},
		"last, tag":            {flipAt(100, -1), 100, 100},
		"one in the middle":    {flipAt(50, 17), 100, 50},
		"first of a segment":   {flipAt(92, 17), 100, 92},
		"time":                 {func(r *journal.Record) { r.Time += int64(r.Seq / 70) }, 100, 70},
		"epoch":                {func(r *journal.Record) { r.Epoch += r.Seq / 100 }, 100, 100},
		"flags":                {func(r *journal.Record) { r.Flags |= journal.Flags(r.Seq/30%2) * journal.Control }, 100, 30},
		"made plain, last":     {makePlain(100), 100, 100},
		"made plain, middle":   {makePlain(45), 45, 45},
		"made plain, newest":   {func(r *journal.Record) { makePlain(max(r.Seq, newestFirst))(r) }, newestFirst, newestFirst},
		"a plain one, changed": {makePlain(20), 21, 21},
		"moved to another seq": {swap(t, dir, 41, 42), 100, 41},
	} {
		forged := journaltest.CopyLedger(t, dir)
		forge(t, forged, c.change)
		before := journaltest.Tree(t, forged)
		rep, err := journal.Check(forged)
		require.NoError(t, err, name)
		require.Empty(t, rep.Damages, "%s: everything fits for who has no key", name)
		j, err := journal.Open(forged, journal.Options{Keys: keys})
		if c.opened == 0 {
			require.NoError(t, err, name)
			require.NoError(t, j.Close())
		} else {
			requireTampered(t, err, c.opened, name)
			require.Equal(t, before, journaltest.Tree(t, forged), name)
		}
		recs, err := readSealed(t, forged, keys, 0)
		if c.read == 0 {
			require.NoError(t, err, name)
			continue
		}
		requireTampered(t, err, c.read, name)
		require.Len(t, recs, int(c.read)-1)
	}
}

func requireTampered(t *testing.T, err error, seq uint64, name string) {
	t.Helper()
	var tamper *journal.TamperError
	require.ErrorAs(t, err, &tamper, name)
	require.ErrorIs(t, err, journal.ErrDamaged, name)
	require.NotErrorIs(t, err, keyring.ErrNoKey, name)
	require.Contains(t, tamper.File, "journal/0000", name)
	require.Equal(t, seq, tamper.Seq, name)
}

func flipAt(seq uint64, at int) func(*journal.Record) {
	return func(r *journal.Record) {
		if r.Seq == seq {
			r.Payload = bytes.Clone(r.Payload)
			r.Payload[(at+len(r.Payload))%len(r.Payload)] ^= 0x40
		}
	}
}

func makePlain(seq uint64) func(*journal.Record) {
	return func(r *journal.Record) {
		if r.Seq == seq {
			r.Flags &^= journal.Encrypted
			r.Payload = []byte("forged")
		}
	}
}

// swap puts the payloads of two records in each other's place.
func swap(tb testing.TB, dir string, a, b uint64) func(*journal.Record) {
	tb.Helper()
	r, err := journal.OpenReader(dir)
	require.NoError(tb, err)
	stored := make(map[uint64][]byte)
	for rec, err := range r.Stored().Records(0) {
		require.NoError(tb, err)
		stored[rec.Seq] = rec.Payload
	}
	return func(r *journal.Record) {
		switch r.Seq {
		case a:
			r.Payload = stored[b]
		case b:
			r.Payload = stored[a]
		}
	}
}

// A tail is cut only behind a record that authenticates.
func TestTornBehindATamperedRecord(t *testing.T) {
	dir, keys := sealedLedger(t)
	forge(t, dir, flipAt(100, 18))
	path, _ := journaltest.LastSegment(t, dir)
	journaltest.Edit(t, path, func(b []byte) []byte { return append(b, bytes.Repeat([]byte{7}, 99)...) })
	journaltest.Edit(t, filepath.Join(dir, "MARK"), func(b []byte) []byte {
		b[12] = 0 // not closed
		binary.LittleEndian.PutUint32(b[112:], journaltest.Checksum(b[:112]))
		return b
	})
	before := journaltest.Tree(t, dir)
	_, err := journal.Open(dir, journal.Options{Keys: keys})
	requireTampered(t, err, 100, "torn")
	require.Equal(t, before, journaltest.Tree(t, dir))
}
