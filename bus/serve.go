package bus

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/micro"
)

// ServiceName is the name of the NATS service that answers requests; it is what
// `nats micro info` takes.
const ServiceName = "holdfast"

// Codes of errors that Serve gives by itself. Handlers have codes of their own.
const (
	CodeInternal = "internal"    // the handler failed without a code
	CodeTooLarge = "too_large"   // the request has more bytes than the endpoint takes
	CodeBadReply = "bad_reply"   // the answer was wanted on a subject that is not an inbox
	CodeStopping = "stopping"    // the service is being stopped
	CodeNoAnswer = "unavailable" // given by Request: nobody answers on the subject
)

const (
	defaultConcurrency = 128
	defaultMaxRequest  = 1 << 20
	pendingRequests    = 4096     // per endpoint, waiting for a free handler
	begunRequests      = 4096     // per endpoint, waiting for their answers
	pendingBytes       = 64 << 20 // the same, in bytes
	apartRequests      = 4096     // see Endpoint.Apart
	apartBytes         = 4 << 10  // of one of them
	stopPatience       = 5 * time.Second
	maxErrorText       = 4096
)

// An Endpoint answers the requests on RequestSubject(ledger, Name).
type Endpoint struct {
	Name string // such as "position.get"

	// Handle answers a request. An *Error in its error's chain gives code and
	// text of the answer. The body is its own; ctx ends when the service is
	// stopped and has no patience left.
	Handle func(ctx context.Context, body []byte) ([]byte, error)

	// Answer is Handle for answers that have headers; it is used where it is set.
	Answer func(ctx context.Context, body []byte) (Reply, error)

	// Begin, where it is set, is given a request before Answer is, in the goroutine
	// that takes requests off the connection: those of one connection in the order in
	// which they were sent. It returns what waits for the answer; waits are called one
	// after the other in the order of the requests, so one must not take longer than
	// those before it. nil leaves the request to Answer. It must not wait for long.
	Begin func(ctx context.Context, body []byte) (wait func(ctx context.Context) (Reply, error))

	// Quick, where it is set, is asked before Answer and Begin in the same goroutine,
	// and must not wait for anything. Its answer may lie in memory that it uses again.
	// false leaves the request to them.
	Quick func(body []byte) (Reply, bool)

	// Apart picks, of the short ones, requests that mostly wait, such as for one
	// another: they take no place of those that Concurrency counts, where they would
	// hold up the rest. It may be nil.
	Apart func(body []byte) bool

	Concurrency int // requests handled at once; 0 is 128. More wait in order, some thousands at most
	MaxRequest  int // bytes of a request; 0 is 1 MiB
}

// A Reply is the answer to a request that did not end with an error.
type Reply struct {
	Body   []byte
	Header nats.Header // may be nil
	// Short is the body where Body is larger than the server takes; nil: that is an
	// error then.
	Short []byte
}

// Headers of the answer to a request for a list. A list without them is of a
// daemon that did not know them yet.
const (
	// HeaderComplete is "true" when the list ends with what the answer holds, and
	// "false" when there may be more.
	HeaderComplete = "Holdfast-Complete"
	// HeaderNext is what asks for the rest as the member "after" of the same
	// request; only an answer that is not complete has it.
	HeaderNext = "Holdfast-Next"
)

// An Error is what a request is answered with instead of a result: a code for
// programs and a text for people.
type Error struct {
	Code string `json:"code"`
	Text string `json:"text"`
}

// Error gives both.
func (e *Error) Error() string { return e.Code + ": " + e.Text }

// service is what runs between Serve and its stop.
type service struct {
	nc     *nats.Conn
	micro  micro.Service
	ctx    context.Context //nolint:containedctx // the life of the service, made and ended by it
	cancel context.CancelFunc
	ended  chan struct{} // closed when no request is at work any more, and none is taken
	once   sync.Once

	mu       sync.Mutex // guards stopping, and wg.Add against wg.Wait
	stopping bool
	wg       sync.WaitGroup // handlers at work
}

