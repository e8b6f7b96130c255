package snapshotter_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"flag"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/moneyprinter/holdfast/remedy"
	"github.com/moneyprinter/holdfast/snapshotter"
)

// sample returns a small valid snapshot as name and bytes.
func sample(tb testing.TB) (string, []byte) {
	tb.Helper()
	dir := tb.TempDir()
	s := snapshotter.New(dir, snapshotter.Options{Now: clockAt(epoch0)})
	snap := write(tb, s, 6, []byte("abcabcabcabc the body of a small snapshot"))
	b, err := os.ReadFile(filepath.Join(dir, snap.Name))
	require.NoError(tb, err)
	return snap.Name, b
}

// refused writes b under name and requires that no way of reading accepts it. It
// returns Verify's error.
func refused(tb testing.TB, s *snapshotter.Snapshotter, name string, b []byte) error {
	tb.Helper()
	require.NoError(tb, os.WriteFile(filepath.Join(s.Dir(), name), b, 0o600))
	_, err := s.Verify(name)
	require.Error(tb, err)
	_, err = s.Open(name)
	require.Error(tb, err)
	return err
}

func TestEveryBitFlip(t *testing.T) {
	name, good := sample(t)
	s := snapshotter.New(t.TempDir(), snapshotter.Options{})
	for bit := range len(good) * 8 {
		b := slices.Clone(good)
		b[bit/8] ^= 1 << (bit % 8)
		var damage *snapshotter.DamageError
		require.ErrorAs(t, refused(t, s, name, b), &damage, "bit %d", bit)
		require.Equal(t, name, damage.File)
		at := int64(bit / 8)
		switch {
		case at < 16:
			require.EqualValues(t, 0, damage.Offset, "bit %d", bit)
		case at < int64(snapshotter.HeaderSize):
			require.EqualValues(t, 16, damage.Offset, "bit %d", bit)
		case at < int64(len(good)-snapshotter.TrailerSize):
			require.EqualValues(t, snapshotter.HeaderSize, damage.Offset, "bit %d", bit)
		default:
			require.EqualValues(t, len(good)-snapshotter.TrailerSize, damage.Offset, "bit %d", bit)
		}
		list, err := s.List()
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.Equal(t, at < int64(snapshotter.HeaderSize), list[0].Err != nil, "List reads the header, bit %d", bit)
	}
}

func TestEveryCut(t *testing.T) {
	name, good := sample(t)
	s := snapshotter.New(t.TempDir(), snapshotter.Options{})
	for n := range good {
		var damage *snapshotter.DamageError
		require.ErrorAs(t, refused(t, s, name, good[:n]), &damage, "%d bytes", n)
		list, err := s.List()
		require.NoError(t, err)
		require.Len(t, list, 1)
		if n < snapshotter.HeaderSize+snapshotter.TrailerSize {
			require.ErrorIs(t, list[0].Err, snapshotter.ErrDamaged)
			require.EqualValues(t, 6, list[0].Seq)
			require.EqualValues(t, n, list[0].Size)
		}
	}
}

func TestOtherDamage(t *testing.T) {
	name, good := sample(t)
	zeroed := func(from, to int) []byte {
		b := slices.Clone(good)
		clear(b[from:to])
		return b
	}
	moved := append(slices.Clone(good[:snapshotter.HeaderSize]), good...)
	cases := map[string][]byte{
		"one zero byte more":    append(slices.Clone(good), 0),
		"its own trailer again": append(slices.Clone(good), good[len(good)-snapshotter.TrailerSize:]...),
		"twice itself":          append(slices.Clone(good), good...),
		"header twice":          moved,
		"all zeros":             zeroed(0, len(good)),
		"body zeroed":           zeroed(snapshotter.HeaderSize, len(good)-snapshotter.TrailerSize),
		"end zeroed":            zeroed(snapshotter.HeaderSize, len(good)),
		"text":                  bytes.Repeat([]byte("no snapshot "), 50),
	}
	s := snapshotter.New(t.TempDir(), snapshotter.Options{})
	for what, b := range cases {
		var damage *snapshotter.DamageError
		require.ErrorAs(t, refused(t, s, name, b), &damage, what)
	}
	var damage *snapshotter.DamageError
	require.ErrorAs(t, refused(t, s, "positions_20260102_030405_7.snap", good), &damage, "renamed")
	require.Contains(t, damage.Reason, "seq 6")
	list, err := s.List()
	require.NoError(t, err)
	require.ErrorIs(t, list[0].Err, snapshotter.ErrDamaged)
}

