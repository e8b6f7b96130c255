package bench

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// stream is what a relay has published, read back, so that a raw publisher brings the
// same bytes to the same stream.
type stream struct {
	js       jetstream.JetStream
	config   jetstream.StreamConfig
	messages []*nats.Msg
}

// rawWindow is how many messages of the raw publisher wait for their acknowledgement.
const rawWindow = 4096

func readStream(ctx context.Context, nc *nats.Conn, name string) (*stream, error) {
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(rawWindow))
	if err != nil {
		return nil, err
	}
	from, err := js.Stream(ctx, name)
	if err != nil {
		return nil, err
	}
	info := from.CachedInfo()
	s := &stream{js: js, config: info.Config}
	consumer, err := from.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return nil, err
	}
	messages, err := consumer.Messages()
	if err != nil {
		return nil, err
	}
	defer messages.Stop()
	for uint64(len(s.messages)) < info.State.Msgs {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return nil, err
		}
		header := m.Headers()
		for key := range header {
			if strings.HasPrefix(key, "Nats-") { // of the publishing, not of the message
				delete(header, key)
			}
		}
		s.messages = append(s.messages, &nats.Msg{Subject: m.Subject(), Header: header, Data: m.Data()})
	}
	return s, nil
}

// Messages is how many messages the stream has.
func (s *stream) Messages() int { return len(s.messages) }

// Remove deletes the stream.
func (s *stream) Remove(ctx context.Context) error {
	err := s.js.DeleteStream(ctx, s.config.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil
	}
	return err
}

// empty makes the stream anew. A server that is still deleting the files of the old
// one may make one that begins with what is left of it.
func (s *stream) empty(ctx context.Context) error {
	for {
		if err := s.Remove(ctx); err != nil {
			return err
		}
		made, err := s.js.CreateStream(ctx, s.config)
		if err == nil && made.CachedInfo().State.LastSeq == 0 {
			return nil
		}
		if ctx.Err() != nil {
			return errors.Join(err, ctx.Err())
		}
	}
}

// Publish makes the stream anew and publishes all messages. It returns how long that
// took, until the last acknowledgement.
func (s *stream) Publish(ctx context.Context) (time.Duration, error) {
	if err := s.empty(ctx); err != nil {
		return 0, err
	}
	began := time.Now()
	for _, m := range s.messages {
		if _, err := s.js.PublishMsgAsync(m); err != nil {
			return 0, err
		}
		m.Reply = ""
	}
	select {
	case <-s.js.PublishAsyncComplete():
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	took := time.Since(began)
	info, err := s.js.Stream(ctx, s.config.Name)
	if err != nil {
		return 0, err
	}
	if got := info.CachedInfo().State.Msgs; got != uint64(len(s.messages)) {
		return 0, fmt.Errorf("the stream has %d of %d messages", got, len(s.messages))
	}
	return took, nil
}