// Serve answers requests on nc until stop is called or nc is closed. It is a
// NATS service in the sense of `nats micro`: several daemons must not serve one
// ledger, they would share its requests. Version is shown to whoever lists the
// service; what is not a semantic version is shown as 0.0.0.
//
// stop takes no new requests, lets those at work finish for a few seconds, then
// ends their context and waits for them. It may be called twice.
func Serve(nc *nats.Conn, ledger, version string, endpoints []Endpoint) (stop func(), err error) {
	if nc == nil {
		return nil, ErrNoConnection
	}
	metadata := map[string]string{"ledger": ledger, "version": version}
	if !semver.MatchString(version) {
		version = "0.0.0"
	}
	m, err := micro.AddService(nc, micro.Config{
		Name: ServiceName, Version: version, Metadata: metadata,
		Description: "requests to Holdfast ledger " + ledger,
	})
	if err != nil {
		return nil, fmt.Errorf("serve: %w", err)
	}
	s := &service{nc: nc, micro: m, ended: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	for _, e := range endpoints {
		name := strings.ReplaceAll(e.Name, ".", "-")
		err = m.AddEndpoint(name, s.dispatcher(&e),
			micro.WithEndpointSubject(RequestSubject(ledger, e.Name)),
			micro.WithEndpointPendingLimits(pendingRequests, pendingBytes))
		if err != nil {
			s.stop()
			return nil, fmt.Errorf("serve %s: %w", e.Name, err)
		}
	}
	// A request that is sent when this has returned finds somebody. Without a
	// connection nobody is found anyway; the subscriptions follow when it is back.
	_ = nc.FlushTimeout(flushPatience)
	return s.stop, nil
}

// flushPatience bounds the wait for the server to know the subscriptions.
const flushPatience = 2 * time.Second

// semver is the form that a service's version must have.
var semver = regexp.MustCompile(`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z-]+)?(\+[0-9A-Za-z.-]+)?$`)

// server is what serves one endpoint.
type server struct {
	*service

	endpoint *Endpoint
	largest  int
	answer   func(ctx context.Context, body []byte) (Reply, error)
	places   chan struct{} // of requests handled at once
	apart    chan struct{} // of those that mostly wait
	begun    chan begun    // what waits for its answer, in order; nil without Begin
}

// begun is a request whose answer is awaited.
type begun struct {
	reply string
	wait  func(ctx context.Context) (Reply, error)
}

// dispatcher returns what takes the requests of an endpoint off its
// subscription.
func (s *service) dispatcher(e *Endpoint) micro.HandlerFunc {
	limit, largest := e.Concurrency, e.MaxRequest
	if limit <= 0 {
		limit = defaultConcurrency
	}
	if largest <= 0 {
		largest = defaultMaxRequest
	}
	v := &server{
		service: s, endpoint: e, largest: largest, answer: e.Answer,
		places: make(chan struct{}, limit), apart: make(chan struct{}, apartRequests),
	}
	if v.answer == nil {
		v.answer = func(ctx context.Context, body []byte) (Reply, error) {
			b, err := e.Handle(ctx, body)
			return Reply{Body: b}, err
		}
	}
	if e.Begin != nil {
		v.begun = make(chan begun, begunRequests)
		go v.answerInOrder()
	}
	return v.take
}

// take takes one request.
func (v *server) take(req micro.Request) {
	reply, body := req.Reply(), req.Data()
	switch {
	case !inbox(reply):
		return
	case len(body) > v.largest:
		v.refuse(reply, CodeTooLarge, fmt.Sprintf("request has %d bytes, at most %d are taken", len(body), v.largest))
		return
	case !v.enter():
		v.refuseStopping(reply)
		return
	case v.quick(reply, body) || v.begin(reply, body):
		return
	}
	v.wg.Done() // a place may be long in coming, and stop does not wait for that
	v.handle(reply, body)
}

// quick answers a request at once, if its endpoint can.
func (v *server) quick(reply string, body []byte) bool {
	if v.endpoint.Quick == nil {
		return false
	}
	done := false
	v.guarded(reply, func() {
		var r Reply
		if r, done = v.endpoint.Quick(body); done {
			v.deliver(reply, r)
		}
	}, func() { done = true })
	if done {
		v.wg.Done()
	}
	return done
}

// begin begins a request, if its endpoint does that with it.
func (v *server) begin(reply string, body []byte) bool {
	if v.begun == nil {
		return false
	}
	b, done := begun{reply: reply}, false
	v.guarded(reply, func() { b.wait = v.endpoint.Begin(v.ctx, body) }, func() { done = true })
	switch {
	case b.wait != nil:
		v.begun <- b
		return true
	case done:
		v.wg.Done()
	}
	return done
}

// answerInOrder answers what was begun until the service ends: then nothing is left.
func (v *server) answerInOrder() {
	for {
		select {
		case b := <-v.begun:
			v.respond(b.reply, func() (Reply, error) { return b.wait(v.ctx) })
			v.wg.Done()
		case <-v.ended:
			return
		}
	}
}

// handle gives a request a goroutine, as long as there are places; without one the
// subscription waits, and its bounded queue fills.
func (v *server) handle(reply string, body []byte) {
	place := v.places
	if v.endpoint.Apart != nil && len(body) <= apartBytes && v.endpoint.Apart(body) {
		place = v.apart
	}
	place <- struct{}{}
	if !v.enter() {
		<-place
		v.refuseStopping(reply)
		return
	}
	go func() {
		defer func() { <-place; v.wg.Done() }()
		v.respond(reply, func() (Reply, error) { return v.answer(v.ctx, body) })
	}()
}

// inbox says whether an answer may be sent to a subject. The server lets a
// client name any subject for the answer, also one that it may not publish on
// itself; so that nobody uses our rights to speak in our name, subjects with a
// meaning are not answered to.
func inbox(reply string) bool {
	return reply != "" && !strings.HasPrefix(reply, "holdfast.") && !strings.HasPrefix(reply, "$")
}

func (s *service) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return false
	}
	s.wg.Add(1)
	return true
}

