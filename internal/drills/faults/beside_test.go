package faults_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/audit"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
)

// beside is a child whose fault hits something else than the appends: they go
// on, the failure is counted, and it is made good later.
func (c *faulty) beside() error {
	if err := c.open(); err != nil {
		return err
	}
	n := faultFills
	if c.kind == "mark" {
		n = 60 // all in one segment, so that no append makes a file
	}
	for i := range n {
		if err := c.append(i); err != nil {
			return err
		}
	}
	check := map[string]func() error{"snapshot": c.besideSnapshot, "mark": c.besideMark, "trim": c.besideTrim}[c.kind]
	if err := check(); err != nil {
		return err
	}
	if err := errors.Join(c.l.Err(), c.append(faultFills+1)); err != nil {
		return fmt.Errorf("the ledger has ended: %w", err)
	}
	fmt.Println("fine")
	return c.l.Close()
}

func (c *faulty) append(i int) error {
	_, err := c.l.Apply(context.Background(), faultFill(i))
	return err
}

// first is the oldest kept record.
func (c *faulty) first() uint64 {
	st, err := c.l.Status()
	if err != nil {
		panic(err)
	}
	return st.First
}

func (c *faulty) expect(want holdfast.Faults) error {
	f := c.l.Faults()
	fmt.Println("faults", f)
	f.Error, f.Time = "", ""
	if f != want {
		return fmt.Errorf("faults are %+v, want %+v", f, want)
	}
	return nil
}

func (c *faulty) besideSnapshot() error {
	if err := c.fault.begin(); err != nil {
		return err
	}
	if _, err := c.l.Snapshot(context.Background()); holdfast.FaultKind(err) != "file_too_large" {
		return fmt.Errorf("want a snapshot that is too large: %w", err)
	}
	if err := errors.Join(c.expect(holdfast.Faults{Snapshots: 1, Kind: "file_too_large"}), c.append(faultFills)); err != nil {
		return err
	}
	left, err := os.ReadDir(filepath.Join(c.dir, "backups"))
	if err != nil || len(left) > 0 || c.first() != 1 {
		return fmt.Errorf("left %v, first kept %d: %w", left, c.first(), err)
	}
	if err = c.fault.end(); err != nil {
		return err
	}
	if _, err = c.l.Snapshot(context.Background()); err == nil && c.first() == 1 {
		err = errors.New("nothing was trimmed")
	}
	return err
}

func (c *faulty) besideMark() error {
	if err := c.append(faultFills); err != nil { // so that MARK has something to say
		return err
	}
	if err := c.fault.begin(); err != nil {
		return err
	}
	for i := faultFills + 2; c.l.Faults().MarkFiles == 0; i++ { // about once a second
		if err := c.append(i); err != nil {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
	if kind := c.l.Faults().Kind; kind != "too_many_files" {
		return fmt.Errorf("kind %q", kind)
	}
	return c.fault.end()
}

func (c *faulty) besideTrim() error {
	if _, err := c.l.Snapshot(context.Background()); holdfast.FaultKind(err) != "io" {
		return fmt.Errorf("want a trim that fails: %w", err)
	}
	if err := errors.Join(c.expect(holdfast.Faults{Trims: 1, Kind: "io"}), c.append(faultFills)); err != nil {
		return err
	}
	var err error
	for range 20 { // strace counts calls by thread, so that it may fail again
		if _, err = c.l.Snapshot(context.Background()); err == nil {
			break
		}
	}
	if _, gone := os.Lstat(ledgertest.FirstSegment(c.dir)); err == nil && gone == nil {
		err = errors.New("the segment is still there")
	}
	return err
}

func TestFaultsBesideTheAppendsAreToldAndMadeGood(t *testing.T) {
	for _, kind := range []string{"snapshot", "mark", "trim"} {
		t.Run(kind, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "ledger")
			var wrapper []string
			if kind == "trim" { // a removal is tried as that of a file and of a directory
				wrapper, _ = injected(t, ledgertest.FirstSegment(dir), "unlinkat:error=EIO:when=1..2")
			}
			out := runFaulty(t, dir, kind, 0, wrapper...)
			require.Contains(t, out, "fine\n")
			l := ledgertest.Open(t, dir, faultOptions(kind))
			rep, err := l.Verify(t.Context(), audit.Options{})
			require.NoError(t, err)
			require.Empty(t, rep.Findings)
			st, err := l.Status()
			require.NoError(t, err)
			require.Nil(t, st.Faults)
		})
	}
}
