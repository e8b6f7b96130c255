package service_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/bus"
)

// What one connection sends to apply is applied in the order in which it was sent,
// however much is in flight, and what is refused between is passed over.
func TestApplyKeepsTheOrderOfAConnection(t *testing.T) {
	nc := connectAs(t, served(t), "writer", make(chan error, 1))
	const requests = 2000
	inbox := nc.NewInbox()
	answers, err := nc.SubscribeSync(inbox + ".*")
	require.NoError(t, err)
	for i := range requests {
		body := fmt.Sprintf(`{"type":"fill","id":"o-%d","account":"O","instrument":"X","side":"buy","qty":"1","price":"1"}`, i)
		if i%10 == 3 {
			body = `{"type":"fill"}`
		}
		require.NoError(t, nc.PublishRequest(bus.RequestSubject("main", "apply"), fmt.Sprintf("%s.%d", inbox, i), []byte(body)))
	}
	seqs := map[string]uint64{}
	for range requests {
		m, err := answers.NextMsg(time.Minute)
		require.NoError(t, err)
		var v struct {
			Seq   uint64
			Error *bus.Error
		}
		require.NoError(t, json.Unmarshal(m.Data, &v))
		require.Equal(t, v.Error != nil, v.Seq == 0)
		seqs[m.Subject] = v.Seq
	}
	last := uint64(0)
	for i := range requests {
		seq := seqs[fmt.Sprintf("%s.%d", inbox, i)]
		require.Equal(t, i%10 == 3, seq == 0, i)
		if seq != 0 {
			require.Greater(t, seq, last, "request %d", i)
			last = seq
		}
	}
}

// Several mutations of one request are applied or refused each by itself, in order.
func TestApplyEach(t *testing.T) {
	nc := connectAs(t, served(t), "writer", make(chan error, 1))
	ask := func(body string) (*nats.Msg, error) {
		return nc.Request(bus.RequestSubject("main", "apply"), []byte(body), time.Minute)
	}
	fill := func(id string) string {
		return fmt.Sprintf(`{"type":"fill","id":"%s","account":"E","instrument":"X","side":"buy","qty":"1","price":"1"}`, id)
	}
	m, err := ask(`{"each":[` + fill("e1") + `,{"type":"fill"},` + fill("e2") + `,` + fill("e1") + `,{"type":"amend","id":"e3","account":"nobody","instrument":"X"}]}`)
	require.NoError(t, err)
	var list []struct {
		ID         string
		First, Seq uint64
		Duplicate  bool
		Error      *bus.Error
	}
	require.NoError(t, json.Unmarshal(m.Data, &list), string(m.Data))
	require.Len(t, list, 5)
	require.Equal(t, "e1", list[0].ID)
	require.NotZero(t, list[0].First)
	require.Equal(t, "400", list[1].Error.Code)
	require.Greater(t, list[2].Seq, list[0].Seq)
	require.True(t, list[3].Duplicate)
	require.Equal(t, list[0].Seq, list[3].Seq)
	require.Equal(t, "4", list[4].Error.Code[:1], list[4].Error)

	for body, reason := range map[string]string{
		`{"each":[`:   "each must be one JSON array of mutations; it is broken at byte 9",
		`{"each": 5}`: "each must be an array of mutations, not a number",
		`{"each":[` + fill("e9") + `],"dry_run":true}`:                                   `a request that has each has no other member: "dry_run"`,
		`{"each":[` + fill("e9") + `],"each":[]}`:                                        `"each" is given twice`,
		`{"each":[{"type":"bust","id":"b","account":"E","instrument":"X","fill":"e1"}]}`: "each: member 0 is a bust: give it by itself",
	} {
		m, err = ask(body)
		require.NoError(t, err)
		require.Equal(t, reason, m.Header.Get("Nats-Service-Error"))
	}
	for _, body := range []string{`{"each":[]}`, `{"each": []}`, "{ \"each\" :\n[ ] }"} { // as encoders write it
		m, err = ask(body)
		require.NoError(t, err)
		require.JSONEq(t, `[]`, string(m.Data), body)
	}
	m, err = ask(`{"each": [` + fill("e8") + `]}`)
	require.NoError(t, err)
	require.Contains(t, string(m.Data), `"id":"e8"`)
}
