package rot_test

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/journal"
	"github.com/moneyprinter/holdfast/keyring"
	"github.com/moneyprinter/holdfast/position"
)

// rotSource is a ledger that is damaged in every way, and what is known of it.
type rotSource struct {
	name    string
	closed  bool // cleanly; otherwise copied while it was open
	image   image
	older   []image // the same directory at earlier times
	foreign image   // of another ledger of the same shape
	last    uint64
	known   uint64 // durable by MARK or by a snapshot
	trimmed bool   // its state rests on its one snapshot
	digests map[uint64][32]byte
	chains  map[uint64][32]byte
	ends    map[string]map[int]uint64 // of records, by segment and offset
	id      uuid.UUID
	variant rotVariant

	exhaustive bool
	pick       func() bool // whether the next damage is to be made
}

// rotVariant is a way to keep a ledger.
type rotVariant struct {
	name   string
	set    func(*holdfast.Options)
	reader func(dir string) (*holdfast.Reader, error)
}

// rotVariants are the ways that are damaged.
func rotVariants() []rotVariant {
	k, err := keyring.Generate(rand.NewChaCha8([32]byte{7}))
	if err != nil {
		panic(err) // the source never fails
	}
	keys := keyring.New(k)
	return []rotVariant{
		{name: "plain", set: func(*holdfast.Options) {}, reader: holdfast.OpenReader},
		{name: "encrypted", set: func(o *holdfast.Options) { o.Keys = keys }, reader: func(dir string) (*holdfast.Reader, error) {
			r, err := holdfast.OpenReader(dir)
			if err != nil {
				return nil, err
			}
			return r.WithKeys(keys), nil
		}},
	}
}

func (v *rotVariant) options(clock *ledgertest.Clock) holdfast.Options {
	o := holdfast.Options{
		SnapshotInterval: -1, SegmentSize: 4 << 10, Window: 256, Now: clock.Now,
		Rand: rand.NewChaCha8([32]byte{1}),
	}
	v.set(&o)
	return o
}

// rotBuilder fills a ledger in groups of a wanted size, although groups are made
// of what comes while one sync runs: it holds each commit up until the mutations
// of the next group are queued.
type rotBuilder struct {
	t       testing.TB
	dir     string
	l       *holdfast.Ledger
	rnd     *rand.Rand
	entered chan struct{}
	release chan struct{}
	hold    bool
	n       int
	older   []image
	digests map[uint64][32]byte
}

func newRotBuilder(tb testing.TB, v *rotVariant, seed byte, o func(*holdfast.Options)) *rotBuilder {
	tb.Helper()
	b := &rotBuilder{
		t: tb, dir: filepath.Join(ledgertest.MemoryDir(tb), "ledger"), rnd: rand.New(rand.NewPCG(uint64(seed), 7)),
		entered: make(chan struct{}), release: make(chan struct{}), digests: map[uint64][32]byte{},
	}
	opts := v.options(ledgertest.NewClock())
	opts.Rand = rand.NewChaCha8([32]byte{seed})
	opts.Phase = func(name string, begin bool) {
		if name == "append" && begin && b.hold {
			b.entered <- struct{}{}
			<-b.release
		}
	}
	o(&opts)
	b.l = ledgertest.Open(tb, b.dir, opts)
	return b
}

func (b *rotBuilder) mutation() position.Mutation {
	b.n++
	side := position.Buy
	if b.rnd.IntN(2) == 0 {
		side = position.Sell
	}
	return ledgertest.Fill("f-"+strconv.Itoa(b.n), "A"+strconv.Itoa(b.rnd.IntN(2)), "I"+strconv.Itoa(b.rnd.IntN(2)), side,
		strconv.Itoa(1+b.rnd.IntN(5)), strconv.Itoa(90+b.rnd.IntN(20)))
}

// groups commits a group of one and then groups of the given sizes; a negative
// size is an atomic batch.
func (b *rotBuilder) groups(sizes ...int) {
	b.t.Helper()
	b.hold = true
	var waits []func()
	submit := func(n int) {
		if n < 0 {
			ms := make([]position.Mutation, -n)
			for i := range ms {
				ms[i] = b.mutation()
			}
			done := make(chan error, 1)
			go func() {
				_, err := b.l.ApplyBatch(context.WithoutCancel(b.t.Context()), ms)
				done <- err
			}()
			waits = append(waits, func() { require.NoError(b.t, <-done) })
			return
		}
		for range n {
			f, err := b.l.ApplyAsync(b.t.Context(), b.mutation())
			require.NoError(b.t, err)
			waits = append(waits, func() {
				_, err := f.Wait(b.t.Context())
				require.NoError(b.t, err)
			})
		}
	}
	submit(1)
	for _, n := range sizes {
		<-b.entered
		submit(n)
		b.release <- struct{}{}
	}
	<-b.entered
	b.hold = false
	b.release <- struct{}{}
	for _, wait := range waits {
		wait()
	}
	v := b.l.View()
	b.digests[v.Seq()] = v.Digest()
}

