package service_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/bus/embedded"
	"github.com/moneyprinter/holdfast/internal/ledgertest"
	"github.com/moneyprinter/holdfast/internal/scratch"
	"github.com/moneyprinter/holdfast/service"
)

// served opens a ledger that answers requests on an embedded server with a port.
func served(t *testing.T) *embedded.Server {
	t.Helper()
	dir := scratch.Dir(t)
	s, err := embedded.Start(embedded.Options{Dir: filepath.Join(dir, "nats"), Listen: "127.0.0.1:0", Ledger: "main"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.Close()) })
	o := ledgertest.Quiet()
	o.Bus = &holdfast.BusOptions{Connect: s.Connect, Connected: service.Offer}
	l := ledgertest.Open(t, dir, o)
	ledgertest.ApplyAll(t, l, ledgertest.RandomFills(3, 20))
	ledgertest.CaughtUp(t, l)
	return s
}

// connectAs connects over TCP with a credentials file of the server. What it may
// not do goes to denied.
func connectAs(t *testing.T, s *embedded.Server, user string, denied chan<- error) *nats.Conn {
	t.Helper()
	var c struct{ URL, User, Password string }
	for _, one := range s.Credentials() {
		if one.User == user {
			b, err := os.ReadFile(one.File)
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(b, &c))
		}
	}
	require.Equal(t, user, c.User)
	nc, err := nats.Connect(c.URL, nats.UserInfo(c.User, c.Password), nats.NoReconnect(), nats.Timeout(time.Minute),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { denied <- err }))
	require.NoError(t, err)
	t.Cleanup(nc.Close)
	return nc
}

// TestEndpointsAreOpenToTheirUsers asks the service itself what it offers, so
// that an endpoint that is added without a permission is found.
func TestEndpointsAreOpenToTheirUsers(t *testing.T) {
	s := served(t)
	denied := make(chan error, 10)
	reader, writer := connectAs(t, s, "reader", denied), connectAs(t, s, "writer", denied)
	var info struct {
		Endpoints []struct{ Subject string }
	}
	m, err := reader.Request("$SRV.INFO."+bus.ServiceName, nil, time.Minute)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(m.Data, &info))
	require.GreaterOrEqual(t, len(info.Endpoints), 14)
	// verify holds up backups and announces what it finds on the bus.
	writes := []string{"apply", "verify", "backup.create", "checkpoint", "bus.rebuild"}
	for _, e := range info.Endpoints {
		name := strings.TrimPrefix(e.Subject, "holdfast.api.v1.main.")
		_, err = writer.Request(e.Subject, []byte(`{}`), 30*time.Second)
		require.NoError(t, err, "writer: %s", name)
		require.Empty(t, denied, "writer: %s", name)
		if !slices.Contains(writes, name) {
			_, err = reader.Request(e.Subject, []byte(`{}`), 30*time.Second)
			require.NoError(t, err, "reader: %s", name)
			require.Empty(t, denied, "reader: %s", name)
			continue
		}
		writes = slices.DeleteFunc(writes, func(w string) bool { return w == name })
		require.NoError(t, reader.PublishRequest(e.Subject, reader.NewInbox(), []byte(`{}`)))
		require.ErrorIs(t, <-denied, nats.ErrPermissionViolation, "reader: %s", name)
	}
	require.Empty(t, writes, "not offered")
}

