package bus

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

// Error codes of the JetStream API that decide what the relay does next.
const (
	codeNoMessage  = 10037
	codeNotCreated = 10049
	codeNoStream   = 10059
	codeLastSeq    = 10071
	codeTooLarge   = 10199
)

// apiError is the error object of a JetStream answer.
type apiError struct {
	Code        int    `json:"code"`
	ErrCode     int    `json:"err_code"`
	Description string `json:"description"`
}

// Error gives the server's words and its number.
func (e *apiError) Error() string {
	return fmt.Sprintf("server says: %s (%d)", e.Description, e.ErrCode)
}

// streamConfig holds the members of a stream's configuration that the relay
// sets or looks at. Everything else of an adopted stream is the operator's.
type streamConfig struct {
	Name        string            `json:"name"`
	Description string            `json:"description,omitempty"`
	Subjects    []string          `json:"subjects,omitempty"`
	Retention   string            `json:"retention"`
	Storage     string            `json:"storage"`
	Discard     string            `json:"discard"`
	Replicas    int               `json:"num_replicas"`
	MaxMsgs     int64             `json:"max_msgs"`
	MaxBytes    int64             `json:"max_bytes"`
	MaxAge      time.Duration     `json:"max_age"`
	MaxPerSubj  int64             `json:"max_msgs_per_subject"`
	FirstSeq    uint64            `json:"first_seq,omitempty"`
	DenyDelete  bool              `json:"deny_delete"`
	Atomic      bool              `json:"allow_atomic,omitempty"`
	Fast        bool              `json:"allow_batched,omitempty"`
	Metadata    map[string]string `json:"metadata,omitempty"`
}

// discards says whether the server throws old messages away by itself.
func (c *streamConfig) discards() bool {
	return c.MaxMsgs > 0 || c.MaxBytes > 0 || c.MaxAge > 0 || c.MaxPerSubj > 0 || c.Retention != "limits"
}

// streamState is what the stream's leader says it holds.
type streamState struct {
	Messages   uint64   `json:"messages"`
	First      uint64   `json:"first_seq"`
	Last       uint64   `json:"last_seq"`
	NumDeleted int      `json:"num_deleted"`
	Deleted    []uint64 `json:"deleted"`
}

type streamAnswer struct {
	Config  streamConfig `json:"config"`
	State   streamState  `json:"state"`
	Created time.Time    `json:"created"`
	Now     time.Time    `json:"ts"` // of the answer, by the server's clock
}

// storedMessage is a message as it lies on the stream.
type storedMessage struct {
	Subject string
	Seq     uint64
	Header  nats.Header
}

// api speaks the few requests of the JetStream API that the relay needs. All of
// them are answered by the stream's leader, which is why none of nats.go's
// direct reads are used: a follower may answer with what it knew earlier.
type api struct {
	nc      *nats.Conn
	prefix  string // "$JS.API." or a domain's
	stream  string
	timeout time.Duration
}

// request sends v as JSON and decodes the answer into out. An error object in
// the answer is returned as *apiError.
func (a *api) request(ctx context.Context, verb string, v, out any) error {
	var body []byte
	if v != nil {
		var err error
		if body, err = json.Marshal(v); err != nil {
			return fmt.Errorf("%s: %w", verb, err)
		}
	}
	rctx, cancel := context.WithTimeout(ctx, a.timeout)
	defer cancel()
	msg, err := a.nc.RequestWithContext(rctx, a.prefix+verb+"."+a.stream, body)
	if err != nil {
		return fmt.Errorf("%s of stream %s: %w", verb, a.stream, err)
	}
	var failed struct {
		Error *apiError `json:"error"`
	}
	if err = json.Unmarshal(msg.Data, &failed); err != nil {
		return fmt.Errorf("%s of stream %s: answer: %w", verb, a.stream, err)
	}
	if failed.Error != nil {
		return fmt.Errorf("%s of stream %s: %w", verb, a.stream, failed.Error)
	}
	if out == nil {
		return nil
	}
	if err = json.Unmarshal(msg.Data, out); err != nil {
		return fmt.Errorf("%s of stream %s: answer: %w", verb, a.stream, err)
	}
	return nil
}

func (a *api) info(ctx context.Context) (*streamAnswer, error) {
	var out streamAnswer
	return &out, a.request(ctx, "STREAM.INFO", nil, &out)
}

// holes asks for the sequences that are missing between first and last.
func (a *api) holes(ctx context.Context) ([]uint64, error) {
	var out streamAnswer
	err := a.request(ctx, "STREAM.INFO", map[string]bool{"deleted_details": true}, &out)
	return out.State.Deleted, err
}

func (a *api) create(ctx context.Context, c *streamConfig) (*streamAnswer, error) {
	var out streamAnswer
	return &out, a.request(ctx, "STREAM.CREATE", c, &out)
}

func (a *api) remove(ctx context.Context) error {
	return a.request(ctx, "STREAM.DELETE", nil, nil)
}

// purge drops every message before seq. When the stream ends before seq - 1 it
// is moved on, empty, so that its next message has seq.
func (a *api) purge(ctx context.Context, seq uint64) error {
	return a.request(ctx, "STREAM.PURGE", map[string]uint64{"seq": seq}, nil)
}

// message reads one message through the leader.
func (a *api) message(ctx context.Context, seq uint64) (*storedMessage, error) {
	var out struct {
		Message struct {
			Subject string `json:"subject"`
			Seq     uint64 `json:"seq"`
			Header  string `json:"hdrs"`
		} `json:"message"`
	}
	if err := a.request(ctx, "STREAM.MSG.GET", map[string]uint64{"seq": seq}, &out); err != nil {
		return nil, err
	}
	raw, err := base64.StdEncoding.DecodeString(out.Message.Header)
	if err != nil {
		return nil, fmt.Errorf("message %d of stream %s: headers: %w", seq, a.stream, err)
	}
	m := &storedMessage{Subject: out.Message.Subject, Seq: out.Message.Seq}
	if len(raw) > 0 {
		if m.Header, err = nats.DecodeHeadersMsg(raw); err != nil {
			return nil, fmt.Errorf("message %d of stream %s: headers: %w", seq, a.stream, err)
		}
	}
	return m, nil
}