func TestNewerFormatIsRefusedByName(t *testing.T) {
	name, good := sample(t)
	s := snapshotter.New(t.TempDir(), snapshotter.Options{})
	reseal := func(edit func(header []byte)) []byte {
		header := slices.Clone(good[:snapshotter.HeaderSize])
		edit(header)
		castagnoli := crc32.MakeTable(crc32.Castagnoli)
		binary.LittleEndian.PutUint32(header[12:], crc32.Checksum(header[:12], castagnoli))
		end := len(header) - 4
		binary.LittleEndian.PutUint32(header[end:], crc32.Checksum(header[16:end], castagnoli))
		return snapshotter.Seal(header, good[snapshotter.HeaderSize:len(good)-snapshotter.TrailerSize], 41)
	}
	require.NoError(t, os.WriteFile(filepath.Join(s.Dir(), name), reseal(func([]byte) {}), 0o600))
	_, err := s.Verify(name)
	require.NoError(t, err, "the test's own sealing")

	err = refused(t, s, name, reseal(func(h []byte) { h[8] = 3 }))
	require.ErrorIs(t, err, snapshotter.ErrNewerFormat)
	require.NotErrorIs(t, err, snapshotter.ErrDamaged)
	require.ErrorContains(t, err, "format 3")
	require.ErrorContains(t, err, "use a newer holdfast")
	require.ErrorContains(t, err, name)
	err = refused(t, s, name, reseal(func(h []byte) { h[8] = 3; h[10] = 20 })[:16])
	require.ErrorIs(t, err, snapshotter.ErrNewerFormat, "only the first 16 bytes are needed to know")
	for _, at := range []int{160, 161, 162, 165, 166, 171} {
		require.ErrorIs(t, refused(t, s, name, reseal(func(h []byte) { h[at] = 2 })), snapshotter.ErrNewerFormat)
		if at < 162 || at > 165 { // where a key's id stands
			require.ErrorIs(t, refused(t, s, name, reseal(func(h []byte) { h[160] |= 1; h[at] |= 2 })), snapshotter.ErrNewerFormat)
		}
	}
	require.ErrorIs(t, refused(t, s, name, reseal(func(h []byte) { h[171] = 1 })), snapshotter.ErrNewerFormat)
	require.ErrorIs(t, refused(t, s, name, reseal(func(h []byte) { h[8] = 0 })), snapshotter.ErrDamaged)
	require.ErrorIs(t, refused(t, s, name, reseal(func(h []byte) { h[10] = 175 })), snapshotter.ErrDamaged)
}

