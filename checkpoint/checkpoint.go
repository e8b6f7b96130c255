package checkpoint

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"golang.org/x/mod/sumdb/note"
)

// Bounds of what is read.
const (
	// MaxEarlier is how many earlier points a checkpoint has at most.
	MaxEarlier = 64
	// MaxNote is the longest note in bytes, signatures included.
	MaxNote = 32 << 10
	// maxName is the longest name of a ledger.
	maxName = 32
)

// Extension is what files of checkpoints end in.
const Extension = ".note"

var (
	// ErrMalformed is returned for bytes that are no checkpoint.
	ErrMalformed = errors.New("malformed")
	// ErrSignature is returned for a checkpoint that was altered after it was
	// signed, or that none of the given keys has signed.
	ErrSignature = errors.New("signature refused")
)

// Point is a place in a history: a seq and the chain value of its record.
type Point struct {
	Seq   uint64
	Chain [32]byte
}

// Checkpoint says what was true of a ledger.
type Checkpoint struct {
	Ledger uuid.UUID
	Name   string
	Point         // the newest record it vouches for
	Epoch  uint64 // of that record
	Time   int64  // of that record, Unix nanoseconds
	State  [32]byte
	// Earlier are points before it, ascending.
	Earlier []Point
}

// Points are all points of the checkpoint, ascending.
func (c *Checkpoint) Points() []Point {
	return append(slices.Clip(c.Earlier), c.Point)
}

const (
	origin    = "holdfast/"
	nameLine  = "name "
	epochLine = "epoch "
	timeLine  = "time "
	stateLine = "state "
	atLine    = "at "
)

// Text is the text that is signed. A checkpoint that breaks the bounds or the
// order gives [ErrMalformed].
func (c *Checkpoint) Text() (string, error) {
	text := c.text()
	if _, err := Parse(text); err != nil {
		return "", err
	}
	return text, nil
}

func (c *Checkpoint) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s%s\n%d\n%s\n", origin, c.Ledger, c.Seq, hash(c.Chain))
	fmt.Fprintf(&b, "%s%s\n%s%d\n", nameLine, c.Name, epochLine, c.Epoch)
	fmt.Fprintf(&b, "%s%s\n", timeLine, time.Unix(0, c.Time).UTC().Format(time.RFC3339Nano))
	if c.State != [32]byte{} {
		fmt.Fprintf(&b, "%s%s\n", stateLine, hash(c.State))
	}
	for _, p := range c.Earlier {
		fmt.Fprintf(&b, "%s%d %s\n", atLine, p.Seq, hash(p.Chain))
	}
	return b.String()
}

func hash(h [32]byte) string { return base64.StdEncoding.EncodeToString(h[:]) }

// Sign returns the note with a signature.
func (c *Checkpoint) Sign(by note.Signer) (*Note, error) {
	text, err := c.Text()
	if err != nil {
		return nil, err
	}
	b, err := note.Sign(&note.Note{Text: text}, by)
	if err != nil {
		return nil, fmt.Errorf("sign: %w", err)
	}
	return &Note{Checkpoint: *c, Raw: b, Keys: []string{keyName(by.Name(), by.KeyHash())}}, nil
}

// SignedBy reports whether the note is, byte for byte, what signing it with a
// key alone gives. Ed25519 signatures are deterministic, so that who holds the
// private key needs no other.
func (n *Note) SignedBy(by note.Signer) bool {
	again, err := n.Sign(by)
	return err == nil && string(again.Raw) == string(n.Raw)
}

// Parse reads a text. It is the reverse of [Checkpoint.Text].
func Parse(text string) (Checkpoint, error) {
	var c Checkpoint
	if len(text) > MaxNote {
		return c, bad("longer than %d bytes", MaxNote)
	}
	p := parser{rest: text}
	err := p.head(&c)
	for err == nil && p.rest != "" {
		err = p.at(&c)
	}
	if err != nil {
		return Checkpoint{}, err
	}
	if c.text() != text { // there is one spelling
		return Checkpoint{}, bad("not in its canonical form")
	}
	return c, nil
}

func bad(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrMalformed, fmt.Sprintf(format, args...))
}

// parser takes lines off a text.
type parser struct {
	rest string
	line int
}

// take returns the next line without its prefix.
func (p *parser) take(prefix, what string) (string, error) {
	p.line++
	line, rest, ended := strings.Cut(p.rest, "\n")
	value, found := strings.CutPrefix(line, prefix)
	if !ended || !found {
		return "", bad("line %d is not %s", p.line, what)
	}
	p.rest = rest
	return value, nil
}

func (p *parser) head(c *Checkpoint) (err error) {
	values := make([]string, 6)
	for i, l := range []struct{ prefix, what string }{
		{origin, "the origin of a checkpoint"},
		{"", "a seq"},
		{"", "a chain value"},
		{nameLine, "the ledger's name"},
		{epochLine, "an epoch"},
		{timeLine, "a time"},
	} {
		if values[i], err = p.take(l.prefix, l.what); err != nil {
			return err
		}
	}
	if c.Ledger, err = uuid.Parse(values[0]); err != nil {
		return bad("line 1 has no ledger's id")
	}
	if c.Seq, err = strconv.ParseUint(values[1], 10, 64); err != nil || c.Seq == 0 {
		return bad("line 2 is not a seq")
	}
	if err = p.hash(&c.Chain, values[2], 3); err != nil {
		return err
	}
	if c.Name = values[3]; !validName(c.Name) {
		return bad("line 4 is not a ledger's name")
	}
	if c.Epoch, err = strconv.ParseUint(values[4], 10, 64); err != nil {
		return bad("line 5 is not an epoch")
	}
	t, err := time.Parse(time.RFC3339Nano, values[5])
	if err != nil {
		return bad("line 6 is not a time")
	}
	c.Time = t.UnixNano() // out of range comes back with another spelling
	if strings.HasPrefix(p.rest, stateLine) {
		text, err := p.take(stateLine, "a digest")
		if err != nil {
			return err
		}
		if err = p.hash(&c.State, text, p.line); err != nil {
			return err
		}
	}
	return nil
}

// at reads an earlier point.
func (p *parser) at(c *Checkpoint) error {
	text, err := p.take(atLine, "an earlier point; a newer holdfast may know what it is")
	if err != nil {
		return err
	}
	if len(c.Earlier) == MaxEarlier {
		return bad("more than %d earlier points", MaxEarlier)
	}
	number, chain, _ := strings.Cut(text, " ")
	var at Point
	if at.Seq, err = strconv.ParseUint(number, 10, 64); err != nil || at.Seq == 0 {
		return bad("line %d has no seq", p.line)
	}
	if err = p.hash(&at.Chain, chain, p.line); err != nil {
		return err
	}
	if n := len(c.Earlier); at.Seq >= c.Seq || n > 0 && at.Seq <= c.Earlier[n-1].Seq {
		return bad("line %d is out of order", p.line)
	}
	c.Earlier = append(c.Earlier, at)
	return nil
}

func (p *parser) hash(to *[32]byte, text string, line int) error {
	b, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil || len(b) != len(to) {
		return bad("line %d has no hash of %d bytes", line, len(to))
	}
	copy(to[:], b)
	return nil
}

func validName(s string) bool {
	if s == "" || len(s) > maxName {
		return false
	}
	for _, r := range []byte(s) {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_', r == '-':
		default:
			return false
		}
	}
	return true
}
