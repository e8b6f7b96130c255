//go:build fault

package torture

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/internal/faultos"
	"github.com/moneyprinter/holdfast/position"
)

const (
	ledgerDir   = "ledger"
	restoredDir = "restored"
	copyDir     = "copy" // of the ledger, as it was before it was damaged
)

// workload is something that a ledger is made to do.
type workload struct {
	name    string
	segment int
	before  func(r *run) error // done before the recording begins, if there is one
	do      func(r *run) error
}

// workloads is what is recorded. A new operation on a ledger's files gets a line
// here and one in small, and is then drilled like the others.
func workloads() []workload {
	return []workload{
		{"plain", 4 << 10, nil, plain},
		{"batches", 8 << 10, nil, batches},
		{"groups", 1 << 20, nil, groups},
		{"spans", 16 << 10, nil, groups},
		{"snapshots", 4 << 10, nil, snapshots},
		{"restore", 8 << 10, nil, restore},
		{"heal", 2 << 10, rotten, heal},
		{"give up", 2 << 10, rotten, giveUp},
	}
}

// run is one execution of a workload below a directory.
type run struct {
	root    string
	segment int
	note    func(string)
	keep    int          // snapshots, and all records behind the oldest of them
	hold    func(func()) // runs a function before the next sync; nil: it cannot
	aside   func(func() error) error
	rnd     *rand.Rand
	entropy *entropy
	clock   *clock
	fills   int

	dir     string // of the ledger that is open
	l       *holdfast.Ledger
	oracles map[string]*oracle
	// unknown are the fills whose application gave an error: they may be there.
	unknown []position.Fill
}

func newRun(root string, w workload, seed uint64) *run {
	return &run{
		root: root, segment: w.segment, keep: 1, note: func(string) {}, aside: func(f func() error) error { return f() },
		rnd: rand.New(rand.NewPCG(seed, 1)), entropy: &entropy{r: rand.New(rand.NewPCG(seed, 2))}, clock: newClock(),
		oracles: map[string]*oracle{},
	}
}

// entropy is a source of ids and salts that repeats.
type entropy struct {
	mu sync.Mutex
	r  *rand.Rand
}

func (e *entropy) Read(b []byte) (int, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for i := 0; i < len(b); i += 8 {
		var w [8]byte
		binary.LittleEndian.PutUint64(w[:], e.r.Uint64())
		copy(b[i:], w[:])
	}
	return len(b), nil
}

// clock advances by a millisecond per reading.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(time.Millisecond)
	return c.now
}

func (r *run) options() holdfast.Options {
	return holdfast.Options{
		SnapshotInterval: -1, SegmentSize: r.segment, SnapshotKeep: r.keep, Retain: -1,
		Now: r.clock.Now, Rand: r.entropy, Verb: "drill",
	}
}

func (r *run) oracle() *oracle {
	o := r.oracles[r.dir]
	if o == nil {
		o = newOracle()
		r.oracles[r.dir] = o
	}
	return o
}

func (r *run) open(dir string) error {
	r.dir = dir
	o := r.options()
	if r.oracle().id == "" {
		o.Window = 4096
	}
	if r.oracle().base != 0 {
		o.Window = 0
	}
	l, err := holdfast.Open(context.Background(), filepath.Join(r.root, dir), o)
	if err != nil {
		return err
	}
	r.l = l
	r.oracle().id = l.Identity().ID.String()
	r.note("opened " + dir)
	return nil
}

func (r *run) close() error {
	if r.l == nil {
		return nil
	}
	l := r.l
	r.l = nil
	return l.Close()
}

func (r *run) fill() position.Fill {
	r.fills++
	f := position.Fill{
		Meta: position.Meta{Ident: "f-" + strconv.Itoa(r.fills), Time: 1_700_000_000_000_000_000},
		Key:  position.Key{Account: "A" + strconv.Itoa(r.rnd.IntN(2)), Instrument: "I" + strconv.Itoa(r.rnd.IntN(3))},
		Side: position.Buy, Qty: position.FromInt(1 + r.rnd.Int64N(5)), Price: position.FromInt(90 + r.rnd.Int64N(20)),
	}
	if r.rnd.IntN(2) == 0 {
		f.Side = position.Sell
	}
	return f
}

// accept notes an acknowledgement; learn must follow.
func (r *run) accept(f position.Fill, res holdfast.Result) error {
	r.note(fmt.Sprintf("acked %s %d", r.dir, res.Last))
	return r.oracle().acked(f, res.Last)
}

func (r *run) apply(n int) error {
	for range n {
		f := r.fill()
		res, err := r.l.Apply(context.Background(), f)
		if err != nil {
			r.unknown = append(r.unknown, f)
			return err
		}
		if err = errors.Join(r.accept(f, res), r.learn()); err != nil {
			return broken{err}
		}
	}
	return nil
}

func (r *run) batch(n int) error {
	ms, fs := make([]position.Mutation, n), make([]position.Fill, n)
	for i := range ms {
		fs[i] = r.fill()
		ms[i] = fs[i]
	}
	res, err := r.l.ApplyBatch(context.Background(), ms)
	if err != nil {
		r.unknown = append(r.unknown, fs...)
		return err
	}
	// All of it is acknowledged at once; what lies inside is no place to be.
	for i := range fs {
		err = errors.Join(err, r.oracle().acked(fs[i], res[i].Last))
	}
	r.note(fmt.Sprintf("acked %s %d", r.dir, res[n-1].Last))
	if err = errors.Join(err, r.learn()); err != nil {
		return broken{err}
	}
	return nil
}

