//go:build fault

package torture

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/position"
)

// fsShutdown is FS_IOC_SHUTDOWN. Its flags: 0 flushes all data and the journal,
// 1 the journal, 2 nothing, which is a power cut.
const (
	fsShutdown = 0x8004587d
	noLogFlush = 2
)

// TestShutdowns cuts the power of real file systems under a process that appends.
func TestShutdowns(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to mount a file system")
	}
	seed := seedOf(t)
	cuts := number(t, "HOLDFAST_SHUTDOWNS", 3)
	for _, fs := range []string{"ext4", "xfs"} {
		t.Run(fs, func(t *testing.T) {
			t.Parallel()
			d := newDevice(t, fs)
			r := rand.New(rand.NewPCG(seed, uint64(len(fs))))
			began, acked := time.Now(), 0
			for i := range cuts {
				flags := []int{noLogFlush, noLogFlush, noLogFlush, noLogFlush, noLogFlush, noLogFlush, 0, 1}[r.IntN(8)]
				n, err := d.cut(t, r.Uint64(), flags, time.Duration(r.IntN(60_000))*time.Microsecond, r.IntN(20))
				require.NoError(t, err, "HOLDFAST_SEED=%d, cut %d, flags %d", seed, i+1, flags)
				acked += n
			}
			t.Logf("HOLDFAST_SEED=%d %s: %d shutdowns, %d acknowledged fills, none lost, %.0f ms each",
				seed, fs, cuts, acked, float64(time.Since(began).Milliseconds())/float64(max(cuts, 1)))
		})
	}
}

// device is a file system in a file.
type device struct{ fs, image, loop, mount string }

func command(name string, args ...string) (string, error) {
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return strings.TrimSpace(string(out)), err
}

func newDevice(t *testing.T, fs string) *device {
	t.Helper()
	for _, tool := range []string{"mkfs." + fs, "losetup", "mount", "umount"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("needs %s", tool)
		}
	}
	dir := t.TempDir()
	d := &device{fs: fs, image: filepath.Join(dir, "image"), mount: makeDir(t, dir, "mount")}
	require.NoError(t, os.WriteFile(d.image, nil, 0o600))
	require.NoError(t, os.Truncate(d.image, 320<<20)) // xfs wants 300 MiB
	_, err := command("mkfs."+fs, "-q", d.image)
	require.NoError(t, err)
	if d.loop, err = command("losetup", "-f", "--show", d.image); err != nil {
		t.Skipf("needs loop devices: %v", err)
	}
	t.Cleanup(func() {
		if d.unmount() != nil {
			_, _ = command("umount", "-l", d.mount) // it was not mounted, or is stuck
		}
		_, detached := command("losetup", "-d", d.loop)
		require.NoError(t, detached)
	})
	if _, err = command("mount", "-t", fs, d.loop, d.mount); err != nil {
		t.Skipf("needs the right and the kernel to mount %s: %v", fs, err)
	}
	return d
}

// cut runs a child on a new ledger, cuts the power after some acknowledgements
// and some time, and checks what a new mount shows. It returns how many fills
// were acknowledged.
func (d *device) cut(t *testing.T, seed uint64, flags int, after time.Duration, acks int) (int, error) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(d.mount, ledgerDir)); err != nil {
		return 0, err
	}
	cmd, err := spawn(t.Context(), "endless", d.mount, seed)
	if err != nil {
		return 0, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err = cmd.Start(); err != nil {
		return 0, err
	}
	var mu sync.Mutex // guards f and n until the child is dead
	f, reached := floors{}, make(chan struct{})
	n, read := 0, make(chan struct{})
	go func() {
		defer close(read)
		s := bufio.NewScanner(out)
		for s.Scan() {
			mu.Lock()
			f.note(s.Text())
			if strings.HasPrefix(s.Text(), "acked") {
				if n++; n == acks+1 {
					close(reached)
				}
			}
			mu.Unlock()
		}
	}()
	select {
	case <-reached:
	case <-read:
		return 0, errors.New("the child ended by itself")
	}
	<-time.After(after) // the moment of the cut is what varies
	// What is acknowledged from here on may have been acknowledged after the
	// cut: an fsync that ext4 is shut down under can return without an error.
	// After a real cut nobody hears of that.
	mu.Lock()
	must := f[ledgerDir]
	mu.Unlock()
	err = d.shutdown(flags)
	_ = cmd.Process.Kill()
	<-read
	_ = cmd.Wait()
	if f[ledgerDir].snapshot != must.snapshot {
		must.snapshot = "" // it may have given way to another one meanwhile
	}
	if err != nil {
		return n, err
	}
	if err = d.unmount(); err != nil {
		return n, err
	}
	if _, err = command("mount", "-t", d.fs, d.loop, d.mount); err != nil {
		return n, err
	}
	return n, d.check(seed, must)
}

// unmount tries for a while: a process that is being forked by the drill beside
// this one can hold a descriptor for a moment.
func (d *device) unmount() error {
	var err error
	for range 100 {
		if _, err = command("umount", d.mount); err == nil {
			return nil
		}
		runtime.Gosched()
	}
	return err
}

func (d *device) shutdown(flags int) error {
	dir, err := os.Open(d.mount)
	if err != nil {
		return err
	}
	err = unix.IoctlSetPointerInt(int(dir.Fd()), fsShutdown, flags) //nolint:gosec // a descriptor fits an int
	return errors.Join(err, dir.Close())
}

// check opens the ledger and compares it with the fills that the seed makes.
func (d *device) check(seed uint64, f floor) (err error) {
	path := filepath.Join(d.mount, ledgerDir)
	r := newRun(d.mount, workload{segment: 16 << 10}, seed)
	l, err := holdfast.Open(context.Background(), path, r.options())
	if err != nil {
		if refusal(err, f) != "" {
			return nil
		}
		return fmt.Errorf("FALSE REFUSAL: %w", err)
	}
	defer func() { err = errors.Join(err, l.Close()) }()
	seq := l.View().Seq()
	if seq < f.acked {
		return fmt.Errorf("LOST: it ends with seq %d, seq %d was acknowledged", seq, f.acked)
	}
	want, whole := r.foretell(seq)
	if !whole {
		return fmt.Errorf("HALF: it ends with seq %d, inside a batch", seq)
	}
	o, fills := newOracle(), 0
	o.folds = append(o.folds, folded{seq: 1, state: want})
	if err = errors.Join(o.positions(l, max(seq, 1)), backups(l, f)); err != nil {
		return err
	}
	if err = useful(l, newOracle(), seq, &fills); err != nil {
		return err
	}
	c := checker{segment: r.segment}
	return c.again(l, path, r.options())
}

// foretell returns what endless has made of the fills when its ledger ends with
// seq, and whether that is the end of a batch.
func (r *run) foretell(seq uint64) (map[position.Key]holding, bool) {
	o, at := newOracle(), uint64(1) // the first record is the epoch's
	next := func() {
		f := r.fill()
		old := o.current[f.Key].qty
		if at++; f.Side == position.Buy && old < 0 && old+whole(f.Qty) > 0 || f.Side == position.Sell && old > 0 && old < whole(f.Qty) {
			at++ // a flip is two records
		}
		if err := o.acked(f, at); err != nil {
			panic(err) // at grows
		}
	}
	for at < seq {
		single, batch := r.draw()
		for i := 0; i < single && at < seq; i++ {
			next()
		}
		if at >= seq {
			break
		}
		for range batch {
			next()
		}
	}
	return o.current, at == max(seq, 1)
}
