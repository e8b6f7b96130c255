package archive_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/archive"
	"github.com/moneyprinter/holdfast/audit"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/keyring"
	"github.com/moneyprinter/holdfast/position"
)

// go test ./archive -run TestGoldenLedger -update writes testdata/v2 anew. That is
// right only before the first release of a format version: what users have on their disks
// is never rewritten.
var update = flag.Bool("update", false, "write the golden ledgers anew")

var goldenLedgers = filepath.Join("testdata", "v2")

// goldenOptions are those of the golden ledgers.
func goldenOptions(t *testing.T, sealed bool) holdfast.Options {
	t.Helper()
	o := ledgertest.Quiet()
	o.Name, o.Window, o.SegmentSize = "golden", 64, 4<<10
	o.Rules = position.Rules{CostMethod: position.FIFO, DefaultCurrency: "EUR"}
	if sealed {
		o.Keys = keyring.New(ledgertest.MasterKey(t, 1))
	}
	return o
}

func goldenFills() []position.Mutation { return ledgertest.RandomFills(11, 50) }

// writeGolden makes a ledger of three epochs with a snapshot behind the first and one
// behind the second, of fills, marks, a split and an entry that is dated ahead, and
// another one that was restored from the first snapshot and has a record of its own.
func writeGolden(t *testing.T, sealed bool, dir, child string) {
	t.Helper()
	fills := goldenFills()
	o := goldenOptions(t, sealed)
	o.Rand = rand.NewChaCha8([32]byte{9})
	clock := ledgertest.NewClock()
	o.Now = clock.Now
	session := func(dir string, snapshot bool, ms ...position.Mutation) {
		l := ledgertest.Open(t, dir, o)
		o.Name = "" // that of the next may be another
		ledgertest.ApplyAll(t, l, ms)
		if snapshot {
			_, err := l.Snapshot(t.Context())
			require.NoError(t, err)
		}
		require.NoError(t, l.Close())
	}
	ahead := ledgertest.Fill("ahead", "A", "AHEAD", position.Buy, "1", "10")
	ahead.Time = position.Time(clock.Now().Add(time.Hour).UnixNano())
	session(dir, true, append(slices.Clone(fills[:20]), ahead)...)
	_, err := ledgertest.OpenReader(t, dir).WithKeys(o.Keys).Restore(t.Context(), holdfast.Moment{}, child, "child", o.Reading())
	require.NoError(t, err)
	session(dir, true, fills[20:40]...)
	session(dir, false, fills[40:]...)
	session(child, false, fills[20:21]...)
	for _, d := range []string{dir, child} {
		require.NoError(t, os.Remove(filepath.Join(d, "LOCK")))
	}
}

// saying is what a golden ledger is known by.
func saying(t *testing.T, l *holdfast.Ledger) string {
	t.Helper()
	v := l.View()
	epoch, e := v.Epoch()
	id, err := archive.EpochIdentity(*e)
	require.NoError(t, err)
	return fmt.Sprintf("seq %d epoch %d of %s, state %x\n%s", v.Seq(), epoch, id.ID, v.Digest(), archive.IdentityBytes(l.Identity()))
}

// TestGoldenLedger: whole ledgers of the formats of docs/formats.md open for ever, to
// the state that they had, recompute, know what was applied, and go on.
func TestGoldenLedger(t *testing.T) {
	for _, sealed := range []bool{false, true} {
		for _, child := range []bool{false, true} {
			t.Run(fmt.Sprintf("sealed %t child %t", sealed, child), func(t *testing.T) {
				kind := map[bool]string{false: "plain", true: "sealed"}[sealed]
				if *update && !child {
					for _, name := range []string{kind, kind + "-child"} {
						require.NoError(t, os.RemoveAll(filepath.Join(goldenLedgers, name)))
					}
					writeGolden(t, sealed, filepath.Join(goldenLedgers, kind), filepath.Join(goldenLedgers, kind+"-child"))
				}
				if child {
					kind += "-child"
				}
				golden := filepath.Join(goldenLedgers, kind)
				dir := ledgertest.Copy(t, golden)
				o := goldenOptions(t, sealed)
				o.Name = ""
				l := ledgertest.Open(t, dir, o)
				text := filepath.Join(goldenLedgers, kind+".txt")
				if *update {
					require.NoError(t, os.WriteFile(text, []byte(saying(t, l)), 0o600))
				}
				want, err := os.ReadFile(text)
				require.NoError(t, err)
				require.Equal(t, string(want), saying(t, l))
				require.Equal(t, identityFile(t, golden), string(archive.IdentityBytes(l.Identity())))
				rep, err := l.Verify(t.Context(), audit.Options{Deep: true})
				require.NoError(t, err)
				require.True(t, rep.OK(), "%v", rep.Findings)
				list, err := l.Snapshots()
				require.NoError(t, err)
				require.NotEmpty(t, list)
				for _, s := range list {
					require.Equal(t, identityFile(t, golden), bySnapshot(t, dir, s.Name, o.Keys))
				}
				seq := l.View().Seq()
				again, err := l.Apply(t.Context(), goldenFills()[20])
				require.NoError(t, err)
				require.True(t, again.Duplicate, "its window knows what it has applied")
				require.Equal(t, seq, l.View().Seq())
				ledgertest.Buys(t, l, "NEW", 1)
				require.Equal(t, identityFile(t, golden), rebuilt(t, l.View()))
			})
		}
	}
}
