package faults_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/audit"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/position"
)

// faultEnv says what goes wrong in a child; see faultChild.
const faultEnv = "HOLDFAST_TEST_FAULT"

// waitEnv makes a child wait for a line when it has applied something.
const waitEnv = "HOLDFAST_TEST_WAIT"

const (
	faultFills = 400 // mutations of a child
	faultAt    = 120 // acknowledged ones before a child provokes its fault
	waitAt     = 20  // acknowledged ones before a child waits, if it is told to
	inFlight   = 16
	childSync  = 7 // exit code of a child that met a failed fsync
)

// faultOptions are those of the children: big segments where the fault is to
// hit a write, small ones where it is to hit the making of the next.
func faultOptions(kind string) holdfast.Options {
	o := holdfast.Options{SnapshotInterval: -1, SegmentSize: 64 << 10, Retain: -1, SnapshotKeep: 1}
	if kind == "small" || kind == "nofile" || kind == "tmpfs" || kind == "trim" || kind == "snapshot" {
		o.SegmentSize = 8 << 10
	}
	if kind == "snapshot" { // whose file is to be larger than the limit, a segment is not
		o.SegmentSize = 4 << 10
	}
	return o
}

// faultFill is the i-th mutation of every child: one unit for one of many keys.
func faultFill(i int) position.Fill {
	return ledgertest.Fill("f"+strconv.Itoa(i), "A"+strconv.Itoa(i%3), "I"+strconv.Itoa(i%7), position.Buy, "1", strconv.Itoa(100+i%11))
}

// provocation begins a fault and ends it.
type provocation struct{ begin, end func() error }

// limit lowers a soft limit of this process and raises it again.
func limit(resource int, to func() uint64) provocation {
	var was unix.Rlimit
	return provocation{
		begin: func() error {
			if err := unix.Getrlimit(resource, &was); err != nil {
				return err
			}
			lower := was
			setLimit(&lower.Cur, to())
			return unix.Setrlimit(resource, &lower)
		},
		end: func() error { return unix.Setrlimit(resource, &was) },
	}
}

// setLimit sets a member of [unix.Rlimit], whose sign depends on the system.
func setLimit[T int64 | uint64](member *T, limit uint64) { *member = T(limit) }

// nextFile is the number of the next descriptor: a limit of it allows no more.
func nextFile() uint64 {
	f, err := os.Open(os.DevNull)
	if err != nil {
		panic(err)
	}
	defer func() { _ = f.Close() }()
	return uint64(f.Fd())
}

// filler fills the file system that a path lies on.
func filler(path string) provocation {
	return provocation{
		begin: func() error {
			f, err := os.Create(path)
			if err != nil {
				return err
			}
			for size := 64 << 10; size > 0; {
				if _, err = f.Write(make([]byte, size)); err != nil {
					size /= 2
				}
			}
			return f.Close()
		},
		end: func() error { return os.Remove(path) },
	}
}

func provocations(dir string) map[string]provocation {
	none := provocation{func() error { return nil }, func() error { return nil }}
	return map[string]provocation{
		"":         none, // comes from outside, or not at all
		"small":    none,
		"trim":     none,
		"fsize":    limit(unix.RLIMIT_FSIZE, func() uint64 { return 30_000 }),
		"nofile":   limit(unix.RLIMIT_NOFILE, func() uint64 { return 3 }), // whatever is closed meanwhile
		"tmpfs":    filler(filepath.Join(filepath.Dir(dir), "filler")),
		"snapshot": limit(unix.RLIMIT_FSIZE, func() uint64 { return 6_000 }),
		"mark":     limit(unix.RLIMIT_NOFILE, nextFile),
	}
}

// faultChild applies faultFills in their order, some at a time, prints each
// acknowledgement, lives through the fault that it provokes or is given, and
// ends with the digest. Exit code 7 is a failed fsync.
func faultChild() int {
	c := &faulty{dir: os.Getenv(childEnv), kind: os.Getenv(faultEnv), acked: make([]bool, faultFills)}
	c.fault = provocations(c.dir)[c.kind]
	var err error
	switch c.kind {
	case "snapshot", "mark", "trim":
		err = c.beside()
	case "snapdir", "markdir":
		err = c.directories()
	default:
		err = c.run()
	}
	if errors.Is(err, holdfast.ErrSync) {
		fmt.Println("sync", err)
		return childSync
	}
	if err != nil {
		fmt.Println("error", err)
		return 1
	}
	return 0
}

