package journal_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/journal"
)

// verdict is what a damage must lead to: a refusal that names a file, or a
// journal that ends with last.
type verdict struct {
	refused string // file, or its beginning
	reason  string // part of the reason
	at      int64  // offset of the refusal; -1: any
	last    uint64
	cut     bool
}

type damage struct {
	name    string
	clean   bool // done to the cleanly closed ledger, otherwise to the unclean one
	corrupt func(t *testing.T, dir string, l ledger) verdict
}

func refused(path string, at int, reason string) verdict {
	return verdict{refused: "journal/" + filepath.Base(path), at: int64(at), reason: reason}
}

// behind is how many zeros stand behind the records of a segment that was sized
// in advance.
const behind = 1500

// tail edits the records of the newest segment. With ahead, zeros that it was
// sized in advance with stand behind them.
func tail(ahead bool, f func(t *testing.T, b []byte, es []entry, path string) ([]byte, verdict)) func(*testing.T, string, ledger) verdict {
	return func(t *testing.T, dir string, _ ledger) (v verdict) {
		t.Helper()
		path, es := lastSegment(t, dir)
		edit(t, path, func(b []byte) []byte {
			b, v = f(t, b[:es[len(es)-1].end], es, path)
			if ahead {
				b = append(b, make([]byte, behind)...)
			}
			return b
		})
		return v
	}
}

func zero(b []byte) {
	for i := range b {
		b[i] = 0
	}
}

// tailDamages are done to the records of an unclean ledger; with ahead, zeros
// stand behind what they leave.
func tailDamages(ahead bool) []damage {
	tail := func(f func(t *testing.T, b []byte, es []entry, path string) ([]byte, verdict)) func(*testing.T, string, ledger) verdict {
		return tail(ahead, f)
	}
	out := recordDamages(tail)
	if ahead {
		for i := range out {
			out[i].name += ", sized in advance"
		}
		out = append(out, aheadDamages()...)
	}
	return out
}

type edits = func(f func(t *testing.T, b []byte, es []entry, path string) ([]byte, verdict)) func(*testing.T, string, ledger) verdict