// respond answers with what a handler makes of a request.
//
// It answers past the request value: that notes an error in itself, and the
// service, which has long returned from the handler, reads it at the same time.
// So the statistics of the service count requests, not errors.
func (s *service) respond(reply string, handle func() (Reply, error)) {
	s.guarded(reply, func() {
		result, err := handle()
		if err == nil {
			s.deliver(reply, result)
			return
		}
		if known, ok := errors.AsType[*Error](err); ok {
			s.refuse(reply, known.Code, known.Text)
			return
		}
		s.refuse(reply, CodeInternal, err.Error())
	}, func() {})
}

// guarded makes a panic of do an error of this request only.
func (s *service) guarded(reply string, do, panicked func()) {
	defer func() {
		if v := recover(); v != nil {
			panicked()
			s.refuse(reply, CodeInternal, fmt.Sprintf("handler panicked: %v", v))
		}
	}()
	do()
}

func (s *service) refuseStopping(reply string) {
	s.refuse(reply, CodeStopping, "the ledger is being closed")
}

// deliver publishes a result. One that the server would not take is an error for
// who asked, who would wait for it in vain.
func (s *service) deliver(reply string, r Reply) {
	room := s.nc.MaxPayload() - headerRoom
	for name, values := range r.Header {
		for _, v := range values {
			room -= int64(len(name) + len(v) + len(": \r\n"))
		}
	}
	if int64(len(r.Body)) > room && r.Short != nil {
		r.Body = r.Short
	}
	if int64(len(r.Body)) > room {
		s.refuse(reply, CodeTooLarge, fmt.Sprintf("the answer has %d bytes, the server takes %d with headers: ask for less, or raise its max_payload", len(r.Body), s.nc.MaxPayload()))
		return
	}
	s.send(&nats.Msg{Subject: reply, Data: r.Body, Header: r.Header})
}

// send publishes an answer. Nobody is there to be told when that fails: whoever
// asked has no connection, and sees a timeout.
func (s *service) send(m *nats.Msg) { _ = s.nc.PublishMsg(m) }

// refuse answers with an error: in the headers of NATS services, and as a body
// for tools that show bodies only.
func (s *service) refuse(reply, code, text string) {
	if code == "" {
		code = CodeInternal
	}
	if text == "" {
		text = code
	}
	if len(text) > maxErrorText {
		text = strings.ToValidUTF8(text[:maxErrorText], "") + "…"
	}
	body, err := json.Marshal(map[string]Error{"error": {Code: code, Text: text}})
	if err != nil {
		body = nil // strings always marshal
	}
	s.send(&nats.Msg{
		Subject: reply, Data: body,
		Header: nats.Header{micro.ErrorHeader: {oneLine(text)}, micro.ErrorCodeHeader: {oneLine(code)}},
	})
}

// oneLine makes a text fit for a header.
func oneLine(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return ' '
		}
		return c
	}, s)
}

func (s *service) stop() {
	s.once.Do(func() {
		// An error here means that the connection is gone, and with it the requests.
		_ = s.micro.Stop()
		s.mu.Lock()
		s.stopping = true
		s.mu.Unlock()
		idle := make(chan struct{})
		go func() { s.wg.Wait(); close(idle) }()
		patience := time.NewTimer(stopPatience)
		defer patience.Stop()
		select {
		case <-idle:
		case <-patience.C:
			s.cancel()
			<-idle
		}
		s.cancel()
		close(s.ended)
	})
}

// Request asks an endpoint of a ledger and waits for the answer until ctx ends.
// An answer that is an error is returned as *Error.
func Request(ctx context.Context, nc *nats.Conn, ledger, endpoint string, body []byte) ([]byte, error) {
	r, err := Ask(ctx, nc, ledger, endpoint, body)
	return r.Body, err
}

// Ask is [Request] for who needs the headers of the answer as well.
func Ask(ctx context.Context, nc *nats.Conn, ledger, endpoint string, body []byte) (Reply, error) {
	if nc == nil {
		return Reply{}, ErrNoConnection
	}
	msg, err := nc.RequestWithContext(ctx, RequestSubject(ledger, endpoint), body)
	if errors.Is(err, nats.ErrNoResponders) {
		return Reply{}, &Error{Code: CodeNoAnswer, Text: "no daemon answers for ledger " + ledger + " on " + endpoint}
	}
	if err != nil {
		return Reply{}, fmt.Errorf("request %s: %w", endpoint, err)
	}
	if code := msg.Header.Get(micro.ErrorCodeHeader); code != "" {
		failed := struct {
			Error *Error `json:"error"`
		}{}
		if json.Unmarshal(msg.Data, &failed) == nil && failed.Error != nil {
			return Reply{}, failed.Error
		}
		return Reply{}, &Error{Code: code, Text: msg.Header.Get(micro.ErrorHeader)}
	}
	return Reply{Body: msg.Data, Header: msg.Header}, nil
}
