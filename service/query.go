package service

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/nats-io/nats.go"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
	"github.com/moneyprinter/holdfast/report"
)

// historyLimit is the default and the largest number of changes, or of lots, in
// one reply.
const historyLimit = 1000

// query is what a request asks for. Which members an endpoint takes says [takes];
// all of them are optional.
type query struct {
	Account, Instrument, Strategy, Leg string
	NoStrategy, NoLeg                  bool // the member is null: keys without one

	All     bool   // flat positions too
	At      string // RFC 3339 time or seq; of history the last one
	Event   string // RFC 3339 event time; At is then what was known
	From    string // first seq or time
	Limit   int    // rows of a page; more than historyLimit is that, 0 says nothing
	After   string // where the page before ended: its Holdfast-Next
	Lots    int    // how many to pass over
	Records bool   // also what belongs to no position
	Deep    bool

	By    string            // account (default), instrument or strategy
	In    string            // currency to convert into
	Rates map[string]string // what one unit of another currency is worth in it

	header nats.Header // of the answer
	short  []byte      // see [bus.Reply]
}

// endpointsWithMembers are the endpoints whose requests have members, in the
// order in which they are recommended to who used a member elsewhere.
func endpointsWithMembers() []string {
	return []string{
		"position.get", "position.list", "position.at", "position.cycles", "position.lots", "history", "summary", "account.list", "backup.list", "verify",
	}
}

// takes lists the members of an endpoint's requests. All others are refused: an
// answer that passed over a member would be taken for the answer to it.
func takes(endpoint string) []string {
	switch endpoint {
	case "position.get":
		return []string{"account", "instrument", "strategy", "leg"}
	case "position.cycles":
		return []string{"account", "instrument", "strategy", "leg", "limit", "after"}
	case "position.lots":
		return []string{"account", "instrument", "strategy", "leg", "lots", "limit", "after"}
	case "position.list":
		return []string{"account", "instrument", "strategy", "leg", "all", "limit", "after"}
	case "position.at":
		return []string{"account", "instrument", "strategy", "leg", "all", "at", "event", "limit", "after"}
	case "history":
		return []string{"account", "instrument", "strategy", "leg", "from", "at", "limit", "after", "records"}
	case "summary":
		return []string{"account", "instrument", "strategy", "leg", "by", "in", "rates", "limit", "after"}
	case "account.list":
		return []string{"account", "limit", "after"}
	case "backup.list":
		return []string{"limit", "after"}
	case "verify":
		return []string{"deep"}
	}
	return nil
}

// notTaken says why an endpoint refuses a member, and where it belongs.
func notTaken(endpoint, name string) error {
	for _, other := range endpointsWithMembers() {
		if slices.Contains(takes(other), name) {
			return badRequest("%q is not a member of %s; %s takes it", name, endpoint, other)
		}
	}
	those := "it takes none"
	if list := takes(endpoint); len(list) > 0 {
		those = "those are " + strings.Join(list, ", ")
	}
	return badRequest("%.64q is not a member of %s: %s", name, endpoint, those)
}

func badRequest(format string, args ...any) error {
	return &bus.Error{Code: "400", Text: fmt.Sprintf(format, args...)}
}

// parseQuery reads a request to an endpoint: nothing, or one object of the
// members that it takes.
func parseQuery(endpoint string, body []byte) (query, error) {
	var q query
	if len(bytes.TrimSpace(body)) == 0 {
		return q, nil
	}
	err := eachMember("the request", body, func(name string, value []byte) error {
		if !slices.Contains(takes(endpoint), name) {
			return notTaken(endpoint, name)
		}
		return q.set(name, value)
	})
	return q, err
}

// eachMember calls do for the members of a JSON object. It is stricter than
// encoding/json, which takes members twice, in any case, and null for an object.
func eachMember(what string, text []byte, do func(name string, value []byte) error) error {
	d := json.NewDecoder(bytes.NewReader(text))
	var object json.RawMessage
	if err := d.Decode(&object); err != nil || !utf8.Valid(text) {
		return badRequest("%s is broken: expected one JSON object in UTF-8", what)
	}
	if object[0] != '{' {
		return badRequest("%s must be a JSON object, not %s", what, kindOf(object))
	}
	if len(bytes.TrimSpace(text[d.InputOffset():])) > 0 {
		return badRequest("%s has data after its JSON object, from byte %d on", what, d.InputOffset()+1)
	}
	d = json.NewDecoder(bytes.NewReader(object))
	seen := make(map[string]bool)
	// What follows cannot fail: the object is well formed.
	for _, err := d.Token(); err == nil && d.More(); {
		name, err := d.Token()
		if err != nil {
			return badRequest("%s is broken", what)
		}
		var value json.RawMessage
		if err = d.Decode(&value); err != nil {
			return badRequest("%s is broken", what)
		}
		member := fmt.Sprint(name)
		if seen[member] {
			return badRequest("%.64q is given twice", member)
		}
		seen[member] = true
		if err = do(member, value); err != nil {
			return err
		}
	}
	return nil
}

