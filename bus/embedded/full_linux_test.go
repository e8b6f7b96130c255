package embedded_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/bus/embedded"
)

// A store without room refuses messages; once there is room again it takes them,
// without a restart of the process.
func TestFullDiskHeals(t *testing.T) {
	if racing {
		t.Skip("nats-server 2.15.2 enables JetStream while its clients read whether it is: a race of its own, which the detector may see")
	}
	mount := t.TempDir()
	if err := unix.Mount("tmpfs", mount, "tmpfs", 0, "size=4m"); err != nil {
		t.Skipf("needs the right to mount a file system: %v", err)
	}
	t.Cleanup(func() { require.NoError(t, unix.Unmount(mount, unix.MNT_DETACH)) })
	s, err := embedded.Start(embedded.Options{Dir: filepath.Join(mount, "nats"), Listen: "none", Ledger: "main", MaxStore: 1 << 30})
	require.NoError(t, err)
	defer func() { require.NoError(t, s.Close()) }()
	nc, err := s.Connect(t.Context())
	require.NoError(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(500*time.Millisecond))
	require.NoError(t, err)
	_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{
		Name: bus.StreamName("main"), Subjects: []string{bus.EventFilter("main")}, Storage: jetstream.FileStorage,
	})
	require.NoError(t, err)
	publish := func() error {
		_, perr := js.Publish(t.Context(), bus.EventSubject("main", "opened", "A", "I"), bytes.Repeat([]byte("x"), 64<<10))
		return perr
	}
	require.Eventually(t, func() bool { return publish() != nil }, 30*time.Second, time.Millisecond, "the disk never filled")
	require.NoError(t, unix.Mount("tmpfs", mount, "tmpfs", unix.MS_REMOUNT, "size=64m"))
	require.Eventually(t, func() bool { return publish() == nil }, 60*time.Second, 100*time.Millisecond, "the stream never took a message again")
	_, err = os.Stat(mount)
	require.NoError(t, err)
}
