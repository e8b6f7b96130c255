package embedded_test

import (
	"encoding/json"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/bus/embedded"
	"github.com/moneyprinter/holdfast/internal/scratch"
)

const ledger = "main"

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func start(tb testing.TB, o embedded.Options) *embedded.Server {
	tb.Helper()
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	o.Ledger = ledger
	s, err := embedded.Start(o)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.Close()) })
	return s
}

type context struct {
	URL      string `json:"url"`
	User     string `json:"user"`
	Password string `json:"password"`
}

func credentials(tb testing.TB, s *embedded.Server, user string) context {
	tb.Helper()
	for _, c := range s.Credentials() {
		if c.User != user {
			continue
		}
		b, err := os.ReadFile(c.File)
		require.NoError(tb, err)
		var out context
		require.NoError(tb, json.Unmarshal(b, &out))
		return out
	}
	require.Fail(tb, "no such user", user)
	return context{}
}

// dial connects as a user over TCP. What the server refuses goes to denied.
func dial(tb testing.TB, s *embedded.Server, user string, denied chan<- error) *nats.Conn {
	tb.Helper()
	c := credentials(tb, s, user)
	require.Equal(tb, s.URL(), c.URL)
	nc, err := nats.Connect(c.URL, nats.UserInfo(c.User, c.Password), nats.NoReconnect(), nats.Timeout(time.Minute),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			if denied != nil {
				select {
				case denied <- err:
				case <-tb.Context().Done(): // more was refused than anybody asked about
				}
			}
		}))
	require.NoError(tb, err)
	tb.Cleanup(nc.Close)
	return nc
}

func TestOnlyKnownUsersConnect(t *testing.T) {
	s := start(t, embedded.Options{Dir: scratch.Dir(t)})
	reader := credentials(t, s, "reader")
	require.Equal(t, "reader", reader.User)
	for name, option := range map[string]nats.Option{
		"nobody":          nats.Name("x"),
		"wrong password":  nats.UserInfo("reader", "x"),
		"empty password":  nats.UserInfo("writer", ""),
		"other's secret":  nats.UserInfo("writer", reader.Password),
		"core, no secret": nats.UserInfo("core", ""),
		"core, reader's":  nats.UserInfo("core", reader.Password),
	} {
		_, err := nats.Connect(s.URL(), option, nats.Timeout(time.Minute))
		require.ErrorIs(t, err, nats.ErrAuthorization, name)
	}
	require.True(t, dial(t, s, "reader", nil).IsConnected())
	require.True(t, dial(t, s, "writer", nil).IsConnected())
	require.NotEqual(t, reader.Password, credentials(t, s, "writer").Password)
}

func TestCredentialsArePrivateAndKept(t *testing.T) {
	dir := filepath.Join(scratch.Dir(t), "nats")
	s := start(t, embedded.Options{Dir: dir})
	first := credentials(t, s, "writer")
	require.GreaterOrEqual(t, len(first.Password), 40)
	mode := func(name string) fs.FileMode {
		st, err := os.Stat(filepath.Join(dir, name))
		require.NoError(t, err)
		return st.Mode().Perm()
	}
	require.Equal(t, fs.FileMode(0o700), mode("."))
	require.Equal(t, fs.FileMode(0o600), mode("reader.json"))
	require.Equal(t, fs.FileMode(0o600), mode("writer.json"))
	require.NoError(t, s.Close())
	require.NoError(t, os.Chmod(filepath.Join(dir, "writer.json"), 0o644))
	require.NoError(t, os.Remove(filepath.Join(dir, "reader.json")))

	s = start(t, embedded.Options{Dir: dir})
	second := credentials(t, s, "writer")
	require.Equal(t, first.Password, second.Password, "a secret outlives a restart")
	require.Equal(t, s.URL(), second.URL, "the address is the present one")
	dial(t, s, "reader", nil)
	left, err := filepath.Glob(filepath.Join(dir, "*.tmp*"))
	require.NoError(t, err)
	require.Empty(t, left)

	require.NoError(t, s.Close())
	s = start(t, embedded.Options{Dir: dir, Listen: embedded.NoListen})
	require.Equal(t, fs.FileMode(0o600), mode("writer.json"))
	require.Empty(t, s.URL())
}