// kindOf names the kind of a well-formed JSON value.
func kindOf(value []byte) string {
	switch value[0] {
	case '"':
		return "a string"
	case '{':
		return "an object"
	case '[':
		return "an array"
	case 't', 'f':
		return "true or false"
	case 'n':
		return "null"
	}
	return "a number"
}

// set reads the value of one member.
func (q *query) set(name string, value []byte) error {
	texts := map[string]*string{
		"account": &q.Account, "instrument": &q.Instrument, "strategy": &q.Strategy, "leg": &q.Leg,
		"at": &q.At, "event": &q.Event, "from": &q.From, "after": &q.After, "by": &q.By, "in": &q.In,
	}
	bools := map[string]*bool{"all": &q.All, "records": &q.Records, "deep": &q.Deep}
	counts := map[string]*int{"lots": &q.Lots, "limit": &q.Limit}
	// "" selects all, as a member that is absent does.
	none := map[string]*bool{"strategy": &q.NoStrategy, "leg": &q.NoLeg}
	kind := kindOf(value)
	var wants string
	var err error
	switch {
	case none[name] != nil && kind == "null":
		*none[name] = true
		return nil
	case name == "rates":
		if kind != "an object" {
			return badRequest(`rates must be an object such as {"EUR":"1.08"}, not %s`, kind)
		}
		q.Rates = make(map[string]string)
		return eachMember("rates", value, func(currency string, rate []byte) error {
			var text string
			if kindOf(rate) != "a string" || json.Unmarshal(rate, &text) != nil {
				return badRequest("rates: the rate of %.64q must be a decimal in a string, not %s", currency, kindOf(rate))
			}
			q.Rates[currency] = text
			return nil
		})
	case texts[name] != nil:
		wants, err = "a string", json.Unmarshal(value, texts[name])
	case bools[name] != nil:
		wants, err = "true or false", json.Unmarshal(value, bools[name])
	default:
		n := counts[name]
		if err = json.Unmarshal(value, n); err != nil && kind == "a number" || *n < 0 {
			return badRequest("%s must be a whole number from 0 on, not %.40s", name, value)
		}
		wants = "a number"
	}
	if err != nil || kind != wants {
		return badRequest("%s must be %s, not %s", name, wants, kind)
	}
	return nil
}

func (q *query) key() position.Key {
	return position.Key{Account: q.Account, Instrument: q.Instrument, Strategy: q.Strategy, Leg: q.Leg}
}

func (q *query) filter() holdfast.Filter {
	return holdfast.Filter{
		Account: q.Account, Instrument: q.Instrument, Strategy: q.Strategy, Leg: q.Leg,
		NoStrategy: q.NoStrategy, NoLeg: q.NoLeg, Records: q.Records,
	}
}

// one returns the position of the key that a request names.
func (l *api) one(ctx context.Context, q *query) (position.Position, error) {
	key := q.key()
	switch {
	case q.NoStrategy || q.NoLeg:
		return position.Position{}, badRequest("strategy and leg cannot be null here: one that is absent is none")
	case key.Account == "" && key.Instrument == "":
		return position.Position{}, badRequest("account and instrument are missing: they name the position, with strategy and leg where it has them")
	case key.Account == "":
		return position.Position{}, badRequest("account is missing")
	case key.Instrument == "":
		return position.Position{}, badRequest("instrument is missing")
	}
	p, ok := l.Position(key)
	if !ok {
		free, err := l.views.take(ctx)
		if err != nil {
			return p, err
		}
		defer free()
		if err = holdfast.Known(l.View(), q.filter()); err != nil {
			return p, coded(err)
		}
		return p, coded(fmt.Errorf("%w: %s", holdfast.ErrUnknownPosition, key))
	}
	return p, nil
}

func (l *api) serveGet(ctx context.Context, q *query) ([]byte, error) {
	p, err := l.one(ctx, q)
	if err != nil {
		return nil, err
	}
	return position.AppendPositionJSON(nil, fewLots(&p)), nil
}

// serveCycles replies with the closed cycles of a key that are kept, oldest
// first.
func (l *api) serveCycles(ctx context.Context, q *query) ([]byte, error) {
	if _, err := l.one(ctx, q); err != nil {
		return nil, err
	}
	after, err := q.afterNumber()
	if err != nil {
		return nil, err
	}
	out := newPage(q)
	for _, p := range l.Cycles(q.key()) {
		if p.Cycle > after && !out.addPosition(&p, func() string { return strconv.FormatUint(p.Cycle, 10) }) {
			break
		}
	}
	return out.end("")
}

