package journaltest

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/journal"
)

// Verdict is what a damage must lead to: a refusal that names a file, or a
// journal that ends with last.
type Verdict struct {
	Refused string // file, or its beginning
	reason  string // part of the reason
	at      int64  // offset of the refusal; -1: any
	last    uint64
	cut     bool
}

// Damage is something that is done to a ledger.
type Damage struct {
	Name    string
	Clean   bool // done to the cleanly closed ledger, otherwise to the unclean one
	Corrupt func(t *testing.T, dir string, l Ledger) Verdict
}

// Refused is the refusal of a segment at an offset.
func Refused(path string, at int, reason string) Verdict {
	return Verdict{Refused: "journal/" + filepath.Base(path), at: int64(at), reason: reason}
}

// Behind is how many zeros stand behind the records of a segment that was sized
// in advance.
const Behind = 1500

// tail edits the records of the newest segment. With ahead, zeros that it was
// sized in advance with stand behind them.
func tail(ahead bool, f func(t *testing.T, b []byte, es []Entry, path string) ([]byte, Verdict)) func(*testing.T, string, Ledger) Verdict {
	return func(t *testing.T, dir string, _ Ledger) (v Verdict) {
		t.Helper()
		path, es := LastSegment(t, dir)
		Edit(t, path, func(b []byte) []byte {
			b, v = f(t, b[:es[len(es)-1].End], es, path)
			if ahead {
				b = append(b, make([]byte, Behind)...)
			}
			return b
		})
		return v
	}
}

// Zero makes zeros of b.
func Zero(b []byte) {
	for i := range b {
		b[i] = 0
	}
}

// TailDamages are done to the records of an unclean ledger; with ahead, zeros
// stand behind what they leave.
func TailDamages(ahead bool) []Damage {
	tail := func(f func(t *testing.T, b []byte, es []Entry, path string) ([]byte, Verdict)) func(*testing.T, string, Ledger) Verdict {
		return tail(ahead, f)
	}
	out := recordDamages(tail)
	if ahead {
		for i := range out {
			out[i].Name += ", sized in advance"
		}
		out = append(out, aheadDamages()...)
	}
	return out
}

// edits makes a damage of the newest segment of what edits its records.
type edits = func(f func(t *testing.T, b []byte, es []Entry, path string) ([]byte, Verdict)) func(*testing.T, string, Ledger) Verdict

