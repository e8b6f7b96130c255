package tamper_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/ledgertest"
)

// A forger has everything but the signing key: he reads a closed ledger, changes
// its records, and writes it anew with fresh seqs, checksums and chain, with a MARK
// and with snapshots that fit. He knows the formats from their documents and shares
// no code with the writer.
type forger struct {
	dir      string
	segments [][]frame
	mark     []byte
	noSnaps  bool // snapshots would hold the state of other seqs: they go
}

// frame is one record: its header without what follows from its place.
type frame struct {
	header  [62]byte
	payload []byte
}

// synced is the record up to which all was durable before this one was written.
func (r *frame) synced() uint64 {
	return binary.LittleEndian.Uint64(r.header[10:]) - uint64(binary.LittleEndian.Uint32(r.header[18:]))
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func forge(t *testing.T, dir string) *forger {
	t.Helper()
	f := &forger{dir: dir}
	var err error
	f.mark, err = os.ReadFile(filepath.Join(dir, "MARK"))
	require.NoError(t, err)
	for _, name := range ledgertest.Segments(t, dir) {
		b, err := os.ReadFile(name)
		require.NoError(t, err)
		var seg []frame
		for len(b) > 0 && b[0] != 0 { // zeros stand ahead of the records that are to come
			n, size := binary.Uvarint(b)
			entry := b[size : size+int(n)]
			seg = append(seg, frame{header: [62]byte(entry), payload: bytes.Clone(entry[62:])})
			b = b[size+int(n):]
		}
		f.segments = append(f.segments, seg)
	}
	return f
}

// base is the seq and chain before the first record.
func (f *forger) base() (uint64, [32]byte) {
	return binary.LittleEndian.Uint64(f.mark[16:]) - 1, [32]byte(f.mark[80:112])
}

// at finds record seq.
func (f *forger) at(seq uint64) (segment, i int) {
	base, _ := f.base()
	n := int(seq - base - 1)
	for s, seg := range f.segments {
		if n < len(seg) {
			return s, n
		}
		n -= len(seg)
	}
	panic(fmt.Sprintf("no record %d", seq))
}

func (f *forger) last() uint64 {
	base, _ := f.base()
	for _, s := range f.segments {
		base += uint64(len(s))
	}
	return base
}

// write replaces the ledger's journal, MARK and snapshots.
func (f *forger) write(t *testing.T) {
	t.Helper()
	for _, name := range ledgertest.Segments(t, f.dir) {
		require.NoError(t, os.Remove(name))
	}
	seq, chain := f.base()
	chains := map[uint64][32]byte{seq: chain}
	var epoch, tail uint64
	var clock int64
	for _, seg := range f.segments {
		if len(seg) == 0 {
			continue
		}
		var out []byte
		tail = seq + 1
		name := fmt.Sprintf("%020d", tail)
		for _, r := range seg {
			seq++
			h := r.header
			le := binary.LittleEndian
			synced := min(r.synced(), seq-1)
			le.PutUint64(h[10:], seq)
			le.PutUint32(h[18:], uint32(seq-synced))
			epoch = max(epoch, uint64(le.Uint32(h[6:])))
			le.PutUint32(h[6:], uint32(epoch))
			clock = max(clock, int64(le.Uint64(h[22:])))
			le.PutUint64(h[22:], uint64(clock))
			sum := sha256.New()
			sum.Write(h[4:30])
			sum.Write(chain[:]) // in the place of the record's own
			sum.Write(r.payload)
			chain = [32]byte(sum.Sum(nil))
			copy(h[30:], chain[:])
			chains[seq] = chain
			entry := append(h[:], r.payload...)
			le.PutUint32(entry, crc32.Checksum(entry[4:], castagnoli))
			out = binary.AppendUvarint(out, uint64(len(entry)))
			out = append(out, entry...)
		}
		require.NoError(t, os.WriteFile(filepath.Join(f.dir, "journal", name), out, 0o600))
	}
	le := binary.LittleEndian
	le.PutUint64(f.mark[24:], seq)
	le.PutUint64(f.mark[40:], tail)
	copy(f.mark[48:], chain[:])
	le.PutUint32(f.mark[112:], crc32.Checksum(f.mark[:112], castagnoli))
	require.NoError(t, os.WriteFile(filepath.Join(f.dir, "MARK"), f.mark, 0o600))
	f.anchor(t, chains)
}

// anchor gives the snapshots the chain that the journal has now at their seq, and
// removes those that the journal does not reach any more.
func (f *forger) anchor(t *testing.T, chains map[uint64][32]byte) {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(f.dir, "backups", "*.snap"))
	require.NoError(t, err)
	for _, name := range names {
		b, err := os.ReadFile(name)
		require.NoError(t, err)
		chain, found := chains[binary.LittleEndian.Uint64(b[32:])]
		if !found || f.noSnaps {
			require.NoError(t, os.Remove(name))
			continue
		}
		copy(b[48:80], chain[:])
		seal(b)
		require.NoError(t, os.WriteFile(name, b, 0o600))
	}
}

// seal gives a snapshot fresh checksums.
func seal(b []byte) {
	le := binary.LittleEndian
	header := le.Uint16(b[10:])
	le.PutUint32(b[header-4:], crc32.Checksum(b[16:header-4], castagnoli))
	end := len(b) - 36
	sum := sha256.Sum256(b[:end])
	copy(b[end:], sum[:])
	le.PutUint32(b[len(b)-4:], crc32.Checksum(b[len(b)-52:len(b)-4], castagnoli))
}

// The ways to forge record k. Each returns the first seq that differs from then on.
func forgeries() map[string]func(f *forger, k uint64) uint64 {
	return map[string]func(*forger, uint64) uint64{
		"change": func(f *forger, k uint64) uint64 {
			s, i := f.at(k)
			r := &f.segments[s][i]
			if id := bytes.Index(r.payload, []byte("f-")); id >= 0 {
				r.payload[id+1] = '='
			} else {
				r.header[22]++ // the epoch's own record: its time
			}
			return k
		},
		"remove": func(f *forger, k uint64) uint64 {
			s, i := f.at(k)
			f.segments[s], f.noSnaps = append(f.segments[s][:i:i], f.segments[s][i+1:]...), true
			return k
		},
		"insert": func(f *forger, k uint64) uint64 {
			s, i := f.at(k)
			twice := append(f.segments[s][:i+1:i+1], f.segments[s][i:]...)
			twice[i].payload = bytes.ReplaceAll(twice[i].payload, []byte("f-"), []byte("f+"))
			twice[i].payload = bytes.ReplaceAll(twice[i].payload, []byte("I-"), []byte("I+"))
			twice[i].header[29] = 0 // in 1970, but for the clock that never runs backwards
			f.segments[s], f.noSnaps = twice, true
			return k
		},
		"reorder": func(f *forger, k uint64) uint64 {
			s, i := f.at(min(k, f.last()-1))
			ns, ni := f.at(min(k, f.last()-1) + 1)
			f.segments[s][i], f.segments[ns][ni] = f.segments[ns][ni], f.segments[s][i]
			f.noSnaps = true
			return min(k, f.last()-1)
		},
	}
}