// group makes n fills that one sync makes durable: they queue while the sync of
// the one before them is held up.
func (r *run) group(n int) error {
	queued := make(chan struct{})
	if r.hold != nil {
		r.hold(func() { <-queued })
	}
	fs, futures := make([]position.Fill, n), make([]*holdfast.Future, n)
	for i := range fs {
		fs[i] = r.fill()
		f, err := r.l.ApplyAsync(context.Background(), fs[i])
		if err != nil {
			close(queued)
			return err
		}
		futures[i] = f
	}
	close(queued)
	for i, f := range futures {
		res, err := f.Wait(context.Background())
		if err != nil {
			return err
		}
		if err = r.accept(fs[i], res); err != nil {
			return broken{err}
		}
	}
	if err := r.learn(); err != nil {
		return broken{err}
	}
	return nil
}

// learn has the oracle read, undisturbed, what was acknowledged.
func (r *run) learn() error {
	return r.aside(func() error { return r.oracle().learn(r.l) })
}

func (r *run) snapshot() error {
	r.note("snapshotting " + r.dir)
	s, err := r.l.Snapshot(context.Background())
	if err != nil {
		return err
	}
	r.note("snapshot " + r.dir + " " + s.Name)
	return nil
}

func (r *run) restore(at uint64) error {
	rd, err := holdfast.OpenReader(filepath.Join(r.root, r.dir))
	if err != nil {
		return err
	}
	o := r.oracle().at(at)
	o.id, o.base = "", at
	o.chain, o.whole = map[uint64][32]byte{}, map[uint64]bool{at: true}
	r.oracles[restoredDir] = o
	r.note("restoring " + restoredDir)
	res, err := rd.Restore(context.Background(), holdfast.Moment{Seq: at}, filepath.Join(r.root, restoredDir), "", r.options().Reading())
	if err != nil {
		return err
	}
	o.id = res.ID
	r.note("opened " + restoredDir)
	r.note(fmt.Sprintf("acked %s %d", restoredDir, at))
	return nil
}

// broken is an error that no fault excuses.
type broken struct{ err error }

func (b broken) Error() string { return "BROKEN: " + b.err.Error() }

// steps runs until the first error.
func (r *run) steps(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func n(do func(int) error, n int) func() error { return func() error { return do(n) } }

func (r *run) opens(dir string) func() error { return func() error { return r.open(dir) } }

func plain(r *run) error {
	return r.steps(r.opens(ledgerDir), n(r.apply, 40), r.close, r.opens(ledgerDir), n(r.apply, 10), r.close)
}

func batches(r *run) error {
	return r.steps(r.opens(ledgerDir), n(r.batch, 7), n(r.apply, 2), n(r.batch, 60), n(r.batch, 2), n(r.batch, 25), n(r.apply, 2), r.close)
}

// groups are above 30 pages of 4 KiB.
func groups(r *run) error {
	return r.steps(r.opens(ledgerDir), n(r.group, 400), n(r.apply, 2), n(r.batch, 350), n(r.group, 40), r.close)
}

func snapshots(r *run) error {
	var all []func() error
	all = append(all, r.opens(ledgerDir))
	for range 3 {
		all = append(all, n(r.apply, 30), r.snapshot)
	}
	all = append(all, r.close, r.opens(ledgerDir), n(r.apply, 15), r.snapshot, n(r.apply, 1), r.close)
	return r.steps(all...)
}

func restore(r *run) error {
	return r.steps(
		r.opens(ledgerDir), n(r.apply, 10), r.snapshot, n(r.batch, 12), r.close,
		func() error { return r.restore(r.oracle().last) },
		r.opens(restoredDir), n(r.apply, 8), r.snapshot, n(r.apply, 2), r.close,
		r.opens(ledgerDir), n(r.apply, 2), r.close,
	)
}

// small does a little of everything.
func small(r *run) error {
	return r.steps(
		r.opens(ledgerDir), n(r.apply, 5), n(r.batch, 6), r.snapshot, n(r.apply, 3), r.snapshot, n(r.apply, 1), r.close,
		func() error { return r.restore(r.oracle().last) },
		r.opens(ledgerDir), n(r.apply, 2), r.close, r.rot, r.heal, r.opens(ledgerDir), n(r.apply, 2), r.close,
	)
}

// record runs a workload below root and returns what it did to its files.
func record(r *run, do func(*run) error) (faultos.Log, error) {
	d, err := faultos.Watch(r.root)
	if err != nil {
		return faultos.Log{}, err
	}
	r.note, r.hold, r.aside = d.Note, d.BeforeSync, d.Aside
	err = do(r)
	log := d.Release()
	for _, b := range d.Broken() {
		err = errors.Join(err, errors.New(b))
	}
	return log, err
}

// endless goes on until it is stopped.
func endless(r *run) error {
	if err := r.open(ledgerDir); err != nil {
		return err
	}
	for {
		single, batch := r.draw()
		if err := r.steps(n(r.apply, single), n(r.batch, batch), r.snapshot); err != nil {
			return err
		}
	}
}

// draw draws the sizes of what endless does next.
func (r *run) draw() (single, batch int) { return 1 + r.rnd.IntN(40), 1 + r.rnd.IntN(30) }
