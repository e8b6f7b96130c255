package tabular

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// MaxLine is the longest line that is read, in bytes. A longer one is reported
// and skipped without being held in memory.
const MaxLine = 1 << 20

// maxSkip is how much of a line that is too long is skipped in search of its end.
// An input with a longer line is no text.
const maxSkip = 1 << 30

// errNoLines is returned for an input that has no line ends.
var errNoLines = errors.New("a line goes on for more than 1 GiB: this is no text")

// Line is one line without its end. Text is valid until the next one is read.
type Line struct {
	Number  int
	Text    []byte
	Ended   bool // by a line break, not by the end of the input
	TooLong bool
}

// Blank reports whether there is nothing on the line.
func (l *Line) Blank() bool { return !l.TooLong && len(bytes.TrimSpace(l.Text)) == 0 }

// Lines reads an input line by line.
type Lines struct {
	r      *bufio.Reader
	buf    []byte
	number int
	Bytes  int64 // consumed so far, line breaks and skipped parts included
	first  *Line // read ahead by Peek, its text a copy
}

// NewLines reads an input from where it stands.
func NewLines(r io.Reader) *Lines { return &Lines{r: bufio.NewReaderSize(r, 64<<10)} }

// Peek returns the first line that is not blank, and leaves it to Next.
func (l *Lines) Peek() (*Line, error) {
	for {
		x, err := l.Next()
		if err != nil {
			return nil, err
		}
		if x.Number == 1 {
			x.Text = bytes.TrimPrefix(x.Text, []byte("\ufeff"))
		}
		if !x.Blank() {
			x.Text = bytes.Clone(x.Text)
			l.first = &x
			return l.first, nil
		}
	}
}

// Next returns the next line, or io.EOF when there is none.
func (l *Lines) Next() (Line, error) {
	if x := l.first; x != nil {
		l.first = nil
		return *x, nil
	}
	x := Line{Number: l.number + 1}
	l.buf = l.buf[:0]
	for began := l.Bytes; ; {
		part, err := l.r.ReadSlice('\n')
		l.Bytes += int64(len(part))
		if x.TooLong || len(l.buf)+len(part) > MaxLine+len("\r\n") {
			x.TooLong = true
		} else {
			l.buf = append(l.buf, part...)
		}
		switch {
		case l.Bytes-began > maxSkip:
			return x, errNoLines
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(l.buf) == 0 && !x.TooLong:
			return x, io.EOF
		case err != nil && !errors.Is(err, io.EOF):
			return x, err
		}
		l.number = x.Number
		x.Ended = err == nil
		x.Text = bytes.TrimSuffix(bytes.TrimSuffix(l.buf, []byte("\n")), []byte("\r"))
		if x.TooLong = x.TooLong || len(x.Text) > MaxLine; x.TooLong {
			x.Text = nil
		}
		return x, nil
	}
}

// Binary says what bytes are that are not text, "" where they may be.
func Binary(b []byte) string {
	for prefix, what := range map[string]string{
		"\x1f\x8b": "is compressed with gzip: unpack it first", "\x28\xb5\x2f\xfd": "is compressed with zstd: unpack it first",
		"PK\x03\x04": "is a zip archive: unpack it first", "\xff\xfe": "is UTF-16: convert it to UTF-8", "\xfe\xff": "is UTF-16: convert it to UTF-8",
	} {
		if bytes.HasPrefix(b, []byte(prefix)) {
			return what
		}
	}
	return ""
}

// ErrTooLong refuses a line beyond [MaxLine].
var ErrTooLong = fmt.Errorf("the line is longer than %d bytes", MaxLine)
