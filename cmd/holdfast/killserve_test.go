package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/journal"
)

// order is one fill that the drill's engine sends until it is acknowledged.
type order struct {
	id   string
	body []byte
}

func orders(r *rand.Rand, n int) []order {
	out := make([]order, n)
	for i := range out {
		side := [...]string{"buy", "sell"}[r.IntN(2)]
		id := "o-" + strconv.Itoa(i)
		out[i] = order{id: id, body: fmt.Appendf(nil,
			`{"type":"fill","id":%q,"account":"A%d","instrument":"I%d","side":%q,"qty":"%d","price":"%d.25","fee":"0.01","time":"2026-01-02T03:04:05Z"}`,
			id, r.IntN(3), i%5, side, 1+r.IntN(4), 90+r.IntN(20))}
	}
	return out
}

// serving is a daemon under the drill.
type serving struct {
	*victim
	ready ready
	ended chan struct{}
}

func serveVictim(t *testing.T, dir string) *serving {
	t.Helper()
	args := append([]string{"serve", "--dir", dir, "--nats-listen", "127.0.0.1:0", "--http", "none", "-o", "json"}, drillFlags()...)
	s := &serving{victim: launch(t, args...), ended: make(chan struct{})}
	line, err := bufio.NewReader(s.stdout).ReadBytes('\n')
	if err != nil {
		_, tail := s.stopped()
		require.NoError(t, err, "not ready: %s", tail)
	}
	require.NoError(t, json.Unmarshal(line, &s.ready))
	go func() {
		<-s.done
		close(s.ended)
	}()
	return s
}

// connectAs opens a connection with the generated credentials.
func connectAs(t *testing.T, s *serving, user string) *nats.Conn {
	t.Helper()
	nc, err := dialAs(t, s, user)
	require.NoError(t, err)
	return nc
}

func dialAs(t *testing.T, s *serving, user string) (*nats.Conn, error) {
	t.Helper()
	c, err := readContext("--creds", s.ready.Credentials[user])
	require.NoError(t, err)
	o, err := c.options()
	require.NoError(t, err)
	return nats.Connect(s.ready.Nats, append(o, nats.NoReconnect(), nats.Timeout(time.Minute))...)
}

// trade sends the orders that are not acknowledged yet, several at a time, until
// all are or the daemon dies.
func trade(ctx context.Context, nc *nats.Conn, os []order, a *acks) error {
	next := make(chan order)
	var wg sync.WaitGroup
	var mu sync.Mutex
	var failed error
	for range 16 {
		wg.Go(func() {
			for o := range next {
				reply, err := nc.RequestWithContext(ctx, "holdfast.api.v1.main.apply", o.body)
				if err != nil {
					continue // unknown: it is sent again after the restart
				}
				var x ack
				err = json.Unmarshal(reply.Data, &x)
				if code := reply.Header.Get("Nats-Service-Error-Code"); code != "" {
					err = errors.New(code + " " + reply.Header.Get("Nats-Service-Error"))
					if code == "503" || code == "504" {
						continue // going down
					}
				}
				if err == nil {
					err = a.add(x)
				}
				if err != nil {
					mu.Lock()
					failed = errors.Join(failed, err)
					mu.Unlock()
				}
			}
		})
	}
	for _, o := range os {
		a.mu.Lock()
		_, known := a.seq[o.id]
		a.mu.Unlock()
		if known {
			continue
		}
		if ctx.Err() != nil {
			break
		}
		next <- o
	}
	close(next)
	wg.Wait()
	return failed
}

func TestKillServe(t *testing.T) {
	n := kills(t, 10)
	r := rand.New(rand.NewPCG(seed(t), 8))
	phases := []string{"append", "segment", "snapshot", "trim", "recovery"}
	hits, done := map[string]int{}, 0
	for done < n {
		dir := filepath.Join(t.TempDir(), "ledger")
		os := orders(r, 3000)
		a := &acks{seq: map[string]uint64{}}
		for i := 0; i < 12 && done < n; i++ {
			if !killOneServe(t, r, dir, os, leastHit(hits, phases), a, hits) {
				break
			}
			done++
			verified(t, dir, a.max)
		}
		finishServe(t, dir, os, a)
	}
	for p, k := range hits {
		t.Logf("killed in %-10s %d", p, k)
	}
	t.Logf("kills %d, acknowledged lost 0, streams complete", done)
}

