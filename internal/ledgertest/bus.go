package ledgertest

import (
	"encoding/hex"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/bus/embedded"
	"github.com/moneyprinter/holdfast/journal"
)

// Request asks the service of the ledger main and returns its answer, and the
// code of its error.
func Request(t *testing.T, nc *nats.Conn, endpoint, body string) (reply []byte, code string) {
	t.Helper()
	m, err := nc.RequestWithContext(t.Context(), bus.RequestSubject("main", endpoint), []byte(body))
	require.NoError(t, err)
	return m.Data, m.Header.Get("Nats-Service-Error-Code")
}

// StartServer starts a bus of the ledger main whose store stands in dir.
func StartServer(t *testing.T, dir string) *embedded.Server {
	t.Helper()
	s, err := embedded.Start(embedded.Options{Dir: filepath.Join(dir, "nats"), Listen: embedded.NoListen, Ledger: "main"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	return s
}

// CaughtUp waits until the stream holds every record.
func CaughtUp(t *testing.T, l *holdfast.Ledger) {
	t.Helper()
	require.Eventually(t, func() bool {
		s := l.Relay().Status()
		return s.Last == l.View().Seq()
	}, 60*time.Second, 5*time.Millisecond, "%+v", l.Relay().Status())
}

// StreamEqualsJournal reads the whole stream and compares each message with its
// record.
func StreamEqualsJournal(t *testing.T, nc *nats.Conn, dir string) {
	t.Helper()
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(time.Minute))
	require.NoError(t, err)
	stream, err := js.Stream(t.Context(), bus.StreamName("main"))
	require.NoError(t, err)
	log, err := journal.OpenReader(dir)
	require.NoError(t, err)
	last, err := log.Last()
	require.NoError(t, err)
	info, err := stream.Info(t.Context())
	require.NoError(t, err)
	require.LessOrEqual(t, info.State.FirstSeq, log.First())
	require.Equal(t, last.Seq, info.State.LastSeq)
	for rec, err := range log.Records(log.First()) {
		require.NoError(t, err)
		m, err := stream.GetMsg(t.Context(), rec.Seq)
		require.NoError(t, err)
		require.Equal(t, strconv.FormatUint(rec.Seq, 10), m.Header.Get("Holdfast-Seq"))
		require.Equal(t, strconv.FormatUint(rec.Epoch, 10), m.Header.Get("Holdfast-Epoch"))
		require.Equal(t, hex.EncodeToString(rec.Chain[:]), m.Header.Get("Holdfast-Chain"))
		require.Contains(t, string(m.Data), `"seq":`+strconv.FormatUint(rec.Seq, 10))
	}
}