func recordDamages(tail edits) []damage {
	at := func(es []entry, n int) entry {
		if n < 0 {
			n += len(es)
		}
		return es[n]
	}
	cutBefore := func(e entry) verdict { return verdict{last: e.rec.Seq - 1, cut: true} }
	return []damage{
		{name: "none", corrupt: func(_ *testing.T, _ string, l ledger) verdict { return verdict{last: l.last} }},
		{name: "zeros behind the end", corrupt: tail(func(_ *testing.T, b []byte, es []entry, _ string) ([]byte, verdict) {
			return append(b, make([]byte, 4096)...), verdict{last: at(es, -1).rec.Seq}
		})},
		{name: "noise behind the end", corrupt: tail(func(_ *testing.T, b []byte, es []entry, _ string) ([]byte, verdict) {
			return append(b, bytes.Repeat([]byte{0xd7, 0x31, 0xff, 1}, 700)...), verdict{last: at(es, -1).rec.Seq, cut: true}
		})},
		{name: "a hole in the last record", corrupt: tail(func(_ *testing.T, b []byte, es []entry, _ string) ([]byte, verdict) {
			e := at(es, -1)
			zero(b[e.frame+40 : e.frame+60])
			return b, cutBefore(e)
		})},
		{name: "a hole in the last group", corrupt: tail(func(_ *testing.T, b []byte, es []entry, _ string) ([]byte, verdict) {
			e := at(es, -5)
			zero(b[e.at:e.end])
			return b, cutBefore(e)
		})},
		{name: "a hole in the group before the last", corrupt: tail(func(t *testing.T, b []byte, es []entry, path string) ([]byte, verdict) {
			t.Helper()
			e := at(es, -15)
			require.Less(t, e.rec.Synced, at(es, -1).rec.Synced, "the segment must hold two groups above MARK")
			zero(b[e.at+10 : e.end])
			return b, refused(path, e.at, "was written when")
		})},
		{name: "a hole in what MARK knows", corrupt: tail(func(_ *testing.T, b []byte, es []entry, path string) ([]byte, verdict) {
			zero(b[es[0].at+10:])
			return b, refused(path, 0, "MARK says so")
		})},
		{name: "a hole with nothing but a proof behind it", corrupt: tail(func(_ *testing.T, b []byte, es []entry, path string) ([]byte, verdict) {
			first, last := at(es, -15), at(es, -1)
			zero(b[first.at:last.at])
			return b, refused(path, first.at, "was written when")
		})},
		{name: "a proof at an odd place", corrupt: tail(func(_ *testing.T, b []byte, es []entry, path string) ([]byte, verdict) {
			first, last := at(es, -15), at(es, -1)
			proof := bytes.Clone(b[last.at:last.end])
			zero(b[first.at:])
			return append(b, append([]byte{0, 7, 0x80}, proof...)...), refused(path, first.at, "was written when")
		})},
		{name: "one bit of the last record", corrupt: tail(func(_ *testing.T, b []byte, es []entry, path string) ([]byte, verdict) {
			e := at(es, -1)
			b[e.end-1] ^= 0x10
			return b, refused(path, e.end-1, "one byte")
		})},
		{name: "one bit of the last checksum", corrupt: tail(func(_ *testing.T, b []byte, es []entry, path string) ([]byte, verdict) {
			e := at(es, -1)
			b[e.frame+2] ^= 1
			return b, refused(path, e.frame+2, "one byte")
		})},
		{name: "one byte of the last chain value", corrupt: tail(func(_ *testing.T, b []byte, es []entry, path string) ([]byte, verdict) {
			e := at(es, -3)
			b[e.frame+50] ^= 0xff
			return b, refused(path, e.frame+50, "one byte")
		})},
		{name: "one byte of the last length, longer", corrupt: tail(func(_ *testing.T, b []byte, es []entry, path string) ([]byte, verdict) {
			e := at(es, -1)
			b[e.at] |= 0x80
			return b, refused(path, e.at, "one byte of its length")
		})},
		{name: "one byte of the last length, shorter", corrupt: tail(func(_ *testing.T, b []byte, es []entry, path string) ([]byte, verdict) {
			e := at(es, -1)
			b[e.at] = 2
			return b, refused(path, e.at, "one byte of its length")
		})},
		{name: "two bytes of the last record", corrupt: tail(func(_ *testing.T, b []byte, es []entry, _ string) ([]byte, verdict) {
			e := at(es, -1)
			b[e.frame+45] ^= 3
			b[e.end-1] ^= 0x10
			return b, cutBefore(e)
		})},
		{name: "the last record twice", corrupt: tail(func(_ *testing.T, b []byte, es []entry, path string) ([]byte, verdict) {
			e := at(es, -1)
			return append(b, b[e.at:e.end]...), refused(path, e.end, "no interrupted write")
		})},
		{name: "a newer format", corrupt: tail(func(_ *testing.T, b []byte, es []entry, path string) ([]byte, verdict) {
			e := at(es, -1)
			b[e.frame+4] = 2
			reseal(b[e.frame:e.end])
			return b, refused(path, e.at, "format version 2")
		})},
		{name: "another history", corrupt: tail(func(_ *testing.T, b []byte, es []entry, path string) ([]byte, verdict) {
			e := at(es, -1)
			b[e.end-1]++
			reseal(b[e.frame:e.end])
			return b, refused(path, e.at, "chain")
		})},
		{name: "a terabyte of nothing", corrupt: func(t *testing.T, dir string, l ledger) verdict {
			t.Helper()
			path, _ := lastSegment(t, dir)
			if err := os.Truncate(path, 1<<40); err != nil {
				t.Skip("the file system has no files of this size:", err)
			}
			return verdict{last: l.last}
		}},
		{name: "a length of ten bytes", corrupt: tail(func(_ *testing.T, b []byte, es []entry, _ string) ([]byte, verdict) {
			b = append(b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01)
			return append(b, make([]byte, 2<<20)...), verdict{last: at(es, -1).rec.Seq, cut: true}
		})},
		{name: "a length not in its shortest form", corrupt: tail(func(_ *testing.T, b []byte, es []entry, _ string) ([]byte, verdict) {
			e := at(es, -1)
			frame := bytes.Clone(b[e.frame:e.end])
			return append(append(b[:e.at], byte(len(frame))|0x80, 0), frame...), cutBefore(e)
		})},
		{name: "an atomic batch that is not whole", corrupt: tail(func(_ *testing.T, b []byte, es []entry, _ string) ([]byte, verdict) {
			e := at(es, -1)
			r := journal.Record{Seq: e.rec.Seq + 1, Synced: e.rec.Seq, Epoch: 1, Time: e.rec.Time, Flags: journal.More, Payload: []byte("half")}
			return append(b, withPrefix(journal.EncodeFrame(&r, e.rec.Chain))...), verdict{last: e.rec.Seq, cut: true}
		})},
	}
}

