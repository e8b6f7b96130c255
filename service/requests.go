package service

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/position"
)

// The requests, one struct per endpoint. The JSON names of the fields are the members
// that the endpoint takes, in the order in which they are told; all of them are
// optional. A member that an endpoint does not take is refused: an answer that passed
// over it would be taken for the answer to it.
//
// A new endpoint needs its struct here, a line in [requests] if it has members, its
// handler and a line in handlers.

// PositionGet asks for one position.
type PositionGet struct{ Selection }

// PositionList asks for positions as they are.
type PositionList struct {
	Selection

	All bool `json:"all,omitempty"` // flat ones too
	Page
}

// PositionAt asks for positions as they were.
type PositionAt struct {
	Selection

	All   bool   `json:"all,omitempty"`
	At    string `json:"at,omitempty"`    // RFC 3339 time or seq
	Event string `json:"event,omitempty"` // RFC 3339 event time; At is then what was known
	Page
}

// PositionCycles asks for the closed cycles of a position.
type PositionCycles struct {
	Selection
	Page
}

// PositionLots asks for the lots of a position.
type PositionLots struct {
	Selection

	Lots int `json:"lots,omitempty"` // how many to pass over
	Page
}

// History asks for changes.
type History struct {
	Selection

	From string `json:"from,omitempty"` // first seq or time
	At   string `json:"at,omitempty"`   // the last one
	Page

	Records bool `json:"records,omitempty"` // also what belongs to no position
}

// Summary asks for sums of positions.
type Summary struct {
	Selection

	By    string `json:"by,omitempty"`    // account (default), instrument or strategy
	In    string `json:"in,omitempty"`    // currency to convert into
	Rates Rates  `json:"rates,omitempty"` // what one unit of another currency is worth in it
	Page
}

// AccountList asks for the totals of accounts.
type AccountList struct {
	Account string `json:"account,omitempty"`
	Page
}

// BackupList asks for the snapshots.
type BackupList struct{ Page }

// Verify asks for a verification.
type Verify struct {
	Deep bool `json:"deep,omitempty"`
}

// nothing is the request of an endpoint that takes no members.
type nothing struct{}

// endpointRequest is what an endpoint reads its requests into.
type endpointRequest struct {
	endpoint string
	zero     any
}

// requests are those with members, in the order in which their endpoints are
// recommended to who used a member elsewhere.
func requests() []endpointRequest {
	return []endpointRequest{
		{"position.get", PositionGet{}},
		{"position.list", PositionList{}},
		{"position.at", PositionAt{}},
		{"position.cycles", PositionCycles{}},
		{"position.lots", PositionLots{}},
		{"history", History{}},
		{"summary", Summary{}},
		{"account.list", AccountList{}},
		{"backup.list", BackupList{}},
		{"verify", Verify{}},
	}
}

// Selection selects keys.
type Selection struct {
	Account    string `json:"account,omitempty"`
	Instrument string `json:"instrument,omitempty"`
	Strategy   Part   `json:"strategy,omitzero"`
	Leg        Part   `json:"leg,omitzero"`
}

func (s *Selection) filter() holdfast.Filter {
	return holdfast.Filter{
		Account: s.Account, Instrument: s.Instrument, Strategy: s.Strategy.Name, Leg: s.Leg.Name,
		NoStrategy: s.Strategy.None, NoLeg: s.Leg.None,
	}
}

// key is the one key that is selected.
func (s *Selection) key() (position.Key, error) {
	key := position.Key{Account: s.Account, Instrument: s.Instrument, Strategy: s.Strategy.Name, Leg: s.Leg.Name}
	switch {
	case s.Strategy.None || s.Leg.None:
		return key, badRequest("strategy and leg cannot be null here: one that is absent is none")
	case key.Account == "" && key.Instrument == "":
		return key, badRequest("account and instrument are missing: they name the position, with strategy and leg where it has them")
	case key.Account == "":
		return key, badRequest("account is missing")
	case key.Instrument == "":
		return key, badRequest("instrument is missing")
	}
	return key, nil
}

// Part is a part of a key: "" selects all, as a member that is absent does.
type Part struct {
	Name string
	None bool // the member is null: keys without one
}

// MarshalJSON writes null for none.
func (p Part) MarshalJSON() ([]byte, error) {
	if p.None {
		return []byte("null"), nil
	}
	return json.Marshal(p.Name)
}

// Rates are what one unit of a currency is worth.
type Rates map[string]string

// Page says which part of a list is asked for.
type Page struct {
	Limit int    `json:"limit,omitempty"` // rows; more than historyLimit is that, 0 says nothing
	After string `json:"after,omitempty"` // where the page before ended: its Holdfast-Next
}

// Paging is the page that a request for a list asks for.
func (p *Page) Paging() *Page { return p }

// List is a request for a list.
type List interface{ Paging() *Page }

// paged reports whether the request asks for pages.
func (p *Page) paged() bool { return p.Limit > 0 || p.After != "" }

// bound fills in the limit.
func (p *Page) bound() {
	if p.Limit == 0 || p.Limit > historyLimit {
		p.Limit = historyLimit
	}
}

// afterTokens reads the parts of "after", nil where it is absent.
func (p *Page) afterTokens(n int) ([]string, error) {
	if p.After == "" {
		return nil, nil
	}
	parts := strings.Split(p.After, ".")
	ok := len(parts) == n
	for i, part := range parts {
		text, err := bus.ParseToken(part)
		ok = ok && err == nil
		parts[i] = text
	}
	if !ok {
		return nil, p.badAfter()
	}
	return parts, nil
}

func (p *Page) badAfter() error {
	return badRequest("after %.80q is no place in this list: give the %s of the page before", p.After, bus.HeaderNext)
}

func (p *Page) afterKey() (*position.Key, error) {
	parts, err := p.afterTokens(4)
	if parts == nil {
		return nil, err
	}
	return &position.Key{Account: parts[0], Instrument: parts[1], Strategy: parts[2], Leg: parts[3]}, nil
}

// afterNumber reads an "after" that is a number, 0 where it is absent.
func (p *Page) afterNumber() (uint64, error) {
	if p.After == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(p.After, 10, 63)
	if err != nil {
		return 0, p.badAfter()
	}
	return n, nil
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

func badRequest(format string, args ...any) error {
	return &bus.Error{Code: "400", Text: fmt.Sprintf(format, args...)}
}