// TestForgedBodies are files whose checksums are all right, because anybody can
// compute them.
func TestForgedBodies(t *testing.T) {
	name, good := sample(t)
	header := good[:snapshotter.HeaderSize]
	compress := func(b []byte, o ...zstd.EOption) []byte {
		enc, err := zstd.NewWriter(nil, o...)
		require.NoError(t, err)
		return enc.EncodeAll(b, nil)
	}
	cases := map[string]struct {
		stored []byte
		plain  uint64
	}{
		"no zstd":          {[]byte("plain text"), 10},
		"empty":            {nil, 10},
		"shorter":          {compress([]byte("short")), 6},
		"longer":           {compress([]byte("long")), 3},
		"bomb":             {compress(make([]byte, 64<<20)), 10},
		"huge window":      {forgedWindow(), 1 << 30},
		"16 MiB window":    {wideFrame(t), wideSize},
		"cut frame":        {compress(bytes.Repeat([]byte("x"), 1000))[:12], 1000},
		"rubbish after it": {append(compress([]byte("body")), "rubbish"...), 4},
		"declares 2^63":    {compress([]byte("body")), 1 << 63},
	}
	s := snapshotter.New(t.TempDir(), snapshotter.Options{})
	for what, c := range cases {
		t.Run(what, func(t *testing.T) {
			require.NoError(t, os.WriteFile(filepath.Join(s.Dir(), name), snapshotter.Seal(header, c.stored, c.plain), 0o600))
			_, err := s.Verify(name)
			require.ErrorIs(t, err, snapshotter.ErrDamaged)
			r, err := s.Open(name)
			if err != nil {
				require.ErrorIs(t, err, snapshotter.ErrDamaged)
				return
			}
			got, err := io.ReadAll(r)
			require.ErrorIs(t, err, snapshotter.ErrDamaged)
			require.LessOrEqual(t, uint64(len(got)), c.plain)
			require.NoError(t, r.Close())
		})
	}
}

func TestForgedLengths(t *testing.T) {
	name, good := sample(t)
	s := snapshotter.New(t.TempDir(), snapshotter.Options{})
	header, stored := good[:snapshotter.HeaderSize], good[snapshotter.HeaderSize:len(good)-snapshotter.TrailerSize]
	at := int64(len(good) - snapshotter.TrailerSize)
	var damage *snapshotter.DamageError
	require.ErrorAs(t, refused(t, s, name, snapshotter.Seal(header, stored, snapshotter.MaxBody+1)), &damage)
	require.Equal(t, at, damage.Offset)
	require.Contains(t, damage.Reason, "at most")
	for _, length := range []uint64{0, uint64(len(stored)) - 1, uint64(len(stored)) + 1, 1 << 63} {
		require.ErrorAs(t, refused(t, s, name, snapshotter.SealAs(header, stored, 41, length)), &damage)
		require.Equal(t, at, damage.Offset)
		require.Contains(t, damage.Reason, "bytes long")
	}
}

// forgedWindow is a zstd frame header that asks for a window of 1 GiB.
func forgedWindow() []byte {
	const descriptor, window = 0x00, (30 - 10) << 3
	return []byte{0x28, 0xb5, 0x2f, 0xfd, descriptor, window, 0x01, 0x00, 0x00}
}

const wideSize = 9 << 20

// wideFrame is a good frame whose window is larger than a reader allows itself.
func wideFrame(tb testing.TB) []byte {
	tb.Helper()
	var b bytes.Buffer
	enc, err := zstd.NewWriter(&b, zstd.WithWindowSize(16<<20), zstd.WithEncoderConcurrency(1))
	require.NoError(tb, err)
	_, err = enc.Write(make([]byte, wideSize))
	require.NoError(tb, err)
	require.NoError(tb, enc.Close())
	dec, err := zstd.NewReader(nil)
	require.NoError(tb, err)
	defer dec.Close()
	plain, err := dec.DecodeAll(b.Bytes(), nil)
	require.NoError(tb, err)
	require.Len(tb, plain, wideSize)
	return b.Bytes()
}

