package faults_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/internal/durable"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/internal/systrace"
)

const traceEnv = "HOLDFAST_TRACE"

// TestTraced is what the child of TestSystemCallsKeepTheOrder does: a ledger that
// snapshots, prunes and trims, and a restore of it.
func TestTraced(t *testing.T) {
	dir := os.Getenv(traceEnv)
	if dir == "" {
		t.Skip("for TestSystemCallsKeepTheOrder")
	}
	o := ledgertest.Quiet()
	o.SegmentSize, o.SnapshotKeep, o.Retain = 2000, 1, -1
	o.Phase = func(name string, begin bool) {
		if name == "mark" {
			fmt.Println("marking", begin)
		}
	}
	l := ledgertest.Open(t, filepath.Join(dir, "ledger"), o)
	ms := ledgertest.RandomFills(31, 60)
	for i := range ms {
		ledgertest.ApplyAll(t, l, ms[i:i+1])
		fmt.Println("ack", i)
		if i%20 == 19 {
			s, err := l.Snapshot(t.Context())
			require.NoError(t, err)
			fmt.Println("snapshot", s.Seq)
		}
	}
	r, err := l.Restore(t.Context(), holdfast.Moment{}, filepath.Join(dir, "restored"), "", ledgertest.Quiet())
	require.NoError(t, err)
	fmt.Println("restored", r.Seq)
}

func TestSystemCallsKeepTheOrder(t *testing.T) {
	top, err := filepath.EvalSymlinks(t.TempDir())
	require.NoError(t, err)
	dir, restored := filepath.Join(top, "ledger"), filepath.Join(top, "restored")
	backups := filepath.Join(dir, "backups")
	var disk systrace.Disk
	met := map[string]int{}
	// Once a second MARK is replaced beside everything else: while that goes on the
	// old one or the new one is there, and nothing waits for it.
	marking := false
	ops := systrace.Child(t, "TestTraced", traceEnv+"="+top, top)
	for i := range ops {
		op := &ops[i]
		what, _, _ := strings.Cut(op.Said(), " ")
		switch {
		case what == "marking":
			marking = op.Said() == "marking true"
		case what == "ack":
			require.Empty(t, disk.Dirty(filepath.Join(dir, "journal")))
			require.False(t, disk.Names(dir) && !marking, "MARK, or the identity")
			require.False(t, disk.Names(top), "the ledger's own name")
			met[what]++
		case what == "snapshot":
			require.Empty(t, disk.Dirty(backups))
			met[what]++
		case what == "restored":
			require.Empty(t, slices.DeleteFunc(disk.Dirty(restored), func(what string) bool {
				return what == "bytes of LOCK" // the lock counts, not its text
			}))
			met[what]++
		case op.Call == systrace.Rename && filepath.Base(op.To) == "ledger.json":
			require.Empty(t, disk.Dirty(filepath.Dir(op.To)+"/journal"))
			require.Empty(t, disk.Dirty(filepath.Dir(op.To)+"/backups"), "it is a ledger before its state is there")
			if filepath.Dir(op.To) == restored {
				require.Equal(t, 3, met["snapshot"])
				require.Equal(t, 1, met["snapshot of the restored"], "it is a ledger before its state is there")
			}
			met["identity"]++
		case op.Call == systrace.Rename && filepath.Dir(op.To) == filepath.Join(restored, "backups"):
			met["snapshot of the restored"]++
		case op.Call == systrace.Unlink && filepath.Dir(op.Path) == filepath.Join(dir, "journal") && filepath.Ext(op.Path) == "":
			require.Empty(t, disk.Dirty(backups), "the snapshot that covers it is not durable yet")
			require.False(t, disk.Names(dir) && !marking, "MARK does not name the new first segment yet")
			met["trimmed"]++
		}
		// Nobody needs what is made in advance, or what stands behind the records.
		if advance := filepath.Base(op.Path) == "next"+durable.TempSuffix && op.Call != systrace.Rename; !advance && !op.Zeros() {
			disk.Apply(op)
		}
	}
	require.Equal(t, 60, met["ack"])
	require.Equal(t, 2, met["identity"])
	require.Equal(t, 1, met["restored"])
	require.Positive(t, met["trimmed"])
}
