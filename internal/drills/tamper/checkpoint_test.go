package tamper_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/mod/sumdb/note"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/audit"
	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/checkpoint"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/service"
)

// A checkpoint comes with each snapshot, at the same record, and is announced
// whole: a subscriber keeps it where the directory's owner does not reach.
func TestCheckpointWithEachSnapshot(t *testing.T) {
	by, known := witnessKeys(t, "desk")
	dir := t.TempDir()
	s := ledgertest.StartServer(t, dir)
	nc, err := s.Connect(t.Context())
	require.NoError(t, err)
	defer nc.Close()
	heard, err := nc.SubscribeSync(bus.OpsSubject("main", "checkpoint.created"))
	require.NoError(t, err)
	require.NoError(t, nc.Flush())
	o := ledgertest.Quiet()
	o.Signer, o.Bus = by, &holdfast.BusOptions{Connect: s.Connect, Connected: service.Offer}
	l := ledgertest.Open(t, dir, o)
	ledgertest.ApplyAll(t, l, ledgertest.RandomFills(4, 10))
	ledgertest.CaughtUp(t, l)
	snap, err := l.Snapshot(t.Context())
	require.NoError(t, err)
	m, err := heard.NextMsg(10 * time.Second)
	require.NoError(t, err)
	var told audit.Checkpointed
	require.NoError(t, json.Unmarshal(m.Data, &told))
	n, err := checkpoint.Open([]byte(told.Note), known)
	require.NoError(t, err)
	require.Equal(t, [2]any{snap.Seq, snap.Chain}, [2]any{n.Seq, n.Chain})
	require.Equal(t, snap.Digest, n.State)
	require.Equal(t, snap.RecordTime, n.Time)
	onDisk, err := os.ReadFile(filepath.Join(dir, "checkpoints", fmt.Sprintf("%020d.note", snap.Seq)))
	require.NoError(t, err)
	require.Equal(t, told.Note, string(onDisk))

	// On request as well; nothing new, and it is the same one.
	b, code := ledgertest.Request(t, nc, "checkpoint", "")
	require.Empty(t, code, "%s", b)
	var asked audit.Checkpointed
	require.NoError(t, json.Unmarshal(b, &asked))
	require.Equal(t, told, asked)
	b, code = ledgertest.Request(t, nc, "checkpoint", `{"deep":true}`)
	require.Equal(t, "400", code, "%s", b)
}

// signing opens a new ledger that signs its checkpoints.
func signing(t *testing.T) (dir string, l *holdfast.Ledger, o holdfast.Options, known note.Verifiers) {
	t.Helper()
	dir, o = t.TempDir(), ledgertest.Quiet()
	o.Signer, known = witnessKeys(t, "desk")
	return dir, ledgertest.Open(t, dir, o), o, known
}

// Of many checkpoints a thousand stay, the newest of them all.
func TestCheckpointsThinOut(t *testing.T) {
	dir, l, _, _ := signing(t)
	ledgertest.ApplyAll(t, l, ledgertest.RandomFills(4, 1200))
	notes := filepath.Join(dir, "checkpoints")
	require.NoError(t, os.Mkdir(notes, 0o700))
	for seq := range 1100 {
		require.NoError(t, os.WriteFile(filepath.Join(notes, fmt.Sprintf("%020d.note", seq+1)), nil, 0o600))
	}
	n, err := l.Checkpoint(t.Context())
	require.NoError(t, err)
	entries, err := os.ReadDir(notes)
	require.NoError(t, err)
	require.LessOrEqual(t, len(entries), 1000)
	require.Greater(t, len(entries), 500)
	require.Equal(t, fmt.Sprintf("%020d.note", 1), entries[0].Name())
	require.Equal(t, fmt.Sprintf("%020d.note", n.Seq), entries[len(entries)-1].Name())
}