func TestBadCredentialsFile(t *testing.T) {
	for name, text := range map[string]string{
		"not json": "secret",
		"injected": `{"user":"writer","password":"x\" } { user: a, password: \"b"}`,
		"short":    `{"user":"writer","password":"abc"}`,
	} {
		dir := scratch.Dir(t)
		require.NoError(t, os.WriteFile(filepath.Join(dir, "writer.json"), []byte(text), 0o600))
		_, err := embedded.Start(embedded.Options{Dir: dir, Ledger: ledger, Listen: "127.0.0.1:0"})
		require.ErrorContains(t, err, "delete the file", name)
		// Nothing is left locked.
		require.NoError(t, os.Remove(filepath.Join(dir, "writer.json")))
		start(t, embedded.Options{Dir: dir})
	}
}

func TestSecondServerOnOneStore(t *testing.T) {
	dir := scratch.Dir(t)
	s := start(t, embedded.Options{Dir: dir})
	_, err := embedded.Start(embedded.Options{Dir: dir, Ledger: ledger, Listen: "127.0.0.1:0"})
	require.ErrorIs(t, err, embedded.ErrInUse)
	var inUse *embedded.InUseError
	require.ErrorAs(t, err, &inUse)
	require.Equal(t, dir, inUse.Dir)
	require.NoError(t, s.Close())
	start(t, embedded.Options{Dir: dir})
}

func TestBusyPort(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer func() { require.NoError(t, l.Close()) }()
	dir := scratch.Dir(t)
	_, err = embedded.Start(embedded.Options{Dir: dir, Ledger: ledger, Listen: l.Addr().String()})
	var busy *embedded.ListenError
	require.ErrorAs(t, err, &busy)
	require.Equal(t, l.Addr().String(), busy.Addr)
	require.ErrorContains(t, err, "choose another address")
	require.ErrorContains(t, err, "in use")
	start(t, embedded.Options{Dir: dir}) // nothing is left locked
}

func TestBadListen(t *testing.T) {
	for _, listen := range []string{"localhost", "127.0.0.1:x", "127.0.0.1:70000", "127.0.0.1:-1", ":"} {
		_, err := embedded.Start(embedded.Options{Dir: scratch.Dir(t), Ledger: ledger, Listen: listen})
		require.ErrorIs(t, err, embedded.ErrAddress, listen)
	}
}

func TestUnusableStore(t *testing.T) {
	dir := scratch.Dir(t)
	require.NoError(t, os.WriteFile(filepath.Join(dir, "jetstream"), nil, 0o600))
	_, err := embedded.Start(embedded.Options{Dir: dir, Ledger: ledger, Listen: "127.0.0.1:0"})
	require.ErrorContains(t, err, "NATS server: ")
	require.NoError(t, os.Remove(filepath.Join(dir, "jetstream")))
	start(t, embedded.Options{Dir: dir})
}

func TestCloseTwiceAndWithConnections(t *testing.T) {
	s := start(t, embedded.Options{Dir: scratch.Dir(t)})
	nc, err := s.Connect(t.Context())
	require.NoError(t, err)
	kept, err := nc.SubscribeSync(bus.OpsFilter(ledger))
	require.NoError(t, err)
	require.NoError(t, nc.Publish(bus.OpsSubject(ledger, "state.saved"), []byte("x")))
	_, err = kept.NextMsg(time.Minute)
	require.NoError(t, err)
	second := make(chan error, 1)
	require.NoError(t, s.Close())
	go func() { second <- s.Close() }()
	require.NoError(t, <-second)
	require.True(t, nc.IsClosed(), "a connection must not try to reconnect to a server that is gone")
	_, err = s.Connect(t.Context())
	require.ErrorContains(t, err, "closed")
}

// A name that is no subject token, and a directory that is no bare word, must
// not get into the configuration as syntax.
func TestAwkwardNames(t *testing.T) {
	dir := filepath.Join(scratch.Dir(t), `a "b" $c {d} # e`)
	for _, name := range []string{"", "a.b.>", `x" }`, "größe", "*"} {
		s, err := embedded.Start(embedded.Options{Dir: dir, Ledger: name, Listen: embedded.NoListen})
		require.NoError(t, err, name)
		nc, err := s.Connect(t.Context())
		require.NoError(t, err, name)
		sub, err := nc.SubscribeSync(bus.EventFilter(name))
		require.NoError(t, err, name)
		require.NoError(t, nc.Publish(bus.EventSubject(name, "opened", "", `x" }`), nil))
		_, err = sub.NextMsg(time.Minute)
		require.NoError(t, err, name)
		require.NoError(t, s.Close())
	}
}
