package bus

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// Headers of every message on the stream.
const (
	HeaderSeq   = "Holdfast-Seq"
	HeaderEpoch = "Holdfast-Epoch"
	HeaderChain = "Holdfast-Chain" // 64 lower-case hex digits
	HeaderID    = "Holdfast-Id"    // <lineage>:<seq>
)

// Headers of the server's publishing protocol.
const (
	headerExpect      = "Nats-Expected-Last-Sequence"
	headerBatchID     = "Nats-Batch-Id"
	headerBatchSeq    = "Nats-Batch-Sequence"
	headerBatchCommit = "Nats-Batch-Commit"
	headerContentType = "Content-Type"
)

const contentType = "application/json"

// headerRoom bounds what the headers above take of a message, lineage and
// subject included.
const headerRoom = 1024

// publisher writes events to the stream with one request in flight: nothing is
// sent that could take effect before the answer to what was sent before it is
// known.
//
// A single message carries the sequence that the stream must have now. (Such
// messages must not be pipelined: when one is refused, the next may fit again by
// accident.)
//
// An atomic batch carries it on its first message; the server stages a batch aside
// and checks and applies it whole when the last message, which has the commit header,
// arrives. So a batch that was cut anywhere leaves nothing, and a batch of a relay
// that lost its place is refused whole. While the answer to a commit is awaited the
// next batch may be staged, because staging has no effect; the server spends that time
// waiting for its disk.
//
// A fast batch carries it on each message. The server applies the messages as they
// come, and with the first one that is refused, for its expectation or because one
// before it is missing, ends the batch: what follows belongs to no batch and is refused
// too. So a fast batch that was cut anywhere leaves a beginning of itself, which is a
// beginning of the journal. No message of the next one is sent before the answer to
// the last message is there.
type publisher struct {
	nc      *nats.Conn
	stream  string
	lineage string
	timeout time.Duration
	msg     nats.Msg // reused: nats.go encodes a message before Publish returns
	vals    [8][1]string
	hex     [64]byte

	answers *nats.Subscription // gets the answers to all requests
	inbox   string             // prefix of their subjects
	sent    uint64             // requests sent, for reply subjects

	root    string // prefix of batch ids, new with every connection
	batches uint64 // batches opened, for ids
	batch   string // id of the open batch, "" when none is open
	fast    bool   // the open batch is a fast one
	count   int    // messages of the open batch that were staged
}

// Ends of the subject for the answers to a message of a fast batch: how often the server
// tells how far it is, the handling of a gap, then the message's number, its operation
// and the mark of such a subject.
const (
	fastTerms  = ".500.fail."
	fastBegin  = ".0.$FI"
	fastAppend = ".1.$FI"
	fastCommit = ".2.$FI"
)

func newPublisher(nc *nats.Conn, o *Options, root string) (*publisher, error) {
	p := &publisher{
		nc: nc, stream: StreamName(o.Ledger), lineage: o.Lineage, timeout: o.Timeout,
		inbox: nc.NewInbox() + ".", root: root,
		msg: nats.Msg{Header: make(nats.Header, 10)},
	}
	var err error
	if p.answers, err = nc.SubscribeSync(p.inbox + ">"); err != nil {
		return nil, fmt.Errorf("subscribe: %w", err)
	}
	return p, nil
}

// pending is a request whose answer is not there yet, and what it must say.
type pending struct {
	reply string // subject of the answer; of a fast batch, what the subjects begin with
	seq   uint64
	batch string
	fast  bool
	count int
}

// answered reports whether an answer on a subject is to the request.
func (w *pending) answered(subject string) bool {
	return subject == w.reply || w.fast && strings.HasPrefix(subject, w.reply)
}

// pubAck is the server's answer to a message or to a whole batch.
type pubAck struct {
	Type   string    `json:"type"` // of what is said of a fast batch that is under way
	Stream string    `json:"stream"`
	Seq    uint64    `json:"seq"`
	Batch  string    `json:"batch"`
	Count  int       `json:"count"`
	Error  *apiError `json:"error"`
}

// set puts one value of a header into the reused message without a new slice.
func (p *publisher) set(slot int, key, value string) {
	p.vals[slot][0] = value
	p.msg.Header[key] = p.vals[slot][:]
}

// load fills the reused message with an event and the headers of every message.
func (p *publisher) load(ev *Event) error {
	if limit := p.nc.MaxPayload(); int64(len(ev.Body)+headerRoom) > limit {
		return fmt.Errorf("event %d has %d bytes, the server takes %d with headers: raise its max_payload", ev.Seq, len(ev.Body), limit)
	}
	p.msg.Subject, p.msg.Data = ev.Subject, ev.Body
	clear(p.msg.Header)
	seq := strconv.FormatUint(ev.Seq, 10)
	hex.Encode(p.hex[:], ev.Chain[:])
	p.set(0, HeaderSeq, seq)
	p.set(1, HeaderEpoch, strconv.FormatUint(ev.Epoch, 10))
	p.set(2, HeaderChain, string(p.hex[:]))
	p.set(3, HeaderID, p.lineage+":"+seq)
	p.set(4, headerContentType, contentType)
	return nil
}