func killOneServe(t *testing.T, r *rand.Rand, dir string, os []order, phase string, a *acks, hits map[string]int) bool {
	t.Helper()
	nth := 1
	if phase == "append" {
		nth += r.IntN(200)
	} else if phase != "recovery" {
		nth += r.IntN(3)
	}
	after := time.Duration(r.IntN(1500)) * time.Microsecond
	args := append([]string{"serve", "--dir", dir, "--nats-listen", "127.0.0.1:0", "--http", "none", "-o", "json"}, drillFlags()...)
	s := &serving{victim: launch(t, args...), ended: make(chan struct{})}
	allSent := make(chan struct{})
	killed := make(chan bool, 1)
	go func() { killed <- s.killIn(phase, nth, after, allSent) }()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if line, err := bufio.NewReader(s.stdout).ReadBytes('\n'); err == nil {
		require.NoError(t, json.Unmarshal(line, &s.ready))
		go func() { <-s.done; cancel() }()
		nc, err := dialAs(t, s, "writer")
		if err == nil { // else it was killed in between
			require.NoError(t, trade(ctx, nc, os, a))
			nc.Close()
		}
	}
	close(allSent)
	was := <-killed
	_ = s.cmd.Process.Kill() // where the phase did not come
	in, _ := s.stopped()
	if !was {
		return false
	}
	if len(in) == 0 {
		in = []string{"between"}
	}
	for _, p := range in {
		hits[p]++
	}
	return true
}

// finishServe sends the rest, lets the relay catch up, and holds the stream
// against the journal and both against what was acknowledged.
func finishServe(t *testing.T, dir string, os []order, a *acks) {
	t.Helper()
	s := serveVictim(t, dir)
	nc := connectAs(t, s, "writer")
	for pass := 0; pass < 100 && len(a.seq) < len(os); pass++ { // what was refused while it was starting is sent again
		require.NoError(t, trade(t.Context(), nc, os, a))
	}
	require.Len(t, a.seq, len(os), "every order was acknowledged")
	nc.Close()

	reader := connectAs(t, s, "reader")
	defer reader.Close()
	js, err := jetstream.New(reader, jetstream.WithDefaultTimeout(time.Minute))
	require.NoError(t, err)
	stream, err := js.Stream(t.Context(), bus.StreamName("main"))
	require.NoError(t, err)
	log, err := journal.OpenReader(dir)
	require.NoError(t, err)
	last, err := log.Last()
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		info, err := stream.Info(t.Context())
		return err == nil && info.State.LastSeq == last.Seq
	}, 60*time.Second, 10*time.Millisecond, "the stream catches up")
	streamed(t, stream, log)

	bySeq := map[uint64]string{}
	for id, seq := range a.seq {
		require.Empty(t, bySeq[seq], "%s and %s have one seq", id, bySeq[seq])
		bySeq[seq] = id
	}
	_ = s.cmd.Process.Kill()
	s.stopped()
	verified(t, dir, a.max)
}

// streamed compares each message of the stream with its record.
func streamed(t *testing.T, stream jetstream.Stream, log *journal.Reader) {
	t.Helper()
	c, err := stream.OrderedConsumer(t.Context(), jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: log.First()})
	require.NoError(t, err)
	it, err := c.Messages()
	require.NoError(t, err)
	defer it.Stop()
	first := true
	for rec, err := range log.Records(0) {
		require.NoError(t, err)
		m, meta := nextMessage(t, it)
		for first && meta.Sequence.Stream < rec.Seq { // the daemon has trimmed its journal meanwhile
			m, meta = nextMessage(t, it)
		}
		first = false
		require.Equal(t, rec.Seq, meta.Sequence.Stream)
		require.Equal(t, strconv.FormatUint(rec.Seq, 10), m.Headers().Get("Holdfast-Seq"))
		require.Equal(t, strconv.FormatUint(rec.Epoch, 10), m.Headers().Get("Holdfast-Epoch"))
		require.Equal(t, hex.EncodeToString(rec.Chain[:]), m.Headers().Get("Holdfast-Chain"))
	}
}

func nextMessage(t *testing.T, it jetstream.MessagesContext) (jetstream.Msg, *jetstream.MsgMetadata) {
	t.Helper()
	m, err := it.Next()
	require.NoError(t, err)
	meta, err := m.Metadata()
	require.NoError(t, err)
	return m, meta
}