// TestFileSizeLimit makes the kernel refuse the write in the middle, in a child
// process because the limit cannot be taken back.
func TestFileSizeLimit(t *testing.T) {
	const variable = "SNAPSHOTTER_TEST_LIMITED_DIR"
	if dir := os.Getenv(variable); dir != "" {
		signal.Ignore(unix.SIGXFSZ)
		require.NoError(t, unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: 1 << 20, Max: 1 << 20}))
		s := snapshotter.New(dir, snapshotter.Options{Now: clockAt(epoch0)})
		_, err := s.Write(t.Context(), metaOf(2), func(w io.Writer) error {
			noise := make([]byte, 1<<16)
			for i := range uint32(64) {
				for j := 0; j < len(noise); j += 4 {
					binary.LittleEndian.PutUint32(noise[j:], (i<<16+uint32(j))*2654435761)
				}
				if _, err := w.Write(noise); err != nil {
					return err
				}
			}
			return nil
		})
		require.ErrorIs(t, err, unix.EFBIG)
		return
	}
	dir := t.TempDir()
	s := snapshotter.New(dir, snapshotter.Options{Now: clockAt(epoch0)})
	snap := write(t, s, 1, []byte("before"))
	child := exec.Command(os.Args[0], "-test.run=^TestFileSizeLimit$", "-test.v")
	child.Env = append(os.Environ(), variable+"="+dir)
	out, err := child.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: TestFileSizeLimit")
	require.Equal(t, []string{snap.Name}, names(t, dir))
}

func TestFIFOIsNoSnapshot(t *testing.T) {
	dir := t.TempDir()
	const name = "positions_20260102_030405_1.snap"
	require.NoError(t, unix.Mkfifo(filepath.Join(dir, name), 0o600))
	s := snapshotter.New(dir, snapshotter.Options{})
	_, err := s.Verify(name) // must not wait for a writer
	require.ErrorIs(t, err, snapshotter.ErrName)
	list, err := s.List()
	require.NoError(t, err)
	require.Empty(t, list)
}

var writeGolden = flag.Bool("write-golden", false, "add the golden snapshot of the current format, if there is none yet")

// TestGolden reads the snapshot that format 2 made when it was new. The file
// is never changed: a later format gets a directory of its own.
func TestGolden(t *testing.T) {
	const dir, name = "testdata/v2", "positions_20260102_030405_6.snap"
	body := bytes.Repeat([]byte("the body of the second format, "), 40)
	if *writeGolden {
		_, err := os.Stat(filepath.Join(dir, name))
		require.ErrorIs(t, err, os.ErrNotExist, "golden files stay as they are")
		write(t, snapshotter.New(dir, snapshotter.Options{Now: clockAt(epoch0)}), 6, body)
	}
	s := snapshotter.New(dir, snapshotter.Options{})
	snap, err := s.Verify(name)
	require.NoError(t, err)
	require.Equal(t, metaOf(6), snap.Meta)
	require.Equal(t, epoch0, snap.Created)
	r, err := s.Open(name)
	require.NoError(t, err)
	defer func() { _ = r.Close() }() // only read from
	got, err := io.ReadAll(r)
	require.NoError(t, err)
	require.Equal(t, string(body), string(got))
	raw, err := os.ReadFile(filepath.Join(dir, name))
	require.NoError(t, err)
	require.Equal(t, snapshotter.EncodeHeader(metaOf(6), epoch0), raw[:snapshotter.HeaderSize], "the header's bytes")
}

// TestFirstFormatIsRefusedByName: a snapshot of the builds before the first release is
// neither read nor called damaged, and the error says what becomes of it.
func TestFirstFormatIsRefusedByName(t *testing.T) {
	for _, dir := range []string{"testdata/v1", "testdata/v1sealed"} {
		const name = "positions_20260102_030405_6.snap"
		s := snapshotter.New(dir, snapshotter.Options{})
		_, err := s.Verify(name)
		_, openErr := s.Open(name)
		list, listErr := s.List()
		require.NoError(t, listErr)
		require.Len(t, list, 1)
		for _, err := range []error{err, openErr, list[0].Err} {
			require.ErrorIs(t, err, snapshotter.ErrOlderFormat)
			require.NotErrorIs(t, err, snapshotter.ErrDamaged)
			require.ErrorContains(t, err, name+" has format 1, of the builds before the first release")
			require.Equal(t, remedy.CarryOver, remedy.Of(err).Kind)
		}
	}
}

