//go:build zz

package holdfast_test

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/moneyprinter/holdfast/internal/yardstick"
	"github.com/moneyprinter/holdfast/snapshotter"
)

func TestZstd(t *testing.T) {
	dir := "/tmp/snapshots/led/backups"
	s := snapshotter.New(dir, snapshotter.Options{})
	list, err := s.List()
	if err != nil || len(list) == 0 {
		t.Fatal(err, filepath.Base(dir), os.Getenv("X"))
	}
	r, err := s.Open(list[0].Name)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(struct{ io.Reader }{r})
	t.Log(len(body))
	for _, level := range []zstd.EncoderLevel{zstd.SpeedFastest, zstd.SpeedDefault, zstd.SpeedBetterCompression} {
		for _, win := range []int{128 << 10, 512<<10, 1 << 20, 4 << 20} {
			var out bytes.Buffer
			out.Grow(len(body))
			e, _ := zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(level), zstd.WithWindowSize(win), zstd.WithEncoderCRC(true))
			b := yardstick.CPU()
			for i := 0; i < len(body); i += 64 << 10 {
				e.Write(body[i:min(len(body), i+64<<10)])
			}
			e.Close()
			enc := yardstick.CPU() - b
			b = yardstick.CPU()
			d, _ := zstd.NewReader(bytes.NewReader(out.Bytes()), zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8<<20), zstd.WithDecoderMaxMemory(8<<20))
			io.CopyBuffer(io.Discard, struct{ io.Reader }{d}, make([]byte, 64<<10))
			t.Log(level, win, out.Len(), "enc", enc, "dec", yardstick.CPU()-b)
		}
	}
}