func TestRequestsTakeWhatTheyUseOnly(t *testing.T) {
	s := served(t)
	nc, err := s.Connect(t.Context())
	require.NoError(t, err)
	defer nc.Close()
	inner := regexp.MustCompile(`(holdfast|position|projector|journal|bus|json): |Go (struct|value)|unmarshal|invalid character`)
	for _, row := range []struct{ endpoint, body, want string }{
		{"position.list", `{"at":"1"}`, `"at" is not a member of position.list; position.at takes it`},
		{"position.list", `{"event":"2026-01-02T03:04:05Z"}`, `"event" is not a member of position.list; position.at takes it`},
		{"verify", `{"leg":"long"}`, `"leg" is not a member of verify; position.get takes it`},
		{"position.list", `{"leg":1}`, `leg must be a string, not a number`},
		{"position.get", `{"limit":1}`, `"limit" is not a member of position.get; position.list takes it`},
		{"account.list", `{"by":"account"}`, `"by" is not a member of account.list; summary takes it`},
		{"history", `{"deep":true}`, `"deep" is not a member of history; verify takes it`},
		{"summary", `{"all":true}`, `"all" is not a member of summary; position.list takes it`},
		{"verify", `{"Deep":true}`, `"Deep" is not a member of verify: those are deep`},
		{"position.list", `{"ACCOUNT":"A"}`, `"ACCOUNT" is not a member of position.list: those are account, instrument, strategy, leg, all`},
		{"status", `{"x":1}`, `"x" is not a member of status: it takes none`},
		{"backup.list", `{"account":"A"}`, `"account" is not a member of backup.list; position.get takes it`},
		{"backup.create", `garbage`, `the request is broken: expected one JSON object in UTF-8`},
		{"bus.rebuild", `garbage`, `the request is broken: expected one JSON object in UTF-8`},
		{"backup.list", `{`, `the request is broken: expected one JSON object in UTF-8`},
		{"status", "{\"\xff\":1}", `the request is broken: expected one JSON object in UTF-8`},
		{"status", `[]`, `the request must be a JSON object, not an array`},
		{"position.list", ` null `, `the request must be a JSON object, not null`},
		{"summary", `"x"`, `the request must be a JSON object, not a string`},
		{"summary", `7`, `the request must be a JSON object, not a number`},
		{"position.list", `{} {}`, `the request has data after its JSON object, from byte 3 on`},
		{"summary", `{}]`, `the request has data after its JSON object, from byte 3 on`},
		{"account.list", `{"account":"A","account":"B"}`, `"account" is given twice`},
		{"account.list", `{"account":1}`, `account must be a string, not a number`},
		{"account.list", `{"account":null}`, `account must be a string, not null`},
		{"position.list", `{"all":"yes"}`, `all must be true or false, not a string`},
		{"position.list", `{"all":null}`, `all must be true or false, not null`},
		{"position.lots", `{"lots":-1}`, `lots must be a whole number from 0 on, not -1`},
		{"position.lots", `{"limit":-5}`, `limit must be a whole number from 0 on, not -5`},
		{"history", `{"limit":1.5}`, `limit must be a whole number from 0 on, not 1.5`},
		{"history", `{"limit":"1"}`, `limit must be a number, not a string`},
		{"history", `{"limit":null}`, `limit must be a number, not null`},
		{"history", `{"from":"x"}`, `from: "x" is neither a seq nor an RFC 3339 time such as 2026-01-02T03:04:05Z`},
		{"history", `{"at":"0"}`, `at: seq 0: the first record is 1`},
		{"position.get", `{}`, `account and instrument are missing: they name the position`},
		{"position.cycles", `{"instrument":"Z"}`, `account is missing`},
		{"position.lots", `{"account":"A"}`, `instrument is missing`},
		{"position.list", `{"after":"a.b"}`, `after "a.b" is no place in this list: give the Holdfast-Next of the page before`},
		{"position.at", `{"at":"1","after":"a.b.c.=zz"}`, `after "a.b.c.=zz" is no place in this list`},
		{"history", `{"after":"x"}`, `after "x" is no place in this list`},
		{"history", `{"after":7}`, `after must be a string, not a number`},
		{"summary", `{"after":"a.b"}`, `after "a.b" is no place in this list`},
		{"account.list", `{"after":"."}`, `after "." is no place in this list`},
		{"backup.list", `{"after":"7"}`, `after "7" is no place in this list`},
		{"backup.list", `{"after":"x.y"}`, `after "x.y" is no place in this list`},
		{"position.at", `{}`, `at or event is missing: at is a seq or an RFC 3339 time such as 2026-01-02T03:04:05Z, event such a time`},
		{"position.at", `{"event":"position: x"}`, `event "position: x" is no RFC 3339 time such as "2006-01-02T15:04:05Z": a year has 4 digits`},
		{"position.at", `{"event":"9999-12-31T23:59:59Z"}`, `event 9999-12-31T23:59:59Z is outside 1970 to 2261`},
		{"position.at", `{"at":"9999-12-31T23:59:59Z"}`, `at: time 9999-12-31T23:59:59Z is outside 1970 to 2261`},
		{"history", `{"from":"2026-01-02T3:04:05,5Z"}`, `from: time "2026-01-02T3:04:05,5Z" is no RFC 3339 time such as "2006-01-02T15:04:05Z": an hour has 2 digits`},
		{"position.at", `{"at":"99999"}`, `seq 99999 is not there yet, the newest is `},
		{"summary", `{"by":"mood"}`, `by "mood" is none of account, instrument, strategy`},
		{"summary", `{"rates":[]}`, `rates must be an object such as {"EUR":"1.08"}, not an array`},
		{"summary", `{"rates":{"USD":0.5}}`, `rates: the rate of "USD" must be a decimal in a string, not a number`},
		{"summary", `{"rates":{"USD":"1","USD":"2"}}`, `"USD" is given twice`},
		{"summary", `{"rates":{"USD":"x"}}`, `rates: the rate of "USD": number "x" `},
		{"apply", `[{},]`, `the batch must be one JSON array of mutations; it is broken at byte 5`},
		{"apply", `[] []`, `the batch must be one JSON array of mutations; it is broken at byte 4`},
		{"apply", `null`, `JSON is broken at byte 1: expected '{' at the start of an object, found 'n'`},
		{"apply", `[{"type":"fill"},{}]`, `batch member 0: account is missing in a fill`},
		{"apply", `{"type":"fill","id":"x","account":"A","instrument":"I","side":"buy","qty":1,"price":"1"}`, `qty must be `},
	} {
		b, code := ledgertest.Request(t, nc, row.endpoint, row.body)
		require.Equal(t, "400", code, "%s %s: %s", row.endpoint, row.body, b)
		var refused struct{ Error bus.Error }
		require.NoError(t, json.Unmarshal(b, &refused))
		require.True(t, strings.HasPrefix(refused.Error.Text, row.want), "%s %s: %s", row.endpoint, row.body, refused.Error.Text)
		require.NotRegexp(t, inner, strings.ReplaceAll(refused.Error.Text, `"position: x"`, ""))
	}
	for endpoint, body := range map[string]string{
		"status": "", "backup.list": " {} ", "backup.create": "{}", "verify": `{"deep":false}`, "summary": "\n", "account.list": "{}",
		"position.list": `{"all":true,"strategy":""}`, "position.at": `{"at":"3"}`, "history": `{"limit":0,"records":true}`,
	} {
		b, code := ledgertest.Request(t, nc, endpoint, body)
		require.Empty(t, code, "%s: %s", endpoint, b)
	}
}

