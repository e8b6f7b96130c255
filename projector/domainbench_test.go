package projector_test

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
	"testing"

	"github.com/moneyprinter/holdfast/internal/wire"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// BenchmarkDomainPath is all that one plain fill costs between the caller and the
// disk where there are many callers: fingerprint, Warm, Stage, encoding, the frame
// with its chain and checksum, Accept, and Publish in groups of 64. Run it with
// -cpu 1.
func BenchmarkDomainPath(b *testing.B) {
	d := newDomainPath(b, 10_000, 1<<17)
	b.ReportAllocs()
	b.ResetTimer()
	d.run(b, b.N)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "fills/s")
}

// domainPath is a book and more fills for it than caches hold, which come round
// again when the window has forgotten them.
type domainPath struct {
	book   *projector.Book
	fills  []position.Mutation
	next   int
	clock  position.Time
	prints [domainAhead]wire.Fingerprint
	staged []*projector.Staged
	bytes  []byte // of the group's frames
	chain  [32]byte
}

// domainGroup is how many share a sync, domainAhead how many of these the stager of
// a ledger with as many callers takes from its queue at a time.
const domainGroup, domainAhead = 64, 16

func newDomainPath(b *testing.B, keys, round int) *domainPath {
	b.Helper()
	d := &domainPath{book: projector.New(projector.Options{Window: round / 2}), fills: open(b, keys), clock: afterFills}
	d.run(b, keys)
	d.fills, d.next = fills(round, keys, uint64(keys)), 0
	d.run(b, round)
	return d
}

func (d *domainPath) run(b *testing.B, n int) {
	b.Helper()
	for n > 0 {
		ms := d.fills[d.next:min(d.next+min(n, domainAhead), len(d.fills))]
		d.next = (d.next + len(ms)) % len(d.fills)
		n -= len(ms)
		for i := range ms {
			d.prints[i] = wire.FingerprintOf(position.FingerprintKey{}, ms[i])
		}
		d.book.Warm(ms, d.prints[:len(ms)])
		for i := range ms {
			d.clock++
			s, err := d.book.StagePrinted(d.clock, ms[i:i+1], d.prints[i:i+1], true, nil)
			if err != nil {
				b.Fatal(err)
			}
			d.book.Accept(s)
			for j := range s.Changes {
				d.frame(&s.Changes[j])
			}
			if d.staged = append(d.staged, s); len(d.staged) == domainGroup {
				d.publish()
			}
		}
	}
	d.publish()
}

func (d *domainPath) publish() {
	d.book.Publish(d.staged...)
	d.book.Reuse(d.staged...)
	d.staged, d.bytes = d.staged[:0], d.bytes[:0]
}

// frame does what the journal does with a change: header, payload, chain value,
// checksum.
func (d *domainPath) frame(c *position.Change) {
	const header, atVersion, atSeq, atChain = 62, 4, 10, 30
	start := len(d.bytes)
	var h [header]byte
	binary.LittleEndian.PutUint64(h[atSeq:], d.book.Head())
	copy(h[atChain:], d.chain[:])
	d.bytes = wire.AppendChange(append(d.bytes, h[:]...), c)
	frame := d.bytes[start:]
	d.chain = sha256.Sum256(frame[atVersion:])
	copy(frame[atChain:], d.chain[:])
	binary.LittleEndian.PutUint32(frame, crc32.Checksum(frame[atVersion:], crc32.MakeTable(crc32.Castagnoli)))
}