// add sends one event of a batch, the first one opens it, a fast one or an atomic
// one. Nothing is waited for, and of an atomic batch nothing takes effect before commit.
func (p *publisher) add(ev *Event, fast bool) error {
	if err := p.stage(ev, fast); err != nil {
		return err
	}
	if fast {
		p.msg.Reply = p.fastReply(fastAppend)
	}
	return p.send(ev)
}

// send publishes the loaded message.
func (p *publisher) send(ev *Event) error {
	err := p.nc.PublishMsg(&p.msg)
	p.msg.Reply = ""
	if err != nil {
		return fmt.Errorf("publish %d: %w", ev.Seq, err)
	}
	return nil
}

// fastReply is the subject for the answers to the message of the open fast batch that
// was staged last, unless the message is the first one: that begins the batch, whatever else.
func (p *publisher) fastReply(operation string) string {
	if p.count == 1 && operation == fastAppend {
		operation = fastBegin
	}
	return p.inbox + p.batch + fastTerms + strconv.Itoa(p.count) + operation
}

// commit sends the last event of the open batch, or a single message when none
// is open, and returns what has to be awaited.
func (p *publisher) commit(ev *Event) (pending, error) {
	w := pending{seq: ev.Seq}
	switch {
	case p.batch == "":
		if err := p.load(ev); err != nil {
			return w, err
		}
		p.set(5, headerExpect, strconv.FormatUint(ev.Seq-1, 10))
		p.msg.Reply = p.newReply()
		w.reply = p.msg.Reply
	case p.fast:
		if err := p.stage(ev, true); err != nil {
			return w, err
		}
		p.msg.Reply = p.fastReply(fastCommit)
		w.reply, w.batch, w.count, w.fast = p.inbox+p.batch+".", p.batch, p.count, true
		p.forget()
	default:
		if err := p.stage(ev, false); err != nil {
			return w, err
		}
		p.set(7, headerBatchCommit, "1")
		p.msg.Reply = p.newReply()
		w.reply, w.batch, w.count = p.msg.Reply, p.batch, p.count
		p.forget()
	}
	return w, p.send(ev)
}

// newReply is a subject for one answer.
func (p *publisher) newReply() string {
	p.sent++
	return p.inbox + strconv.FormatUint(p.sent, 36)
}

// forget drops an open batch. The server throws away the messages that were staged
// of it when it has heard nothing of the batch for some seconds.
func (p *publisher) forget() { p.batch, p.count = "", 0 }

// stage loads an event as the next message of the open batch.
func (p *publisher) stage(ev *Event, fast bool) error {
	if err := p.load(ev); err != nil {
		return err
	}
	opens := p.batch == ""
	if opens {
		p.batches++
		p.batch, p.fast = p.root+strconv.FormatUint(p.batches, 36), fast
	}
	p.count++
	if p.fast {
		p.set(5, headerExpect, strconv.FormatUint(ev.Seq-1, 10))
		return nil
	}
	p.set(5, headerBatchID, p.batch)
	p.set(6, headerBatchSeq, strconv.Itoa(p.count))
	if opens {
		p.set(7, headerExpect, strconv.FormatUint(ev.Seq-1, 10))
	}
	return nil
}

// await returns nil when the stream has what commit sent. Answers to requests
// that were given up before are passed over. Of a fast batch the server tells between
// how far it is, and has as long for the rest again.
func (p *publisher) await(ctx context.Context, w pending) error {
	for {
		ack, err := p.answer(ctx, &w)
		if err != nil {
			return fmt.Errorf("publish %d: %w", w.seq, err)
		}
		switch {
		case w.fast && ack.Type == "ack":
		case w.fast && ack.Type != "":
			return fmt.Errorf("publish %d: the batch was broken off: %s", w.seq, ack.Type)
		default:
			return p.check(ack, w)
		}
	}
}

// answer waits for the next answer to a request.
func (p *publisher) answer(ctx context.Context, w *pending) (*pubAck, error) {
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	for {
		msg, err := p.answers.NextMsgWithContext(ctx)
		switch {
		case err != nil:
			return nil, err
		case !w.answered(msg.Subject):
			continue
		case msg.Header.Get("Status") == "503":
			return nil, nats.ErrNoResponders
		}
		var ack pubAck
		if err = json.Unmarshal(msg.Data, &ack); err != nil {
			return nil, fmt.Errorf("answer: %w", err)
		}
		if ack.Error != nil {
			return nil, ack.Error
		}
		return &ack, nil
	}
}

// check refuses an acknowledgement that does not say exactly what was asked
// for: anything else than our own stream, at our own sequence, means that
// somebody else has a hand in it.
func (p *publisher) check(ack *pubAck, w pending) error {
	if ack.Stream != p.stream || ack.Seq != w.seq || ack.Batch != w.batch || ack.Count != w.count {
		return fmt.Errorf("publish %d: answer is for seq %d, batch %q of %d, on stream %q; expected batch %q of %d on %s",
			w.seq, ack.Seq, ack.Batch, ack.Count, ack.Stream, w.batch, w.count, p.stream)
	}
	return nil
}
