package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/journal/internal/journaltest"
	"github.com/moneyprinter/holdfast/keyring"
)

// A seq that is written again after a cut is encrypted under another salt, and
// so is what follows a rotation back to a key.
func TestNoNonceTwice(t *testing.T) {
	dir := filepath.Join(journaltest.FastDir(t), "ledger")
	keys := keyring.New(key(t, 1))
	seen := make(map[string][]byte) // key id, salt and seq to the ciphertext
	note := func() {
		r, err := journal.OpenReader(dir)
		require.NoError(t, err)
		for rec, err := range r.Stored().Records(0) {
			require.NoError(t, err)
			name := fmt.Sprintf("%x %d", rec.Payload[:16], rec.Seq)
			if old, ok := seen[name]; ok {
				require.Equal(t, old, rec.Payload)
			}
			seen[name] = rec.Payload
		}
	}
	for range 5 {
		j := journaltest.Open(t, dir, journal.Options{Keys: keys})
		require.LessOrEqual(t, j.Durable(), uint64(12))
		journaltest.Add(t, j, 1)
		for _, n := range []byte{2, 1} {
			require.NoError(t, keys.Rotate(key(t, n)))
			journaltest.Add(t, j, 4)
		}
		note()
		// As if the last group had never been synced.
		require.NoError(t, j.Close())
		path, es := journaltest.LastSegment(t, dir)
		require.NoError(t, os.Truncate(path, int64(es[1].End)))
		require.NoError(t, os.Remove(filepath.Join(dir, "MARK")))
		j, err := journal.Open(dir, journal.Options{Keys: keys, TrustJournal: true})
		require.NoError(t, err)
		require.NoError(t, j.Close())
	}
	require.Len(t, seen, 5*9, "every record but those that were kept is new")
}

func TestSaltFails(t *testing.T) {
	o := journal.Options{Keys: keyring.New(key(t, 1))}
	o.SaltFrom(func([]byte) error { return errors.New("no entropy") })
	dir := filepath.Join(t.TempDir(), "ledger")
	j := journaltest.Open(t, dir, o)
	b := j.NewBatch()
	seq, _ := b.Append([]byte("secret"), 0, 1)
	require.Zero(t, seq)
	require.ErrorContains(t, j.Commit(b), "no entropy")
	require.NoError(t, j.Close())
	for name, text := range journaltest.Tree(t, dir) {
		require.NotContains(t, text, "secret", name)
	}
}

func TestFlagIsNotTheCallers(t *testing.T) {
	for _, keys := range []*keyring.Ring{nil, keyring.New(key(t, 1))} {
		j := journaltest.Open(t, filepath.Join(t.TempDir(), "ledger"), journal.Options{Keys: keys})
		b := j.NewBatch()
		b.Append(make([]byte, 100), journal.Encrypted, 1)
		require.ErrorIs(t, j.Commit(b), journal.ErrPayload)
	}
}

// The longest payload fits whether it is encrypted or not.
func TestLongestPayloadEncrypted(t *testing.T) {
	keys := keyring.New(key(t, 1))
	dir := filepath.Join(t.TempDir(), "ledger")
	j := journaltest.Open(t, dir, journal.Options{Keys: keys})
	b := j.NewBatch()
	long := bytes.Repeat([]byte{7}, journal.MaxPayload)
	b.Append(long, 0, 1)
	require.Equal(t, 3+journal.MaxFrame, b.Size())
	require.NoError(t, j.Commit(b))
	for rec, err := range j.Records(0) {
		require.NoError(t, err)
		require.Equal(t, long, rec.Payload)
	}
}

// A reader keeps a bounded number of ciphers, however many openings it meets.
func TestManySalts(t *testing.T) {
	dir := filepath.Join(journaltest.FastDir(t), "ledger")
	keys := keyring.New(key(t, 1))
	j := journaltest.Open(t, dir, journal.Options{SegmentSize: 2048, Keys: keys})
	for i := range 150 {
		require.NoError(t, keys.Rotate(key(t, byte(1+i%2)))) // a new salt each time
		journaltest.Add(t, j, 1)
	}
	require.NoError(t, j.Close())
	r, err := journal.OpenReader(dir)
	require.NoError(t, err)
	r = r.WithKeys(keys)
	n := 0
	for rec, err := range r.Records(0) {
		require.NoError(t, err)
		require.Equal(t, journaltest.Payload(rec.Seq), rec.Payload)
		n++
	}
	require.Equal(t, 150, n)
	require.LessOrEqual(t, r.Ciphers(), 64)
	require.Positive(t, r.Ciphers())
}

// Rotation does not disturb those who append and read.
func TestRotateWhileWriting(t *testing.T) {
	dir := filepath.Join(journaltest.FastDir(t), "ledger")
	keys := keyring.New(key(t, 1))
	j := journaltest.Open(t, dir, journal.Options{SegmentSize: 8 << 10, Keys: keys})
	stop := make(chan struct{})
	var rotating sync.WaitGroup
	rotating.Go(func() {
		for n := byte(0); ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			if err := keys.Rotate(key(t, 1+n%5)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 60 {
		journaltest.Add(t, j, 7)
	}
	close(stop)
	rotating.Wait()
	require.NoError(t, j.Close())
	recs, err := readSealed(t, dir, keys, 0)
	require.NoError(t, err)
	require.Len(t, recs, 420)
}

// To encrypt allocates no more than to copy.
func TestEncryptingAllocatesNothing(t *testing.T) {
	per := func(keys *keyring.Ring) float64 {
		j := journaltest.Open(t, filepath.Join(journaltest.FastDir(t), "ledger"), journal.Options{Keys: keys})
		data := make([]byte, 281)
		b := j.NewBatch()
		for range 3000 { // so that the buffers have grown
			b.Append(data, 0, 1)
		}
		require.NoError(t, j.Commit(b))
		b = j.NewBatch()
		return testing.AllocsPerRun(1000, func() { b.Append(data, 0, 1) })
	}
	plain := per(nil)
	require.InDelta(t, plain, per(keyring.New(key(t, 1))), 0.5)
}

// Every key that occurs is asked for, not only those of the first and the last
// record.
func TestKeyInTheMiddleMissing(t *testing.T) {
	dir := filepath.Join(journaltest.FastDir(t), "ledger")
	one, two := key(t, 1), key(t, 2)
	keys := keyring.New(one)
	j := journaltest.Open(t, dir, journal.Options{SegmentSize: 2048, Keys: keys})
	for _, k := range []keyring.Key{one, two, one} {
		require.NoError(t, keys.Rotate(k))
		journaltest.Add(t, j, 5)
	}
	require.NoError(t, j.Close())
	before := journaltest.Tree(t, dir)
	_, err := journal.Open(dir, journal.Options{Keys: keyring.New(one)})
	var missing *keyring.NoKeyError
	require.ErrorAs(t, err, &missing)
	require.Equal(t, two.ID(), missing.ID)
	require.Equal(t, before, journaltest.Tree(t, dir))
}
