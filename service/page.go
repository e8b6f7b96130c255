package service

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/bus"
	"github.com/moneyprinter/holdfast/position"
	"github.com/moneyprinter/holdfast/projector"
)

// A list by request is whole or says that it is not. Its headers say which
// ([bus.HeaderComplete]) and how to go on ([bus.HeaderNext], which is the member
// "after" of the next request). A request with limit or after gets pages; one with
// neither gets the whole list or, where it would exceed maxReply, code 413, because its
// client may not look at the headers. history and position.lots answer in pages always:
// there are programs that read no headers and count rows.

// page is the answer to a request for a list, while it is made.
type page struct {
	asked  *Page
	limit  int
	body   []byte
	n      int
	cursor func() string // of the last row
	more   bool          // rows are left that are not in the answer
}

func newPage(asked *Page) *page {
	p := &page{asked: asked, limit: math.MaxInt, body: []byte{'['}}
	if asked.paged() {
		asked.bound()
		p.limit = asked.Limit
	}
	return p
}

// add appends a row, unless the page is full, which it reports by false. The first
// row is added however long it is, so that every page gets on.
func (p *page) add(row func([]byte) []byte, cursor func() string) bool {
	if p.n == p.limit {
		p.more = true
		return false
	}
	end := len(p.body)
	if p.n > 0 {
		p.body = append(p.body, ',')
	}
	if p.body = row(p.body); len(p.body) > maxReply && p.n > 0 {
		p.body, p.more = p.body[:end], true
		return false
	}
	p.n++
	p.cursor = cursor
	return true
}

func (p *page) addPosition(pos *position.Position, cursor func() string) bool {
	return p.add(func(b []byte) []byte { return position.AppendPositionJSON(b, fewLots(pos)) }, cursor)
}

// addValue adds a row that encoding/json writes.
func (p *page) addValue(v any, cursor func() string) bool {
	return p.add(func(b []byte) []byte {
		row, err := json.Marshal(v)
		if err != nil { // our own types marshal
			panic(fmt.Sprintf("service: encode reply: %v", err))
		}
		return append(b, row...)
	}, cursor)
}

// end returns the answer. less says how to ask for less, "" where that cannot be.
func (p *page) end(less string) (bus.Reply, error) {
	if p.more && !p.asked.paged() {
		if less != "" {
			less += ", or "
		}
		return bus.Reply{}, &bus.Error{Code: "413", Text: "the reply would exceed 1 MB: " + less + "ask for pages, with limit and then after"}
	}
	next := ""
	if p.more {
		next = p.cursor()
	}
	return bus.Reply{Body: append(p.body, ']'), Header: listHeader(p.more, next)}, nil
}

// known is end for a list that may be empty because the filter names what the
// newest view of the ledger has never seen.
func (p *page) known(newest func() *projector.View, f holdfast.Filter, less string) (bus.Reply, error) {
	if p.n == 0 {
		if err := holdfast.Known(newest(), f); err != nil {
			return bus.Reply{}, coded(err)
		}
	}
	return p.end(less)
}

// listHeader are the headers of a list's answer.
func listHeader(more bool, next string) nats.Header {
	h := nats.Header{bus.HeaderComplete: {strconv.FormatBool(!more)}}
	if more {
		h[bus.HeaderNext] = []string{next}
	}
	return h
}

// cursor joins the parts of a place in a list to one text that a header can carry.
func cursor(parts ...string) string {
	for i, part := range parts {
		parts[i] = bus.Token(part)
	}
	return strings.Join(parts, ".")
}

func keyCursor(k position.Key) string { return cursor(k.Account, k.Instrument, k.Strategy, k.Leg) }