func TestRequestErrorsNameNoPackages(t *testing.T) {
	s := served(t)
	nc, err := s.Connect(t.Context())
	require.NoError(t, err)
	defer nc.Close()
	const buy = `"account":"A","instrument":"Z","side":"buy","qty":"1","time":"2026-01-02T03:04:05Z"`
	_, code := ledgertest.Request(t, nc, "apply", `{"type":"fill","id":"twice","price":"1",`+buy+`}`)
	require.Empty(t, code)
	for _, row := range []struct{ endpoint, body, code, want string }{
		{"apply", `{"type":"fill","id":"twice","price":"2",` + buy + `}`, "409", `id reused for other content: "twice" is that of record `},
		{"apply", `[{"type":"fill","id":"n","price":"2",` + buy + `},{"type":"fill","id":"twice","price":"1",` + buy + `}]`, "409", `batch member 0: batch partly known: "n" is new, "twice" was applied as record `},
		{"apply", `{"type":"bust","id":"b","account":"A","instrument":"Z","fill":"bus: x"}`, "404", `unknown fill: no mutation has the id "bus: x"`},
		{"position.get", `{"account":"A","instrument":"none"}`, "404", "instrument none is not known here"},
	} {
		b, code := ledgertest.Request(t, nc, row.endpoint, row.body)
		require.Equal(t, row.code, code, "%s: %s", row.body, b)
		var refused struct{ Error bus.Error }
		require.NoError(t, json.Unmarshal(b, &refused))
		require.True(t, strings.HasPrefix(refused.Error.Text, row.want), refused.Error.Text)
		require.NotRegexp(t, `(holdfast|position|projector|journal): `, strings.ReplaceAll(refused.Error.Text, "unknown position: ", ""))
	}
}