// The chain says nothing of a snapshot's body. One with another state, anchored and
// summed as it should be, passes for good; the digest that was signed does not fit.
func TestExchangedSnapshot(t *testing.T) {
	by, known := witnessKeys(t, "desk")
	dir := t.TempDir()
	o := ledgertest.Quiet()
	o.Signer = by
	l := ledgertest.Open(t, dir, o)
	ms := strangers(12)
	ledgertest.ApplyAll(t, l, ms[:5])
	require.NoError(t, l.Close())
	lie := ledgertest.Copy(t, dir)
	for i, d := range []string{dir, lie} {
		l = ledgertest.Open(t, d, o)
		ledgertest.ApplyAll(t, l, ms[5+i:6+i])
		_, err := l.Snapshot(t.Context())
		require.NoError(t, err)
		require.NoError(t, l.Close())
	}
	evidence, err := filepath.Glob(filepath.Join(ledgertest.Copy(t, dir), "checkpoints", "*"))
	require.NoError(t, err)
	require.Len(t, evidence, 1)
	require.True(t, against(t, dir, evidence[0], known).OK())

	require.NoError(t, os.RemoveAll(filepath.Join(dir, "backups")))
	require.NoError(t, os.CopyFS(filepath.Join(dir, "backups"), os.DirFS(filepath.Join(lie, "backups"))))
	forge(t, dir).write(t) // gives the snapshot this journal's chain
	require.True(t, verified(t, dir).OK(), "plain verification is not fooled: %v", verified(t, dir).Findings)
	a := against(t, dir, evidence[0], known)
	require.False(t, a.OK())
	require.Contains(t, a.Findings[0].Reason, "a snapshot was altered")
}

// Offline, a checkpoint is the same as the ledger's own; after an unclean end it
// vouches for nothing that may not be durable.
func TestCheckpointOffline(t *testing.T) {
	by, _ := witnessKeys(t, "desk")
	dir, n := witnessed(t, by)
	r, err := holdfast.OpenReader(dir)
	require.NoError(t, err)
	again, err := audit.Checkpoint(t.Context(), r, by)
	require.NoError(t, err)
	require.Equal(t, string(n.Raw), string(again.Raw))
	require.True(t, again.SignedBy(by))
	stranger, _ := witnessKeys(t, "other")
	require.False(t, again.SignedBy(stranger))

	o := ledgertest.Quiet()
	live := t.TempDir()
	l := ledgertest.Open(t, live, o)
	ledgertest.ApplyAll(t, l, ledgertest.RandomFills(5, 10)) // two groups at least
	ledgertest.ApplyAll(t, l, ledgertest.RandomFills(5, 20)[10:])
	killed := ledgertest.Copy(t, live)
	r, err = holdfast.OpenReader(killed)
	require.NoError(t, err)
	n, err = audit.Checkpoint(t.Context(), r, by)
	require.NoError(t, err)
	log := forge(t, killed)
	newest := log.segments[len(log.segments)-1]
	require.Equal(t, max(newest[len(newest)-1].synced(), binary.LittleEndian.Uint64(log.mark[24:])), n.Seq)
	_, err = l.Checkpoint(t.Context())
	require.ErrorIs(t, err, holdfast.ErrNoSigner)
}

// A checkpoint continues the one before it: a history that was changed underneath
// a running ledger is not signed.
func TestCheckpointContinues(t *testing.T) {
	dir, l, _, _ := signing(t)
	ms := ledgertest.RandomFills(8, 30)
	ledgertest.ApplyAll(t, l, ms[:10])
	n, err := l.Checkpoint(t.Context())
	require.NoError(t, err)
	again, err := l.Checkpoint(t.Context())
	require.NoError(t, err)
	require.Equal(t, string(n.Raw), string(again.Raw))
	ledgertest.ApplyAll(t, l, ms[10:20])

	f := forge(t, dir)
	forgeries()["change"](f, n.Seq)
	f.write(t)
	_, err = l.Checkpoint(t.Context())
	require.ErrorIs(t, err, holdfast.ErrDamaged)
	_, err = l.Snapshot(t.Context())
	require.Error(t, err)
	entries, err := os.ReadDir(filepath.Join(dir, "checkpoints"))
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.True(t, strings.HasSuffix(entries[0].Name(), ".note"))
	info, err := entries[0].Info()
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
}
