package ledgertest

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/bus/embedded"
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
