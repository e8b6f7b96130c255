package bus_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/bus"
)

func TestStoreLost(t *testing.T) {
	t.Parallel()
	h, src := newHouse(t), newSource(1)
	src.add(400, 80)
	src.trim(101)
	r, stop := run(t, src, h.hasty())
	live(t, r, src)
	h.down()
	h.loseStore()
	src.trim(201)
	src.add(100, 80)
	h.up()
	live(t, r, src)
	h.complete(src)

	stop()
	h.down()
	h.loseStore()
	h.up()
	r, _ = run(t, src, h.hasty())
	live(t, r, src)
	h.complete(src)
}

// The store is deleted under a server that runs on, with nobody to restart it.
func TestStoreLostWhileRunning(t *testing.T) {
	if racing {
		t.Skip("nats-server 2.15.2 enables JetStream while its clients read whether it is: a race of its own, which the detector may see")
	}
	t.Parallel()
	h, src := newHouse(t), newSource(1)
	src.add(400, 80)
	r, _ := run(t, src, h.hasty())
	live(t, r, src)
	for range 2 {
		published := r.Status().Published
		h.loseStore()
		src.add(5000, 600)
		_, last := src.Bounds()
		// It may get on for a while with what the server has open; then all of it
		// is fed again.
		until(t, r, "fed again", func(s bus.Status) bool { return s.Published >= published+last })
		live(t, r, src)
		h.complete(src)
	}
	reader := h.client("reader") // accounts and users are as before
	for ev, err := range bus.Follow(t.Context(), reader, testLedger, 1) {
		require.NoError(t, err)
		if ev.Seq == 10_400 {
			break
		}
	}
}

// The store is deleted while the server writes, which makes a part of it again.
func TestStoreLostWithADirectoryLeft(t *testing.T) {
	if racing {
		t.Skip("nats-server 2.15.2 enables JetStream while its clients read whether it is: a race of its own, which the detector may see")
	}
	t.Parallel()
	h, src := newHouse(t), newSource(1)
	src.add(400, 80)
	r, _ := run(t, src, h.hasty())
	live(t, r, src)
	published := r.Status().Published
	messages := filepath.Join(h.dir, "jetstream", "jetstream", "CORE", "streams", bus.StreamName(testLedger), "msgs")
	require.DirExists(t, messages)
	h.loseStore()
	require.NoError(t, os.MkdirAll(messages, 0o700))
	_, last := src.Bounds()
	until(t, r, "fed again", func(s bus.Status) bool { return s.Published >= published+last })
	live(t, r, src)
	h.complete(src)
}

// A deletion that the server did not finish: the state of the stream is there, with
// or without messages, its description is not. A stream of the same name would go on
// behind it, or with messages whose files are about to go.
func TestStoreWithWhatIsLeftOfADeletedStream(t *testing.T) {
	t.Parallel()
	for _, purged := range []bool{true, false} {
		h, src := newPlainHouse(t), newSource(1)
		src.add(400, 80)
		r, stop := run(t, src, h.quick())
		live(t, r, src)
		stop()
		if purged {
			require.NoError(t, h.stream().Purge(t.Context()))
		}
		h.down()
		dir := filepath.Join(h.dir, "jetstream", "jetstream", "$G", "streams", bus.StreamName(testLedger))
		for _, name := range []string{"meta.inf", "meta.sum"} {
			require.NoError(t, os.Remove(filepath.Join(dir, name)))
		}
		h.up()
		_, err := h.js().Stream(t.Context(), bus.StreamName(testLedger))
		require.ErrorIs(t, err, jetstream.ErrStreamNotFound)
		r, _ = run(t, src, h.quick())
		live(t, r, src)
		require.EqualValues(t, 400, r.Status().Published, "purged: %t", purged)
		h.complete(src)
	}
}