// grow commits groups until the journal has so many segments.
func (b *rotBuilder) grow(segments int) {
	b.t.Helper()
	for len(ledgertest.Segments(b.t, b.dir)) < segments {
		b.groups(2)
	}
}

func (b *rotBuilder) snapshot() {
	b.t.Helper()
	_, err := b.l.Snapshot(b.t.Context())
	require.NoError(b.t, err)
	b.older = append(b.older, b.copy())
}

func (b *rotBuilder) copy() image {
	b.t.Helper()
	i, err := readImage(b.dir)
	require.NoError(b.t, err)
	return i
}

// build makes one ledger and returns it as it was while open and when closed.
// The two last groups lie above MARK in the newest segment.
func (v *rotVariant) build(tb testing.TB, seed byte, trimmed bool) (whileOpen, closed *rotSource) {
	tb.Helper()
	b := newRotBuilder(tb, v, seed, func(o *holdfast.Options) {
		if trimmed {
			o.Retain, o.SnapshotKeep = -1, 1
		}
	})
	b.grow(2)
	b.groups(4)
	b.snapshot()
	if trimmed {
		b.grow(3) // the trim has left one
	} else {
		b.snapshotAgain()
		b.grow(3)
	}
	b.older = append(b.older, b.copy())
	b.groups(-3, 4)
	whileOpen = &rotSource{name: "open", image: b.copy()}
	require.NoError(tb, b.l.Close())
	closed = &rotSource{name: "closed", closed: true, image: b.copy()}
	for _, s := range []*rotSource{whileOpen, closed} {
		if s.trimmed = trimmed; trimmed {
			s.name += ", trimmed"
		}
		s.variant, s.older = *v, b.older
		s.learn(tb)
	}
	return whileOpen, closed
}

func (b *rotBuilder) snapshotAgain() {
	b.t.Helper()
	b.groups(2)
	b.snapshot()
}

// learn reads the undamaged ledger: the state and the chain at each seq.
func (s *rotSource) learn(tb testing.TB) {
	tb.Helper()
	dir := ledgertest.MemoryDir(tb)
	require.NoError(tb, image{}.turn(dir, s.image))
	rep, err := journal.Check(dir)
	require.NoError(tb, err)
	require.Empty(tb, rep.Damages)
	require.Equal(tb, 3, rep.Segments)
	s.last, s.known = rep.Last.Seq, rep.Durable
	s.digests, s.chains = map[uint64][32]byte{}, map[uint64][32]byte{}
	log, err := storedReader(dir)
	require.NoError(tb, err)
	r, err := s.variant.reader(dir)
	require.NoError(tb, err)
	s.id = r.Identity().ID
	s.measure()
	snaps, err := r.Snapshots()
	require.NoError(tb, err)
	require.Len(tb, snaps, map[bool]int{false: 2, true: 1}[s.trimmed])
	var last journal.Record
	for rec, err := range log.Records(0) {
		require.NoError(tb, err)
		last = rec
		s.chains[rec.Seq] = rec.Chain
		if rec.Seq < snaps[len(snaps)-1].Seq && s.trimmed {
			continue
		}
		v, err := r.AsOf(tb.Context(), holdfast.Moment{Seq: rec.Seq})
		require.NoError(tb, err)
		s.digests[v.Seq()] = v.Digest()
	}
	require.Equal(tb, s.trimmed, log.First() > 1)
	if s.closed {
		require.Equal(tb, s.last, s.known)
	} else {
		require.Less(tb, s.known, last.Synced, "the last group and the one before it must lie above MARK")
		require.GreaterOrEqual(tb, s.last-last.Synced, uint64(4), "the last group")
	}
}

// measure finds where each record ends.
func (s *rotSource) measure() {
	s.ends = map[string]map[int]uint64{}
	for _, path := range s.image.below("journal") {
		b := s.image[path].data
		s.ends[path] = map[int]uint64{}
		for at := 0; at < len(b) && b[at] != 0; { // zeros stand ahead of the records that are to come
			length, n := binary.Uvarint(b[at:])
			seq := binary.LittleEndian.Uint64(b[at+n+10:])
			if at == 0 {
				s.ends[path][0] = seq - 1
			}
			at += n + int(length)
			s.ends[path][at] = seq
		}
	}
}

// rotSources are the ledgers of a variant that are damaged.
func rotSources(t *testing.T, v *rotVariant) []*rotSource {
	t.Helper()
	var out []*rotSource
	for _, trimmed := range []bool{false, true} {
		whileOpen, closed := v.build(t, 1, trimmed)
		otherOpen, otherClosed := v.build(t, 2, trimmed)
		whileOpen.foreign, closed.foreign = otherOpen.image, otherClosed.image
		out = append(out, closed, whileOpen)
	}
	return out
}

// storedReader reads heads and stored bytes, which needs no key.
func storedReader(dir string) (*journal.Reader, error) {
	r, err := journal.OpenReader(dir)
	if err != nil {
		return nil, err
	}
	return r.Stored(), nil
}
