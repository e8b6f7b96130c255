package bus

import (
	"context"
	"encoding/hex"
	"fmt"
	"strconv"

	"github.com/nats-io/nats.go"
)

// Evidence is what the stream of a ledger says about the ledger's end: a record
// that is on it was durable before it was published.
type Evidence struct {
	Stream string
	Seq    uint64 // of its last message; 0 when there is none
	Epoch  uint64
	Chain  [32]byte
}

// LastPublished asks the leader of a ledger's stream for its last message. It
// needs Ledger, Lineage and Connect of the options and returns when ctx ends at
// the latest, whatever Connect does; a connection that comes too late is closed.
//
// No stream, or an empty one, is evidence of nothing and no error. A stream of
// another lineage, or a last message that is not of this one, is an error, as is
// a bus that does not answer: nothing follows from any of them.
func LastPublished(ctx context.Context, o Options) (Evidence, error) {
	o.applyDefaults()
	e := Evidence{Stream: StreamName(o.Ledger)}
	nc, err := dial(ctx, o.Connect)
	if err != nil {
		return e, fmt.Errorf("connect: %w", err)
	}
	defer nc.Close()
	a := &api{nc: nc, prefix: o.APIPrefix + ".", stream: e.Stream, timeout: o.Timeout}
	answer, err := a.info(ctx)
	switch {
	case isCode(err, codeNoStream):
		return e, nil
	case err != nil:
		return e, err
	case answer.Config.Metadata[metaLineage] != o.Lineage:
		return e, fmt.Errorf("stream %s belongs to lineage %q, this ledger is %q",
			e.Stream, shorten(answer.Config.Metadata[metaLineage]), o.Lineage)
	case answer.State.Messages == 0:
		return e, nil
	}
	m, err := a.message(ctx, answer.State.Last)
	if err != nil {
		return e, err
	}
	return e, e.read(m, o.Lineage)
}

// read takes the evidence from the headers of a message.
func (e *Evidence) read(m *storedMessage, lineage string) error {
	seq := strconv.FormatUint(m.Seq, 10)
	epoch, err := strconv.ParseUint(m.Header.Get(HeaderEpoch), 10, 64)
	if err != nil || m.Header.Get(HeaderID) != lineage+":"+seq || m.Header.Get(HeaderSeq) != seq {
		return fmt.Errorf("message %d of stream %s is no record of this ledger", m.Seq, e.Stream)
	}
	chain := m.Header.Get(HeaderChain)
	if n, err := hex.Decode(e.Chain[:], []byte(chain[:min(len(chain), 2*len(e.Chain))])); err != nil || n != len(e.Chain) || len(chain) != 2*n {
		return fmt.Errorf("message %d of stream %s has no chain value", m.Seq, e.Stream)
	}
	e.Seq, e.Epoch = m.Seq, epoch
	return nil
}

// dial connects, or gives up when ctx ends. Connect may not notice that: then
// its goroutine ends when Connect returns, and closes what it got.
func dial(ctx context.Context, connect func(context.Context) (*nats.Conn, error)) (*nats.Conn, error) {
	if connect == nil {
		return nil, ErrNoConnection
	}
	type dialled struct {
		nc  *nats.Conn
		err error
	}
	got := make(chan dialled)
	go func() {
		nc, err := connect(ctx)
		select {
		case got <- dialled{nc, err}:
		case <-ctx.Done():
			if nc != nil {
				nc.Close()
			}
		}
	}()
	select {
	case d := <-got:
		if d.nc == nil && d.err == nil {
			return nil, ErrNoConnection
		}
		return d.nc, d.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}