func recordDamages(tail edits) []Damage { //nolint:funlen // a table
	at := func(es []Entry, n int) Entry {
		if n < 0 {
			n += len(es)
		}
		return es[n]
	}
	cutBefore := func(e Entry) Verdict { return Verdict{last: e.Rec.Seq - 1, cut: true} }
	return []Damage{
		{Name: "none", Corrupt: func(_ *testing.T, _ string, l Ledger) Verdict { return Verdict{last: l.Last} }},
		{Name: "zeros behind the end", Corrupt: tail(func(_ *testing.T, b []byte, es []Entry, _ string) ([]byte, Verdict) {
			return append(b, make([]byte, 4096)...), Verdict{last: at(es, -1).Rec.Seq}
		})},
		{Name: "noise behind the end", Corrupt: tail(func(_ *testing.T, b []byte, es []Entry, _ string) ([]byte, Verdict) {
			return append(b, bytes.Repeat([]byte{0xd7, 0x31, 0xff, 1}, 700)...), Verdict{last: at(es, -1).Rec.Seq, cut: true}
		})},
		{Name: "a hole in the last record", Corrupt: tail(func(_ *testing.T, b []byte, es []Entry, _ string) ([]byte, Verdict) {
			e := at(es, -1)
			Zero(b[e.Frame+40 : e.Frame+60])
			return b, cutBefore(e)
		})},
		{Name: "a hole in the last group", Corrupt: tail(func(_ *testing.T, b []byte, es []Entry, _ string) ([]byte, Verdict) {
			e := at(es, -5)
			Zero(b[e.At:e.End])
			return b, cutBefore(e)
		})},
		{Name: "a hole in the group before the last", Corrupt: tail(func(t *testing.T, b []byte, es []Entry, path string) ([]byte, Verdict) {
			t.Helper()
			e := at(es, -15)
			require.Less(t, e.Rec.Synced, at(es, -1).Rec.Synced, "the segment must hold two groups above MARK")
			Zero(b[e.At+10 : e.End])
			return b, Refused(path, e.At, "was written when")
		})},
		{Name: "a hole in what MARK knows", Corrupt: tail(func(_ *testing.T, b []byte, es []Entry, path string) ([]byte, Verdict) {
			Zero(b[es[0].At+10:])
			return b, Refused(path, 0, "MARK says so")
		})},
		{Name: "a hole with nothing but a proof behind it", Corrupt: tail(func(_ *testing.T, b []byte, es []Entry, path string) ([]byte, Verdict) {
			first, last := at(es, -15), at(es, -1)
			Zero(b[first.At:last.At])
			return b, Refused(path, first.At, "was written when")
		})},
		{Name: "a proof at an odd place", Corrupt: tail(func(_ *testing.T, b []byte, es []Entry, path string) ([]byte, Verdict) {
			first, last := at(es, -15), at(es, -1)
			proof := bytes.Clone(b[last.At:last.End])
			Zero(b[first.At:])
			return append(b, append([]byte{0, 7, 0x80}, proof...)...), Refused(path, first.At, "was written when")
		})},
		{Name: "one bit of the last record", Corrupt: tail(func(_ *testing.T, b []byte, es []Entry, path string) ([]byte, Verdict) {
			e := at(es, -1)
			b[e.End-1] ^= 0x10
			return b, Refused(path, e.End-1, "one byte")
		})},
		{Name: "one bit of the last checksum", Corrupt: tail(func(_ *testing.T, b []byte, es []Entry, path string) ([]byte, Verdict) {
			e := at(es, -1)
			b[e.Frame+2] ^= 1
			return b, Refused(path, e.Frame+2, "one byte")
		})},
		{Name: "one byte of the last chain value", Corrupt: tail(func(_ *testing.T, b []byte, es []Entry, path string) ([]byte, Verdict) {
			e := at(es, -3)
			b[e.Frame+50] ^= 0xff
			return b, Refused(path, e.Frame+50, "one byte")
		})},
		{Name: "one byte of the last length, longer", Corrupt: tail(func(_ *testing.T, b []byte, es []Entry, path string) ([]byte, Verdict) {
			e := at(es, -1)
			b[e.At] |= 0x80
			return b, Refused(path, e.At, "one byte of its length")
		})},
		{Name: "one byte of the last length, shorter", Corrupt: tail(func(_ *testing.T, b []byte, es []Entry, path string) ([]byte, Verdict) {
			e := at(es, -1)
			b[e.At] = 2
			return b, Refused(path, e.At, "one byte of its length")
		})},
		{Name: "two bytes of the last record", Corrupt: tail(func(_ *testing.T, b []byte, es []Entry, _ string) ([]byte, Verdict) {
			e := at(es, -1)
			b[e.Frame+45] ^= 3
			b[e.End-1] ^= 0x10
			return b, cutBefore(e)
		})},
		{Name: "the last record twice", Corrupt: tail(func(_ *testing.T, b []byte, es []Entry, path string) ([]byte, Verdict) {
			e := at(es, -1)
			return append(b, b[e.At:e.End]...), Refused(path, e.End, "no interrupted write")
		})},
		{Name: "a newer format", Corrupt: tail(func(_ *testing.T, b []byte, es []Entry, path string) ([]byte, Verdict) {
			e := at(es, -1)
			b[e.Frame+4] = 3
			reseal(b[e.Frame:e.End])
			return b, Refused(path, e.At, "format version 3")
		})},
		{Name: "an older format", Corrupt: tail(func(_ *testing.T, b []byte, es []Entry, path string) ([]byte, Verdict) {
			e := at(es, -1)
			b[e.Frame+4] = 1
			reseal(b[e.Frame:e.End])
			return b, Refused(path, e.At, "format version 1")
		})},
		{Name: "another history", Corrupt: tail(func(_ *testing.T, b []byte, es []Entry, path string) ([]byte, Verdict) {
			e := at(es, -1)
			b[e.End-1]++
			reseal(b[e.Frame:e.End])
			return b, Refused(path, e.At, "chain")
		})},
		{Name: "a terabyte of nothing", Corrupt: func(t *testing.T, dir string, l Ledger) Verdict {
			t.Helper()
			path, _ := LastSegment(t, dir)
			if err := os.Truncate(path, 1<<40); err != nil {
				t.Skip("the file system has no files of this size:", err)
			}
			return Verdict{last: l.Last}
		}},
		{Name: "a length of ten bytes", Corrupt: tail(func(_ *testing.T, b []byte, es []Entry, _ string) ([]byte, Verdict) {
			b = append(b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01)
			return append(b, make([]byte, 2<<20)...), Verdict{last: at(es, -1).Rec.Seq, cut: true}
		})},
		{Name: "a length not in its shortest form", Corrupt: tail(func(_ *testing.T, b []byte, es []Entry, _ string) ([]byte, Verdict) {
			e := at(es, -1)
			frame := bytes.Clone(b[e.Frame:e.End])
			return append(append(b[:e.At], byte(len(frame))|0x80, 0), frame...), cutBefore(e)
		})},
		{Name: "an atomic batch that is not whole", Corrupt: tail(func(_ *testing.T, b []byte, es []Entry, _ string) ([]byte, Verdict) {
			e := at(es, -1)
			r := journal.Record{Seq: e.Rec.Seq + 1, Synced: e.Rec.Seq, Epoch: 1, Time: e.Rec.Time, Flags: journal.More, Payload: []byte("half")}
			return append(b, WithPrefix(EncodeFrame(&r, e.Rec.Chain))...), Verdict{last: e.Rec.Seq, cut: true}
		})},
	}
}

