package yardstick

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A Stream is what a relay has published, read back, so that raw publishers bring the
// same bytes with the same headers to the same stream. A raw publisher has its
// messages ready in memory: it reads no journal, renders nothing, and keeps none of
// the relay's promises beyond those of its form.
type Stream struct {
	nc   *nats.Conn
	js   jetstream.JetStream
	cfg  jetstream.StreamConfig
	msgs []*nats.Msg
	runs int // made so far, for the ids of batches
}

// ReadStream reads a stream into memory.
func ReadStream(ctx context.Context, nc *nats.Conn, name string) (*Stream, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, fmt.Errorf("jetstream: %w", err)
	}
	stream, err := js.Stream(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("stream %s: %w", name, err)
	}
	info := stream.CachedInfo()
	s := &Stream{nc: nc, js: js, cfg: info.Config, msgs: make([]*nats.Msg, 0, info.State.Msgs)}
	consumer, err := stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return nil, fmt.Errorf("stream %s: %w", name, err)
	}
	messages, err := consumer.Messages()
	if err != nil {
		return nil, fmt.Errorf("stream %s: %w", name, err)
	}
	defer messages.Stop()
	for uint64(len(s.msgs)) < info.State.Msgs {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return nil, fmt.Errorf("stream %s: %w", name, err)
		}
		header := m.Headers()
		for key := range header {
			if strings.HasPrefix(key, "Nats-") { // of the publishing, not of the message
				delete(header, key)
			}
		}
		s.msgs = append(s.msgs, &nats.Msg{Subject: m.Subject(), Header: header, Data: m.Data()})
	}
	return s, nil
}

// Messages is how many messages the stream has.
func (s *Stream) Messages() int { return len(s.msgs) }

// Bytes is how many bytes the bodies have together.
func (s *Stream) Bytes() (n int64) {
	for _, m := range s.msgs {
		n += int64(len(m.Data))
	}
	return n
}

// Remove deletes the stream, so that a relay makes it anew.
func (s *Stream) Remove(ctx context.Context) error {
	err := s.js.DeleteStream(ctx, s.cfg.Name)
	if err != nil && !errors.Is(err, jetstream.ErrStreamNotFound) {
		return fmt.Errorf("delete stream %s: %w", s.cfg.Name, err)
	}
	return nil
}

// A Form is a way to publish raw.
type Form struct {
	Name    string
	publish func(s *Stream, ctx context.Context, most int) error
	most    int // messages of a batch, or in flight
}

// Forms are the ways of the fastest raw publishers that are known: atomic batches, one
// commit in flight and the next batch staged meanwhile; fast batches, whose messages
// take effect as they come; and single messages with a window in flight, which promise
// no order. Which of them is the fastest depends on the server: where it syncs each
// message, only atomic batches share a sync. Servers of others take 1000 messages of
// an atomic batch at most.
func Forms(largestBatch int) []Form {
	forms := []Form{
		{Name: "async 1024", publish: (*Stream).async, most: 1024},
		{Name: "fast batches", publish: (*Stream).fast, most: 4000},
		{Name: "atomic batches of 1000", publish: (*Stream).atomic, most: 1000},
	}
	if largestBatch > 1000 {
		forms = append(forms, Form{Name: fmt.Sprintf("atomic batches of %d", largestBatch), publish: (*Stream).atomic, most: largestBatch})
	}
	return forms
}

// Fastest publishes once in each form and returns the one that took the least time.
func (s *Stream) Fastest(ctx context.Context, forms []Form) (best Form, err error) {
	var least time.Duration
	for _, f := range forms {
		took, err := s.Publish(ctx, f)
		if err != nil {
			return best, fmt.Errorf("%s: %w", f.Name, err)
		}
		if least == 0 || took < least {
			best, least = f, took
		}
	}
	return best, nil
}

// Publish makes the stream anew and publishes all messages in a form. It returns how
// long that took, up to the last acknowledgement.
func (s *Stream) Publish(ctx context.Context, f Form) (time.Duration, error) {
	if err := s.empty(ctx); err != nil {
		return 0, err
	}
	s.runs++
	began := time.Now() //nolint:forbidigo // it measures
	err := f.publish(s, ctx, f.most)
	took := time.Since(began)
	if err != nil {
		return 0, err
	}
	made, err := s.js.Stream(ctx, s.cfg.Name)
	if err != nil {
		return 0, fmt.Errorf("stream %s: %w", s.cfg.Name, err)
	}
	if got := made.CachedInfo().State.Msgs; got != uint64(len(s.msgs)) {
		return 0, fmt.Errorf("stream %s has %d of %d messages", s.cfg.Name, got, len(s.msgs))
	}
	return took, nil
}