// "" selects all, as ever: who wants the keys without a strategy says null.
func TestNullSelectsKeysWithoutAPart(t *testing.T) {
	s := served(t)
	nc, err := s.Connect(t.Context())
	require.NoError(t, err)
	defer nc.Close()
	for i, parts := range []string{``, `,"strategy":"grid"`, `,"leg":"hedge"`} {
		_, code := ledgertest.Request(t, nc, "apply", fmt.Sprintf(
			`{"type":"fill","id":"part-%d","account":"P","instrument":"X","side":"buy","qty":"%d","price":"1","time":"2026-01-02T03:04:05Z"%s}`, i, i+1, parts))
		require.Empty(t, code)
	}
	for _, row := range []struct {
		members string
		want    []string
	}{
		{``, []string{"1", "2", "3"}},
		{`,"strategy":"","leg":""`, []string{"1", "2", "3"}},
		{`,"strategy":null`, []string{"1", "3"}},
		{`,"leg":null`, []string{"1", "2"}},
		{`,"strategy":null,"leg":null`, []string{"1"}},
		{`,"leg":"hedge"`, []string{"3"}},
		{`,"strategy":"grid","leg":null`, []string{"2"}},
	} {
		var list []struct{ Qty string }
		b, code := ledgertest.Request(t, nc, "position.list", `{"account":"P"`+row.members+`}`)
		require.Empty(t, code, "%s", b)
		require.NoError(t, json.Unmarshal(b, &list))
		var got []string
		for _, p := range list {
			got = append(got, p.Qty)
		}
		require.ElementsMatch(t, row.want, got, row.members)

		var changes []json.RawMessage
		b, code = ledgertest.Request(t, nc, "history", `{"account":"P"`+row.members+`}`)
		require.Empty(t, code, "%s", b)
		require.NoError(t, json.Unmarshal(b, &changes))
		require.Len(t, changes, len(row.want), row.members)

		var groups []struct{ Positions int }
		b, code = ledgertest.Request(t, nc, "summary", `{"account":"P"`+row.members+`}`)
		require.Empty(t, code, "%s", b)
		require.NoError(t, json.Unmarshal(b, &groups))
		require.Equal(t, len(row.want), groups[0].Positions, row.members)
	}
}

// TestCodeOfAnUnknownOutcome gives it every reason that there is: a code of 4xx would
// say that nothing was done.
func TestCodeOfAnUnknownOutcome(t *testing.T) {
	for _, why := range []error{
		holdfast.ErrInvalid, holdfast.ErrTooLarge, holdfast.ErrUnknownFill, holdfast.ErrTrimmed, holdfast.ErrVersionConflict,
		holdfast.ErrTooOld, holdfast.ErrDamaged, holdfast.ErrFailed, holdfast.ErrClosed, context.Canceled, nil,
	} {
		require.Equal(t, "504", service.CodeOf(&holdfast.UnknownOutcomeError{IDs: []string{"a"}, Err: why}), "%v", why)
	}
}