// FileDamages are done to files, names and MARK.
func FileDamages() []Damage { //nolint:funlen // a table
	seg := func(t *testing.T, dir string, i int) string {
		t.Helper()
		return Segments(t, dir)[i]
	}
	both := func(name string, f func(t *testing.T, dir string, l Ledger) Verdict) []Damage {
		return []Damage{{Name: name, Corrupt: f}, {Name: name, Clean: true, Corrupt: f}}
	}
	foreign := func(name string, put func(path string) error) []Damage {
		return both("a file named "+name, func(t *testing.T, dir string, _ Ledger) Verdict {
			t.Helper()
			path := filepath.Join(dir, "journal", name)
			require.NoError(t, put(path))
			return Refused(path, 0, "")
		})
	}
	write := func(path string) error { return os.WriteFile(path, nil, 0o600) }
	var out []Damage
	for i, name := range []string{"first", "middle", "newest"} {
		out = append(out, both(name+" segment deleted", func(t *testing.T, dir string, _ Ledger) Verdict {
			t.Helper()
			path := seg(t, dir, i)
			require.NoError(t, os.Remove(path))
			return Refused(path, 0, "missing")
		})...)
		out = append(out, both(name+" segment renamed", func(t *testing.T, dir string, _ Ledger) Verdict {
			t.Helper()
			path := seg(t, dir, i)
			require.NoError(t, os.Rename(path, filepath.Join(dir, "journal", "00000000000000000777")))
			return Verdict{Refused: "journal/", at: -1}
		})...)
	}
	out = append(out, both("two segments swapped", func(t *testing.T, dir string, _ Ledger) Verdict {
		t.Helper()
		a, b := seg(t, dir, 0), seg(t, dir, 1)
		require.NoError(t, os.Rename(a, a+"x"))
		require.NoError(t, os.Rename(b, a))
		require.NoError(t, os.Rename(a+"x", b))
		return Refused(a, 0, "seq")
	})...)
	out = append(out, both("middle segment zero-filled", func(t *testing.T, dir string, _ Ledger) Verdict {
		t.Helper()
		Edit(t, seg(t, dir, 1), func(b []byte) []byte { Zero(b); return b })
		return Refused(seg(t, dir, 1), 0, "zero bytes")
	})...)
	out = append(out, both("middle segment zero-extended", func(t *testing.T, dir string, _ Ledger) Verdict {
		t.Helper()
		size := 0
		Edit(t, seg(t, dir, 1), func(b []byte) []byte { size = len(b); return append(b, make([]byte, 4096)...) })
		return Refused(seg(t, dir, 1), size, "zero bytes")
	})...)
	out = append(out, both("middle segment cut by a record", func(t *testing.T, dir string, _ Ledger) Verdict {
		t.Helper()
		first := uint64(0)
		_, err := fmt.Sscanf(filepath.Base(seg(t, dir, 1)), "%d", &first)
		require.NoError(t, err)
		es := Entries(t, seg(t, dir, 1), first)
		e := es[len(es)-1]
		require.NoError(t, os.Truncate(seg(t, dir, 1), int64(e.At)))
		return Refused(fmt.Sprintf("%020d", e.Rec.Seq), 0, "missing")
	})...)
	out = append(out, Damage{Name: "newest segment empty", Clean: true, Corrupt: func(t *testing.T, dir string, _ Ledger) Verdict {
		t.Helper()
		require.NoError(t, os.Truncate(seg(t, dir, 2), 0))
		return Refused(seg(t, dir, 2), 0, "was durable")
	}}, Damage{Name: "bytes behind a clean end", Clean: true, Corrupt: tail(false, func(_ *testing.T, b []byte, es []Entry, path string) ([]byte, Verdict) {
		e := es[len(es)-1]
		r := journal.Record{Seq: e.Rec.Seq + 1, Synced: e.Rec.Seq, Epoch: 1, Time: e.Rec.Time, Payload: []byte("more")}
		return append(b, WithPrefix(EncodeFrame(&r, e.Rec.Chain))...), Refused(path, e.End, "closed behind")
	})}, Damage{Name: "another last record", Clean: true, Corrupt: tail(false, func(_ *testing.T, b []byte, es []Entry, path string) ([]byte, Verdict) {
		e := es[len(es)-1]
		r := e.Rec
		r.Payload = append([]byte("x"), r.Payload...)
		frame := EncodeFrame(&r, es[len(es)-2].Rec.Chain)
		return append(b[:e.At], WithPrefix(frame)...), Refused(path, e.At, "MARK")
	})}, Damage{Name: "a hole in the last record", Clean: true, Corrupt: tail(false, func(_ *testing.T, b []byte, es []Entry, path string) ([]byte, Verdict) {
		e := es[len(es)-1]
		Zero(b[e.Frame : e.Frame+30])
		return b, Refused(path, e.At, "was durable")
	})})
	mark := func(what, reason string, f func(path string) error) []Damage {
		return both("MARK "+what, func(t *testing.T, dir string, _ Ledger) Verdict {
			t.Helper()
			require.NoError(t, f(filepath.Join(dir, "MARK")))
			return Verdict{Refused: "MARK", reason: reason, at: -1}
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

// aheadDamages are what can happen to the zeros of a segment that was sized in
// advance.
func aheadDamages() []Damage {
	last := func(es []Entry) uint64 { return es[len(es)-1].Rec.Seq }
	flipped := func(name string, at func(size int) int, value byte) Damage {
		return Damage{Name: name, Corrupt: tail(false, func(_ *testing.T, b []byte, es []Entry, _ string) ([]byte, Verdict) {
			zeros := make([]byte, Behind)
			zeros[at(Behind)] = value
			return append(b, zeros...), Verdict{last: last(es), cut: true}
		})}
	}
	return []Damage{
		flipped("the first of the zeros", func(int) int { return 0 }, 1),
		flipped("the first of the zeros is a length", func(int) int { return 0 }, 0x7f),
		flipped("one of the zeros", func(size int) int { return size / 2 }, 0x20),
		flipped("the last of the zeros", func(size int) int { return size - 1 }, 0x80),
		{Name: "the last group never reached the disk", Corrupt: tail(true, func(_ *testing.T, b []byte, es []Entry, _ string) ([]byte, Verdict) {
			first := len(es) - 10
			Zero(b[es[first].At:])
			return b, Verdict{last: es[first].Rec.Seq - 1}
		})},
		{Name: "zeros behind a clean end", Clean: true, Corrupt: tail(true, func(_ *testing.T, b []byte, es []Entry, path string) ([]byte, Verdict) {
			return b, Refused(path, es[len(es)-1].End, "closed behind")
		})},
		{Name: "zeros where MARK knows of records", Corrupt: tail(true, func(_ *testing.T, b []byte, _ []Entry, path string) ([]byte, Verdict) {
			Zero(b)
			return b, Refused(path, 0, "MARK says so")
		})},
	}
}