// serveAccounts replies with the totals of all accounts, or of one.
func (l *api) serveAccounts(_ context.Context, q *query) ([]byte, error) {
	after, err := q.afterTokens(1)
	if err != nil {
		return nil, err
	}
	v := l.View()
	all, err := report.AccountTotals(v)
	if err != nil {
		return nil, coded(err)
	}
	out := newPage(q)
	for i := range all {
		a := &all[i]
		if q.Account != "" && a.Account != q.Account || after != nil && a.Account <= after[0] {
			continue
		}
		if !out.addValue(a, func() string { return cursor(a.Account) }) {
			break
		}
	}
	return out.known(func() *projector.View { return v }, "select by account")
}

func (l *api) serveList(_ context.Context, q *query) ([]byte, error) {
	v := l.View()
	return listReply(v, func() *projector.View { return v }, q)
}

// serveAt replies with what was believed at a moment or, with an event time, with
// what was true then by what is known at that moment.
func (l *api) serveAt(ctx context.Context, q *query) ([]byte, error) {
	if q.At == "" && q.Event == "" {
		return nil, badRequest("at or event is missing: at is a seq or an RFC 3339 time such as 2026-01-02T03:04:05Z, event such a time")
	}
	at, err := moment("at", q.At)
	if err != nil {
		return nil, err
	}
	v, err := l.viewAt(ctx, q.Event, at)
	if err != nil {
		return nil, coded(err)
	}
	return listReply(v, l.View, q)
}

func (l *api) viewAt(ctx context.Context, event string, at holdfast.Moment) (*projector.View, error) {
	if event == "" {
		return l.AsOf(ctx, at)
	}
	e, err := position.ParseTime(event)
	if err != nil {
		return nil, renamed(err, "event")
	}
	v, _, err := l.AsOfEvent(ctx, e, at)
	return v, err
}

func (q *query) selects(p *position.Position) bool {
	return (q.All || p.IsOpen()) && q.filter().SelectsKey(p.Key)
}

// positions yields what a query selects of a view, behind a key if there is one.
func (q *query) positions(v *projector.View, after *position.Key) iter.Seq[position.Position] {
	return func(yield func(position.Position) bool) {
		from := position.Key{Account: q.Account} // before every key of the account
		if after != nil && after.Compare(from) > 0 {
			from = *after
		}
		for p := range v.PositionsAfter(from) {
			if q.Account != "" && p.Key.Account != q.Account {
				return
			}
			if q.selects(&p) && !yield(p) {
				return
			}
		}
	}
}

// listReply answers with what a query selects of a view; the newest one says which
// names are known.
func listReply(v *projector.View, newest func() *projector.View, q *query) ([]byte, error) {
	after, err := q.afterKey()
	if err != nil {
		return nil, err
	}
	out := newPage(q)
	for p := range q.positions(v, after) {
		if !out.addPosition(&p, func() string { return keyCursor(p.Key) }) {
			break
		}
	}
	return out.known(newest, "select by account, instrument, strategy or leg")
}

// serveHistory replies with at most limit changes from a point on. It always
// answers in pages, which go on behind the last seq.
func (l *api) serveHistory(ctx context.Context, q *query) ([]byte, error) {
	f := q.filter()
	var err error
	if f.From, err = moment("from", q.From); err != nil {
		return nil, err
	}
	if f.To, err = moment("at", q.At); err != nil {
		return nil, err
	}
	after, err := q.afterNumber()
	if err != nil {
		return nil, err
	}
	if q.After != "" {
		f.From.Seq = max(f.From.Seq, after+1)
	}
	q.bound()
	end, _ := l.Counts()
	if f.To.Seq != 0 {
		end = min(end, f.To.Seq)
	}
	out := newPage(q)
	for e, err := range l.History(ctx, f) {
		if err != nil {
			return nil, coded(err)
		}
		if !out.add(func(b []byte) []byte { return position.AppendChangeJSON(b, e.Stamp, &e.Change) },
			func() string { return strconv.FormatUint(e.Seq, 10) }) {
			break
		}
		// Looking for one more could read the rest of the journal.
		if out.n == q.Limit {
			out.more = e.Seq < end
			break
		}
	}
	return out.known(l.View, "")
}

// moment reads a member that names a seq or a time; "" is the zero moment.
func moment(name, text string) (holdfast.Moment, error) {
	if text == "" {
		return holdfast.Moment{}, nil
	}
	m, err := holdfast.ParseMoment(text)
	if err != nil {
		return m, coded(fmt.Errorf("%s: %w", name, err))
	}
	return m, nil
}

// renamed puts a member's name on an error of [position.ParseTime].
func renamed(err error, name string) error {
	if e, ok := errors.AsType[*position.FieldError](err); ok {
		return &position.FieldError{Field: name, Reason: e.Reason, Err: e.Err}
	}
	return err
}
