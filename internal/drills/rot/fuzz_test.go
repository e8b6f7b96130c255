package rot_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/internal/ledgertest"
)

// FuzzDamage makes up to six edits of any files of a ledger that was not closed,
// and judges what becomes of it as [TestDamageOfEveryKind] does: the fuzzer
// looks for a mixture of damages that is accepted.
func FuzzDamage(f *testing.F) {
	v := rotVariants()[0]
	s, _ := v.build(f, 1, false)
	s.foreign = image{}
	dir := filepath.Join(ledgertest.MemoryDir(f), "ledger")
	require.NoError(f, os.Mkdir(dir, 0o700))
	require.NoError(f, image{}.turn(dir, s.image))
	f.Add([]byte{0, 0, 0, 0, 1})
	f.Add([]byte{6, 1, 255, 255, 0, 1, 2, 0, 5, 9})
	f.Add([]byte{6, 2, 8, 0, 200, 6, 2, 9, 0, 200})
	f.Add([]byte{6, 3, 7, 0, 0, 4, 0, 0, 40, 7})
	f.Fuzz(func(t *testing.T, edits []byte) {
		fault := rotFault{what: "edits", look: true, put: s.edits(edits)}
		verdict, now, err := s.try(dir, &fault)
		if back := now.turn(dir, s.image); back != nil {
			t.Fatal(back)
		}
		if err != nil {
			t.Fatal(verdict, err)
		}
	})
}

// edits reads edits of five bytes: which file, what to do, where (two bytes), and
// a value.
func (s *rotSource) edits(b []byte) image {
	put := image{}
	files := s.image.files()
	for e := range slices.Chunk(b[:min(len(b), 30)], 5) {
		if len(e) < 5 {
			break
		}
		path := files[int(e[0])%len(files)]
		was := s.image[path]
		if put[path] != nil {
			was = put[path]
		}
		c := slices.Clone(was.data)
		if len(c) == 0 {
			continue
		}
		at := (int(e[2]) | int(e[3])<<8) % len(c)
		switch e[1] % 4 {
		case 0:
			c[at] = e[4]
		case 1:
			c = c[:at]
		case 2:
			clear(c[at:min(len(c), at+int(e[4])*8)])
		case 3:
			copy(c[at:], c[len(c)/2:min(len(c), len(c)/2+int(e[4]))])
		}
		put[path] = fileOf(c)
	}
	return put
}