// faulty is what a child does.
type faulty struct {
	dir, kind string
	fault     provocation
	l         *holdfast.Ledger
	acked     []bool
	done      int // acknowledged in this life
	trouble   int // failures so far
}

func (c *faulty) run() error {
	if err := c.open(); err != nil {
		return err
	}
	for {
		err := c.apply()
		if err == nil {
			break
		}
		if err = c.failed(err); err != nil {
			return err
		}
	}
	fmt.Printf("digest %x\n", c.l.View().Digest())
	return c.l.Close()
}

func (c *faulty) open() (err error) {
	c.l, err = holdfast.Open(context.Background(), c.dir, faultOptions(c.kind))
	return err
}

// apply hands over what is not acknowledged, in order.
func (c *faulty) apply() error {
	type flight struct {
		i int
		f *holdfast.Future
	}
	var flights []flight
	settle := func(keep int) error {
		for len(flights) > keep {
			r, err := flights[0].f.Wait(context.Background())
			if err != nil {
				return err
			}
			fmt.Println("ack", flights[0].i, r.First, r.Last)
			c.acked[flights[0].i] = true
			flights = flights[1:]
			c.done++
			switch {
			case c.done == waitAt && os.Getenv(waitEnv) != "":
				fmt.Println("ready")
				_, err = bufio.NewReader(os.Stdin).ReadString('\n')
			case c.done == faultAt:
				err = c.fault.begin()
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
	for i := range faultFills {
		if c.acked[i] {
			continue
		}
		f, err := c.l.ApplyAsync(context.Background(), faultFill(i))
		if err != nil {
			return err
		}
		flights = append(flights, flight{i, f})
		if err = settle(inFlight); err != nil {
			return err
		}
	}
	return settle(0)
}

// failed checks what a ledger that failed still does, and opens it again. The
// fault goes on until the third failure.
func (c *faulty) failed(cause error) error {
	if !errors.Is(cause, holdfast.ErrOutcomeUnknown) && !errors.Is(cause, holdfast.ErrFailed) {
		return fmt.Errorf("want outcome unknown or failed: %w", cause)
	}
	<-c.l.Failed()
	c.trouble++
	fmt.Println("failed", holdfast.FaultKind(c.l.Err()), cause)
	if c.trouble > 20 {
		return errors.Join(cause, c.l.Close())
	}
	sync := errors.Is(c.l.Err(), holdfast.ErrSync)
	if c.trouble <= 3 { // it is the same each time, and takes its time under a tracer
		if err := c.reads(); err != nil && !errors.Is(err, syscall.EMFILE) { // which reading meets as well
			return fmt.Errorf("reads do not go on: %w", err)
		}
	}
	_, err := c.l.Apply(context.Background(), ledgertest.Fill("never", "A", "I", position.Buy, "1", "1"))
	if !errors.Is(err, holdfast.ErrFailed) || errors.Is(err, holdfast.ErrSync) != sync {
		return fmt.Errorf("a failed ledger takes something: %w", err)
	}
	if _, err = c.l.Snapshot(context.Background()); !errors.Is(err, holdfast.ErrFailed) {
		return fmt.Errorf("a failed ledger makes a snapshot: %w", err)
	}
	if err = c.l.Close(); err != nil {
		return fmt.Errorf("close: %w", err)
	}
	if sync {
		return cause
	}
	for {
		if c.trouble >= 3 {
			if err = c.fault.end(); err != nil {
				return err
			}
		}
		if err = c.open(); err == nil {
			return nil
		}
		fmt.Println("reopen", holdfast.FaultKind(err), err)
		if c.trouble++; c.trouble > 20 || errors.Is(err, holdfast.ErrSync) {
			return err
		}
	}
}

// reads asks for everything that is read from memory and from files.
func (c *faulty) reads() error {
	v := c.l.View()
	if n := v.Counts().Open; n == 0 {
		return errors.New("no position")
	}
	if _, ok := c.l.Position(position.Key{Account: "A0", Instrument: "I0"}); !ok {
		return errors.New("no position A0 I0")
	}
	past, err := c.l.AsOf(context.Background(), holdfast.Moment{Seq: v.Seq()})
	if err != nil {
		return err
	}
	if past.Digest() != v.Digest() {
		return errors.New("the past differs")
	}
	rep, err := c.l.Verify(context.Background(), audit.Options{Deep: true})
	if err != nil {
		return err
	}
	if !rep.OK() {
		return fmt.Errorf("findings: %v", rep.Findings)
	}
	_, err = c.l.Status()
	return err
}
