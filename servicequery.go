package holdfast

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

	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
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
	Limit   int    // 0 is historyLimit
	Lots    int    // how many to pass over
	Records bool   // also what belongs to no position
	Deep    bool

	By    string            // account (default), instrument or strategy
	In    string            // currency to convert into
	Rates map[string]string // what one unit of another currency is worth in it
}

// endpointsWithMembers are the endpoints whose requests have members, in the
// order in which they are recommended to who used a member elsewhere.
func endpointsWithMembers() []string {
	return []string{
		"position.get", "position.list", "position.at", "position.cycles", "position.lots", "history", "summary", "account.list", "verify",
	}
}

// takes lists the members of an endpoint's requests. All others are refused: an
// answer that passed over a member would be taken for the answer to it.
func takes(endpoint string) []string {
	switch endpoint {
	case "position.get", "position.cycles":
		return []string{"account", "instrument", "strategy", "leg"}
	case "position.lots":
		return []string{"account", "instrument", "strategy", "leg", "lots", "limit"}
	case "position.list":
		return []string{"account", "instrument", "strategy", "leg", "all"}
	case "position.at":
		return []string{"account", "instrument", "strategy", "leg", "all", "at", "event"}
	case "history":
		return []string{"account", "instrument", "strategy", "leg", "from", "at", "limit", "records"}
	case "summary":
		return []string{"account", "instrument", "strategy", "leg", "by", "in", "rates"}
	case "account.list":
		return []string{"account"}
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
		"at": &q.At, "event": &q.Event, "from": &q.From, "by": &q.By, "in": &q.In,
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

func (q *query) filter() Filter {
	return Filter{
		Account: q.Account, Instrument: q.Instrument, Strategy: q.Strategy, Leg: q.Leg,
		NoStrategy: q.NoStrategy, NoLeg: q.NoLeg, Records: q.Records,
	}
}

func (l *Ledger) serveGet(_ context.Context, q *query) ([]byte, error) {
	p, ok := l.Position(q.key())
	if !ok {
		return nil, coded(fmt.Errorf("%w: %s", ErrUnknownPosition, q.key()))
	}
	return position.AppendPositionJSON(nil, fewLots(&p)), nil
}

// serveCycles replies with the closed cycles of a key that are kept, oldest
// first.
func (l *Ledger) serveCycles(_ context.Context, q *query) ([]byte, error) {
	key := q.key()
	if _, ok := l.Position(key); !ok {
		return nil, coded(fmt.Errorf("%w: %s", ErrUnknownPosition, key))
	}
	return arrayReply(slices.Values(l.Cycles(key)))
}

// serveAccounts replies with the totals of all accounts, or of one.
func (l *Ledger) serveAccounts(_ context.Context, q *query) ([]byte, error) {
	all, err := AccountTotals(l.View())
	if q.Account != "" {
		all = slices.DeleteFunc(all, func(a AccountStatus) bool { return a.Account != q.Account })
	}
	b, err := reply(all, err)
	if len(b) > maxReply {
		return nil, tooLong("select by account")
	}
	return b, err
}

func (l *Ledger) serveList(_ context.Context, q *query) ([]byte, error) {
	return listReply(l.View(), q)
}

// serveAt replies with what was believed at a moment or, with an event time, with
// what was true then by what is known at that moment.
func (l *Ledger) serveAt(ctx context.Context, q *query) ([]byte, error) {
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
	return listReply(v, q)
}

func (l *Ledger) viewAt(ctx context.Context, event string, at Moment) (*projector.View, error) {
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

// positions yields what a query selects of a view.
func (q *query) positions(v *projector.View) iter.Seq[position.Position] {
	return func(yield func(position.Position) bool) {
		for p := range v.Positions() {
			if q.selects(&p) && !yield(p) {
				return
			}
		}
	}
}

func listReply(v *projector.View, q *query) ([]byte, error) { return arrayReply(q.positions(v)) }

func arrayReply(positions iter.Seq[position.Position]) ([]byte, error) {
	out := []byte{'['}
	for p := range positions {
		if len(out) > 1 {
			out = append(out, ',')
		}
		if out = position.AppendPositionJSON(out, fewLots(&p)); len(out) > maxReply {
			return nil, tooLong("select by account, instrument, strategy or leg")
		}
	}
	return append(out, ']'), nil
}

func tooLong(advice string) error {
	return &bus.Error{Code: "413", Text: "the reply would exceed 1 MB: " + advice}
}

// serveHistory replies with at most limit changes from a point on; the caller
// continues after the last seq it got.
func (l *Ledger) serveHistory(ctx context.Context, q *query) ([]byte, error) {
	f := q.filter()
	var err error
	if f.From, err = moment("from", q.From); err != nil {
		return nil, err
	}
	if f.To, err = moment("at", q.At); err != nil {
		return nil, err
	}
	q.bound()
	out, n := []byte{'['}, 0
	for e, err := range l.History(ctx, f) {
		if err != nil {
			return nil, coded(err)
		}
		end := len(out)
		if n > 0 {
			out = append(out, ',')
		}
		if out = position.AppendChangeJSON(out, e.Stamp, &e.Change); len(out) > maxReply {
			out = out[:end]
			break
		}
		if n++; n == q.Limit {
			break
		}
	}
	return append(out, ']'), nil
}

// moment reads a member that names a seq or a time; "" is the zero moment.
func moment(name, text string) (Moment, error) {
	if text == "" {
		return Moment{}, nil
	}
	m, err := ParseMoment(text)
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

// ParseMoment reads a seq, or a time as [position.ParseTime] does.
func ParseMoment(s string) (Moment, error) {
	if seq, err := strconv.ParseUint(s, 10, 64); err == nil {
		if seq == 0 {
			return Moment{}, fmt.Errorf("%w: seq 0: the first record is 1", ErrInvalid)
		}
		return Moment{Seq: seq}, nil
	}
	if digits := strings.TrimLeft(s, "0123456789"); digits == "" && s != "" {
		return Moment{}, fmt.Errorf("%w: seq %.40q is out of range", ErrInvalid, s)
	} else if !strings.HasPrefix(digits, "-") || len(digits) == len(s) {
		return Moment{}, fmt.Errorf("%w: %.40q is neither a seq nor an RFC 3339 time such as 2026-01-02T03:04:05Z", ErrInvalid, s)
	}
	at, err := position.ParseTime(s)
	return Moment{Time: at}, err
}