// empty makes the stream anew. A server that is still deleting the files of the old
// one may refuse, or make one that begins with what is left of it.
func (s *Stream) empty(ctx context.Context) error {
	for {
		if err := s.Remove(ctx); err != nil {
			return err
		}
		made, err := s.js.CreateStream(ctx, s.cfg)
		if err == nil && made.CachedInfo().State.LastSeq == 0 {
			return nil
		}
		if ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
	}
}

// async publishes single messages.
func (s *Stream) async(ctx context.Context, window int) error {
	js, err := jetstream.New(s.nc, jetstream.WithPublishAsyncMaxPending(window))
	if err != nil {
		return fmt.Errorf("jetstream: %w", err)
	}
	var last jetstream.PubAckFuture
	for _, m := range s.msgs {
		if last, err = js.PublishMsgAsync(m); err != nil {
			return fmt.Errorf("publish: %w", err)
		}
		m.Reply = ""
	}
	select {
	case <-js.PublishAsyncComplete():
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case <-last.Ok():
		return nil
	case err = <-last.Err():
		return fmt.Errorf("publish: %w", err)
	}
}

// Headers of the server's publishing protocol.
const (
	batchID       = "Nats-Batch-Id"
	batchSequence = "Nats-Batch-Sequence"
	batchCommit   = "Nats-Batch-Commit"
	expected      = "Nats-Expected-Last-Sequence"
)

// atomic publishes atomic batches. The answer to a commit is awaited before the next
// commit is sent.
func (s *Stream) atomic(ctx context.Context, most int) error {
	inbox := s.nc.NewInbox()
	answers, err := s.nc.SubscribeSync(inbox)
	if err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	defer func() { _ = answers.Unsubscribe() }() // it ends with the connection anyway
	sent := 0
	for batch := range slices.Chunk(s.msgs, most) {
		id := fmt.Sprintf("raw-%d-%d", s.runs, sent)
		for i, m := range batch {
			m.Header[batchID], m.Header[batchSequence] = []string{id}, []string{strconv.Itoa(i + 1)}
			if i == len(batch)-1 {
				if sent > 0 {
					err = committed(ctx, answers)
				}
				m.Header[batchCommit], m.Reply = []string{"1"}, inbox
			}
			if err = errors.Join(err, s.send(m)); err != nil {
				return err
			}
		}
		sent += len(batch)
	}
	return committed(ctx, answers)
}

// fast publishes fast batches. The answer to a batch is awaited before the next one
// begins.
func (s *Stream) fast(ctx context.Context, most int) error {
	inbox := s.nc.NewInbox()
	answers, err := s.nc.SubscribeSync(inbox + ".>")
	if err != nil {
		return fmt.Errorf("subscribe: %w", err)
	}
	defer func() { _ = answers.Unsubscribe() }() // it ends with the connection anyway
	sent := 0
	for batch := range slices.Chunk(s.msgs, most) {
		root := fmt.Sprintf("%s.%d-%d.500.fail.", inbox, s.runs, sent)
		for i, m := range batch {
			operation := 1
			switch i {
			case len(batch) - 1:
				operation = 2
			case 0:
				operation = 0
			}
			m.Header[expected] = []string{strconv.Itoa(sent + i)}
			m.Reply = fmt.Sprintf("%s%d.%d.$FI", root, i+1, operation)
			if err = s.send(m); err != nil {
				return err
			}
		}
		if err = committed(ctx, answers); err != nil {
			return err
		}
		sent += len(batch)
	}
	return nil
}

// send publishes a message and takes off it what is of the publishing.
func (s *Stream) send(m *nats.Msg) error {
	err := s.nc.PublishMsg(m)
	m.Reply = ""
	for _, key := range []string{batchID, batchSequence, batchCommit, expected} {
		delete(m.Header, key)
	}
	if err != nil {
		return fmt.Errorf("publish: %w", err)
	}
	return nil
}

// committed waits for the answer to a batch; between, the server tells how far a fast
// one is.
func committed(ctx context.Context, answers *nats.Subscription) error {
	for {
		m, err := answers.NextMsgWithContext(ctx)
		if err != nil {
			return fmt.Errorf("publish: %w", err)
		}
		var ack struct {
			Type  string          `json:"type"`
			Error json.RawMessage `json:"error"`
		}
		switch err = json.Unmarshal(m.Data, &ack); {
		case err != nil:
			return fmt.Errorf("publish: %w", err)
		case ack.Error != nil || ack.Type != "" && ack.Type != "ack":
			return fmt.Errorf("publish: the server answered %s", m.Data)
		case ack.Type == "":
			return nil
		}
	}
}
