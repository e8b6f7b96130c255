package mapping

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed/internal/tabular"
	"github.com/moneyprinter/holdfast/position"
)

// key reads the key of a fill.
func (r *rows) key(p *plan, cells []string, k *position.Key) error {
	for i, x := range [...]*string{account: &k.Account, instrument: &k.Instrument, strategy: &k.Strategy, leg: &k.Leg} {
		var err error
		if *x, err = p.from[i].text(cells); err != nil {
			return &tabular.MemberError{Field: r.names[i], Err: err}
		}
	}
	return nil
}

// number reads a member that is one.
func (r *rows) number(p *plan, i int, cells []string) (amount, error) {
	if !p.from[i].bound {
		return amount{}, nil
	}
	a, err := p.from[i].number(cells, r.mapping.file.numbers)
	if err != nil {
		return a, &tabular.MemberError{Field: r.names[i], Err: err}
	}
	return a, nil
}

// time reads the time of a row.
func (r *rows) time(p *plan, i int, cells []string) (position.Time, error) {
	text, err := p.from[i].text(cells)
	if err != nil {
		return 0, &tabular.MemberError{Field: r.names[i], Err: err}
	}
	if !p.from[i].bound || text == "" && p.typ == "" {
		return 0, nil
	}
	c := r.clock
	if r.zone.bound {
		if c.Zone, err = r.zoneOf(cells); err != nil {
			return 0, &tabular.MemberError{Field: r.names[i], Err: err}
		}
	}
	at, err := c.Parse(text)
	if err != nil {
		return 0, &tabular.MemberError{Field: r.names[i], Err: err}
	}
	return at, nil
}

// zoneOf returns the zone that a row names.
func (r *rows) zoneOf(cells []string) (*time.Location, error) {
	name, err := r.zone.text(cells)
	if err != nil {
		return nil, err
	}
	zone, known := r.zones[name]
	if !known {
		if zone, err = tabular.ParseZone(name); err != nil {
			return nil, fmt.Errorf("has a zone that %w", err)
		}
		r.zones[name] = zone
	}
	return zone, nil
}

// value returns the text that the JSON form has for a member, "" for none.
func (r *rows) value(p *plan, i int, cells []string) (string, error) {
	switch name := r.names[i]; {
	case i == side:
		text, err := p.from[i].text(cells)
		if err != nil || text == "" {
			return text, err
		}
		s, err := tabular.ParseSide(text)
		return s.String(), err
	case i == when || name == "opened":
		t, err := r.time(p, i, cells)
		if text, _ := p.from[i].text(cells); t == 0 || text == "" {
			return "", err
		}
		return t.String(), err
	case numeric(name) && (r.mapping.file.numbers != numbers{} || len(p.from[i].terms) != 1 || p.from[i].signed):
		a, err := r.number(p, i, cells)
		if err != nil || !a.given {
			return "", err
		}
		return a.value.String(), nil
	case name == kindMember:
		text, err := p.from[i].text(cells)
		return strings.ToLower(text), err
	}
	text, err := p.from[i].text(cells)
	if err != nil {
		return "", &tabular.MemberError{Field: r.names[i], Err: err}
	}
	if p.typ != "" && r.names[i] == "currency" { // not of our own form
		text = coin(text)
	}
	return text, nil
}

// appendValue appends a cell as the value of a member.
func appendValue(b []byte, name, text string) ([]byte, error) {
	switch name {
	case "expect_version":
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return b, fmt.Errorf("%s is not a whole number", tabular.Clip(text))
		}
		return strconv.AppendUint(b, n, 10), nil
	case "reduce_only":
		v, err := strconv.ParseBool(strings.ToLower(text))
		if err != nil {
			return b, fmt.Errorf("%s is neither true nor false", tabular.Clip(text))
		}
		return strconv.AppendBool(b, v), nil
	case "stop":
		if text == "null" {
			return append(b, text...), nil
		}
	case "lot", "lots", "targets", "tags", "metadata", "rounding":
		if text[0] != '{' && text[0] != '[' {
			if name == "lot" { // or the id of one
				break
			}
			return b, fmt.Errorf("%s is no JSON: a list stands in its cell as [\"a\",\"b\"], an object as {\"a\":\"b\"}", tabular.Clip(text))
		}
		if !utf8.ValidString(text) || !json.Valid([]byte(text)) {
			return b, fmt.Errorf("%s is neither a text nor JSON", tabular.Clip(text))
		}
		return append(b, text...), nil
	}
	return appendText(b, text)
}

func appendText(b []byte, text string) ([]byte, error) {
	if !utf8.ValidString(text) {
		return b, errors.New("is not valid UTF-8")
	}
	quoted, err := json.Marshal(text)
	return append(b, quoted...), err
}