func fileDamages() []damage {
	seg := func(t *testing.T, dir string, i int) string {
		t.Helper()
		return segments(t, dir)[i]
	}
	both := func(name string, f func(t *testing.T, dir string, l ledger) verdict) []damage {
		return []damage{{name: name, corrupt: f}, {name: name, clean: true, corrupt: f}}
	}
	foreign := func(name string, put func(path string) error) []damage {
		return both("a file named "+name, func(t *testing.T, dir string, _ ledger) verdict {
			t.Helper()
			path := filepath.Join(dir, "journal", name)
			require.NoError(t, put(path))
			return refused(path, 0, "")
		})
	}
	write := func(path string) error { return os.WriteFile(path, nil, 0o600) }
	var out []damage
	for i, name := range []string{"first", "middle", "newest"} {
		out = append(out, both(name+" segment deleted", func(t *testing.T, dir string, _ ledger) verdict {
			t.Helper()
			path := seg(t, dir, i)
			require.NoError(t, os.Remove(path))
			return refused(path, 0, "missing")
		})...)
		out = append(out, both(name+" segment renamed", func(t *testing.T, dir string, _ ledger) verdict {
			t.Helper()
			path := seg(t, dir, i)
			require.NoError(t, os.Rename(path, filepath.Join(dir, "journal", "00000000000000000777")))
			return verdict{refused: "journal/", at: -1}
		})...)
	}
	out = append(out, both("two segments swapped", func(t *testing.T, dir string, _ ledger) verdict {
		t.Helper()
		a, b := seg(t, dir, 0), seg(t, dir, 1)
		require.NoError(t, os.Rename(a, a+"x"))
		require.NoError(t, os.Rename(b, a))
		require.NoError(t, os.Rename(a+"x", b))
		return refused(a, 0, "seq")
	})...)
	out = append(out, both("middle segment zero-filled", func(t *testing.T, dir string, _ ledger) verdict {
		t.Helper()
		edit(t, seg(t, dir, 1), func(b []byte) []byte { zero(b); return b })
		return refused(seg(t, dir, 1), 0, "zero bytes")
	})...)
	out = append(out, both("middle segment zero-extended", func(t *testing.T, dir string, _ ledger) verdict {
		t.Helper()
		size := 0
		edit(t, seg(t, dir, 1), func(b []byte) []byte { size = len(b); return append(b, make([]byte, 4096)...) })
		return refused(seg(t, dir, 1), size, "zero bytes")
	})...)
	out = append(out, both("middle segment cut by a record", func(t *testing.T, dir string, _ ledger) verdict {
		t.Helper()
		first := uint64(0)
		_, err := fmt.Sscanf(filepath.Base(seg(t, dir, 1)), "%d", &first)
		require.NoError(t, err)
		es := entries(t, seg(t, dir, 1), first)
		e := es[len(es)-1]
		require.NoError(t, os.Truncate(seg(t, dir, 1), int64(e.at)))
		return refused(fmt.Sprintf("%020d", e.rec.Seq), 0, "missing")
	})...)
	out = append(out, damage{name: "newest segment empty", clean: true, corrupt: func(t *testing.T, dir string, _ ledger) verdict {
		t.Helper()
		require.NoError(t, os.Truncate(seg(t, dir, 2), 0))
		return refused(seg(t, dir, 2), 0, "was durable")
	}}, damage{name: "bytes behind a clean end", clean: true, corrupt: tail(false, func(_ *testing.T, b []byte, es []entry, path string) ([]byte, verdict) {
		e := es[len(es)-1]
		r := journal.Record{Seq: e.rec.Seq + 1, Synced: e.rec.Seq, Epoch: 1, Time: e.rec.Time, Payload: []byte("more")}
		return append(b, withPrefix(journal.EncodeFrame(&r, e.rec.Chain))...), refused(path, e.end, "closed behind")
	})}, damage{name: "another last record", clean: true, corrupt: tail(false, func(_ *testing.T, b []byte, es []entry, path string) ([]byte, verdict) {
		e := es[len(es)-1]
		r := e.rec
		r.Payload = append([]byte("x"), r.Payload...)
		frame := journal.EncodeFrame(&r, es[len(es)-2].rec.Chain)
		return append(b[:e.at], withPrefix(frame)...), refused(path, e.at, "MARK")
	})}, damage{name: "a hole in the last record", clean: true, corrupt: tail(false, func(_ *testing.T, b []byte, es []entry, path string) ([]byte, verdict) {
		e := es[len(es)-1]
		zero(b[e.frame : e.frame+30])
		return b, refused(path, e.at, "was durable")
	})})
	mark := func(what, reason string, f func(path string) error) []damage {
		return both("MARK "+what, func(t *testing.T, dir string, _ ledger) verdict {
			t.Helper()
			require.NoError(t, f(filepath.Join(dir, "MARK")))
			return verdict{refused: "MARK", reason: reason, at: -1}
		})
	}
	out = append(out, mark("missing", "missing beside segments", os.Remove)...)
	out = append(out, mark("empty", "0 bytes instead of 116", func(p string) error { return os.Truncate(p, 0) })...)
	out = append(out, mark("longer", "117 bytes instead of 116", func(p string) error { return os.Truncate(p, 1<<30) })...)
	for _, name := range []string{
		"notes", "00000000000000000000", "18446744073709551615", "99999999999999999999", "0000000000000000000x",
		"00000000000000000001.START", "00000000000000000002.END", "00000000000000000001.START.TEMP", "-0000000000000000001", "hidden",
	} {
		out = append(out, foreign(name, write)...)
	}
	out = append(out, foreign("00000000000000000500", func(path string) error { return os.Mkdir(path, 0o700) })...)
	out = append(out, foreign("00000000000000000501", func(path string) error { return os.Symlink("/etc/passwd", path) })...)
	return out
}
