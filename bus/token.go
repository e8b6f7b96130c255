package bus

import (
	"fmt"
	"strings"
)

// emptyToken stands for the empty string, because a subject may not hold an
// empty token. The text "_" itself is therefore written as "=5F".
const emptyToken = "_"

// streamPrefix precedes the token of the ledger in the name of its stream.
const streamPrefix = "HOLDFAST_"

// Roots of the three subject trees. The version is a token of its own so that a
// later form of the body can live beside this one.
const (
	eventRoot = "holdfast.evt.v1."
	opsRoot   = "holdfast.ops.v1."
	apiRoot   = "holdfast.api.v1."
)

const upperHex = "0123456789ABCDEF"

// Token returns s as one token of a NATS subject: ASCII without dots, wildcards,
// spaces and control bytes. Letters, digits and the bytes - _ : @ + stand for
// themselves, every other byte becomes =XX with two upper-case hex digits, and
// the empty string becomes "_". Different strings give different tokens, and
// ParseToken turns each of them back. A token is at most three times as long as
// the string (one byte for the empty one).
func Token(s string) string {
	if s == "" {
		return emptyToken
	}
	escapes := 0
	for i := range len(s) {
		if !plain(s[i]) {
			escapes++
		}
	}
	if s == emptyToken {
		return "=5F"
	}
	if escapes == 0 {
		return s
	}
	var b strings.Builder
	b.Grow(len(s) + 2*escapes)
	for i := range len(s) {
		c := s[i]
		if plain(c) {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('=')
		b.WriteByte(upperHex[c>>4])
		b.WriteByte(upperHex[c&15])
	}
	return b.String()
}

// ParseToken returns the string that Token made the token from. A token that
// Token never makes (an empty one, a byte that had to be escaped, an escape
// that was not needed, lower-case hex digits) is refused with ErrToken, so that
// two subjects never mean the same key.
func ParseToken(token string) (string, error) {
	if token == emptyToken {
		return "", nil
	}
	var b strings.Builder
	b.Grow(len(token))
	for i := 0; i < len(token); i++ {
		c := token[i]
		if c != '=' {
			if !plain(c) {
				return "", fmt.Errorf("%w: byte %#02x at %d is not escaped", ErrToken, c, i)
			}
			b.WriteByte(c)
			continue
		}
		if len(token)-i < 3 {
			return "", fmt.Errorf("%w: cut escape at %d", ErrToken, i)
		}
		high, low := strings.IndexByte(upperHex, token[i+1]), strings.IndexByte(upperHex, token[i+2])
		if high < 0 || low < 0 {
			return "", fmt.Errorf("%w: bad escape at %d", ErrToken, i)
		}
		b.WriteByte(upperByte(high, low))
		i += 2
	}
	// One check covers every form that is readable but not the one Token makes.
	s := b.String()
	if s == "" || Token(s) != token {
		return "", fmt.Errorf("%w: not in canonical form", ErrToken)
	}
	return s, nil
}

// upperByte joins the values of two hex digits, each below 16.
func upperByte(high, low int) byte { return byte(high<<4 | low) }

// plain says whether a byte stands for itself in a token. The set is small on
// purpose: it is safe in subjects, in stream names and in the file names that a
// server makes of stream names.
func plain(c byte) bool {
	switch {
	case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9':
		return true
	default:
		return c == '-' || c == '_' || c == ':' || c == '@' || c == '+'
	}
}

// StreamName returns the name of the JetStream stream of a ledger.
func StreamName(ledger string) string { return streamPrefix + Token(ledger) }

// EventSubject returns the subject of a change: the ledger, the kind of the
// change, the account and the instrument, each as one token. A record without
// an account or an instrument has "_" in that place.
func EventSubject(ledger, kind, account, instrument string) string {
	return eventRoot + Token(ledger) + "." + Token(kind) + "." + Token(account) + "." + Token(instrument)
}

// ParseEventSubject splits the subject of a change into what EventSubject was
// given.
func ParseEventSubject(subject string) (ledger, kind, account, instrument string, err error) {
	rest, ok := strings.CutPrefix(subject, eventRoot)
	tokens := strings.Split(rest, ".")
	if !ok || len(tokens) != 4 {
		return "", "", "", "", fmt.Errorf("%w: %q is not the subject of a change", ErrToken, subject)
	}
	var parts [4]string
	for i, token := range tokens {
		if parts[i], err = ParseToken(token); err != nil {
			return "", "", "", "", err
		}
	}
	return parts[0], parts[1], parts[2], parts[3], nil
}

// OpsSubject returns the subject of an operations event. Dots in what, as in
// "backup.created", separate tokens; each of them is escaped by itself.
func OpsSubject(ledger, what string) string {
	return opsRoot + Token(ledger) + "." + dotted(what)
}

// RequestSubject returns the subject on which a ledger answers the requests of
// an endpoint such as "position.get".
func RequestSubject(ledger, endpoint string) string {
	return apiRoot + Token(ledger) + "." + dotted(endpoint)
}

// EventFilter returns the subject that matches every change of a ledger.
func EventFilter(ledger string) string { return eventRoot + Token(ledger) + ".>" }

// OpsFilter returns the subject that matches every operations event of a ledger.
func OpsFilter(ledger string) string { return opsRoot + Token(ledger) + ".>" }

// dotted escapes each of the dot-separated parts of a name by itself.
func dotted(name string) string {
	parts := strings.Split(name, ".")
	for i, part := range parts {
		parts[i] = Token(part)
	}
	return strings.Join(parts, ".")
}