// TestIdentityOfTheHeader: what the caller gives comes back, up to the longest, and no
// longer one is taken.
func TestIdentityOfTheHeader(t *testing.T) {
	s := snapshotter.New(t.TempDir(), snapshotter.Options{Now: clockAt(epoch0)})
	for seq, identity := range map[uint64]string{1: "", 2: "x", 3: strings.Repeat("i", snapshotter.MaxIdentity)} {
		m := metaOf(seq)
		m.Identity = identity
		snap, err := s.Write(t.Context(), m, bodyOf([]byte("body")))
		require.NoError(t, err)
		got, err := s.Verify(snap.Name)
		require.NoError(t, err)
		require.Equal(t, m, got.Meta)
	}
	list, err := s.List()
	require.NoError(t, err)
	require.Len(t, list, 3)
	require.Len(t, list[0].Identity, snapshotter.MaxIdentity)
	m := metaOf(4)
	m.Identity = strings.Repeat("i", snapshotter.MaxIdentity+1)
	_, err = s.Write(t.Context(), m, bodyOf(nil))
	require.ErrorIs(t, err, snapshotter.ErrTooLarge)
	require.Len(t, names(t, s.Dir()), 3)
}

func FuzzHeader(f *testing.F) {
	f.Add(snapshotter.EncodeHeader(metaOf(1), epoch0))
	f.Add(snapshotter.EncodeHeader(snapshotter.Meta{}, time.Unix(0, 0)))
	f.Add(snapshotter.EncodeSealedHeader(metaOf(1), epoch0, [4]byte{1, 2, 3, 4}))
	f.Add([]byte("HOLDSNAP"))
	f.Add([]byte("HOLDSNAP\x01\x00\xb0\x00")) // of the format before
	f.Fuzz(func(t *testing.T, b []byte) {
		again, err := snapshotter.Recode("f", b)
		if err != nil {
			switch {
			case errors.Is(err, snapshotter.ErrDamaged), errors.Is(err, snapshotter.ErrNewerFormat), errors.Is(err, snapshotter.ErrOlderFormat):
			default:
				t.Fatalf("unexpected error %v", err)
			}
			return
		}
		if !bytes.Equal(again, b[:len(again)]) {
			t.Fatalf("header does not encode back: %x", b)
		}
	})
}

// FuzzBody hands arbitrary bytes to the decompressor behind valid checksums.
func FuzzBody(f *testing.F) {
	_, good := sample(f)
	f.Add(good[snapshotter.HeaderSize:len(good)-snapshotter.TrailerSize], uint64(41))
	f.Add([]byte{}, uint64(0))
	f.Add(forgedWindow(), uint64(5))
	dir := f.TempDir()
	s := snapshotter.New(dir, snapshotter.Options{})
	f.Fuzz(func(t *testing.T, stored []byte, plain uint64) {
		plain %= 1 << 24
		const name = "positions_20260102_030405_6.snap"
		if err := os.WriteFile(filepath.Join(dir, name), snapshotter.Seal(good[:snapshotter.HeaderSize], stored, plain), 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := s.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		n, err := io.Copy(io.Discard, struct{ io.Reader }{r})
		if uint64(n) > plain || err == nil && uint64(n) != plain || err != nil && !errors.Is(err, snapshotter.ErrDamaged) {
			t.Fatalf("%d of %d bytes, %v", n, plain, err)
		}
		if err = r.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

func FuzzName(f *testing.F) {
	f.Add("positions_20260102_030405_6.snap")
	f.Add("positions_20260102_030405_18446744073709551615.snap")
	f.Fuzz(func(t *testing.T, name string) {
		if _, _, ok := snapshotter.ParseName(name); ok && (name != filepath.Base(name) || bytes.ContainsRune([]byte(name), 0)) {
			t.Fatalf("%q leads out of the directory", name)
		}
	})
}
