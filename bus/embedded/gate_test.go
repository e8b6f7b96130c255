package embedded_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/bus/embedded"
	"github.com/moneyprinter/holdfast/internal/scratch"
)

// TestSlowConsumerRequestsHoldUpNobody has some requests for consumers take until the
// test ends. Others of the same user pass them, up to a bound, and those of the other
// user always.
func TestSlowConsumerRequestsHoldUpNobody(t *testing.T) {
	began, release := make(chan string, 100), make(chan struct{})
	finish := sync.OnceFunc(func() { close(release) })
	defer finish()
	s := start(t, embedded.WithGate(embedded.Options{Dir: scratch.Dir(t)}, func(_ *nats.Conn, subject string, _ []byte) ([]byte, error) {
		if strings.Contains(subject, "slow") {
			began <- subject
			<-release
		}
		return []byte(subject), nil
	}))
	denied := make(chan error, 10)
	reader, writer := dial(t, s, "reader", denied), dial(t, s, "writer", denied)
	stream := bus.StreamName(ledger)
	quick := func(nc *nats.Conn, name string) {
		t.Helper()
		m, err := nc.Request("$JS.API.CONSUMER.CREATE."+stream+"."+name, []byte("{}"), 30*time.Second)
		require.NoError(t, err, name)
		require.Equal(t, "$JS.API.CONSUMER.CREATE."+stream+"."+name, string(m.Data))
	}
	answers, err := reader.SubscribeSync(nats.NewInbox())
	require.NoError(t, err)
	for i := range embedded.GateRequests {
		if i > 0 {
			quick(reader, fmt.Sprintf("beside-%d", i))
			quick(writer, fmt.Sprintf("beside-%d", i))
		}
		require.NoError(t, reader.PublishRequest(fmt.Sprintf("$JS.API.CONSUMER.CREATE.%s.slow-%d", stream, i), answers.Subject, []byte("{}")))
		<-began
	}
	require.NoError(t, reader.PublishRequest("$JS.API.CONSUMER.CREATE."+stream+".late", answers.Subject, []byte("{}")))
	require.NoError(t, reader.Flush())
	quick(writer, "while-all-of-the-reader-s-are-at-work")
	require.Empty(t, began)
	finish()
	for range embedded.GateRequests + 1 {
		_, err = answers.NextMsg(30 * time.Second)
		require.NoError(t, err, "each of them is answered in the end")
	}
}
