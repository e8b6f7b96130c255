package tabular

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/moneyprinter/holdfast/position"
)

// The errors of the formats, for [errors.Is]. Package feed gives them to its callers
// under the same names, and Open and Next are its.
var (
	// ErrEmpty is returned by Open for an input without a line.
	ErrEmpty = errors.New("the input is empty")
	// ErrDirectory is returned by Open for a directory.
	ErrDirectory = errors.New("the input is a directory")
	// ErrFormat is returned by Open when the input is not in the wanted format,
	// or when none was given and none can be told.
	ErrFormat = errors.New("unsuitable format")
	// ErrColumn is returned by Open when a column is missing, ambiguous or
	// unknown.
	ErrColumn = errors.New("unsuitable columns")
	// ErrMapping is returned for a bad mapping, and by Open for one that the format
	// has no use for.
	ErrMapping = errors.New("bad mapping")
	// ErrDoubt is returned by Next before a CSV gives anything, where its columns
	// say something that the mapping leaves out and that figures depend on.
	ErrDoubt = errors.New("the file says more than the mapping")
	// ErrLine is matched by every [LineError].
	ErrLine = errors.New("bad line")
)

// LineError says which line is bad, which member of it, and why. The feed goes
// on with the next line. It matches [ErrLine] and whatever Err matches.
type LineError struct {
	File  string
	Line  int    // from 1, the header counted
	Field string // member name as in the JSON form, "" when it is the line as a whole
	// Column is the CSV column that gives the member, where it has another name.
	Column string
	// Kind is the file's own word for such a row, "" where it has none.
	Kind string
	Err  error
}

func (e *LineError) Error() string {
	reason := e.Err.Error()
	if refused, ok := errors.AsType[*position.FieldError](e.Err); ok {
		reason = strings.TrimPrefix(reason, refused.Field+" ")
	}
	switch {
	case e.Column != "":
		reason = e.Field + " (column " + Clip(e.Column) + ") " + reason
	case e.Field != "":
		reason = e.Field + " " + reason
	}
	return e.File + ":" + strconv.Itoa(e.Line) + ": " + reason
}

// Unwrap returns ErrLine and the reason.
func (e *LineError) Unwrap() []error { return []error{ErrLine, e.Err} }

// MemberError is a refusal of one member, on its way to a LineError.
type MemberError struct {
	Field string
	Err   error
}

func (e *MemberError) Error() string { return e.Field + " " + e.Err.Error() }
func (e *MemberError) Unwrap() error { return e.Err }

// Bad refuses a member.
func Bad(field, format string, args ...any) error {
	return &MemberError{Field: field, Err: fmt.Errorf(format, args...)}
}

// OnLine places err, which may know the member, on a line.
func OnLine(file string, line int, err error) *LineError {
	e := &LineError{File: file, Line: line, Err: err}
	var known *MemberError
	var refused *position.FieldError
	switch {
	case errors.As(err, &known):
		e.Field, e.Err = known.Field, known.Err
	case errors.As(err, &refused):
		e.Field = refused.Field
	}
	return e
}

// Clip shortens hostile input for an error text, and quotes it.
func Clip(s string) string { return strconv.Quote(clipped(s, 40)) }

// ClipLong shortens what an error text proposes.
func ClipLong(s string) string { return clipped(s, 300) }

// clipped cuts a text to a number of bytes at most, and marks that it did.
func clipped(s string, limit int) string {
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit], "") + "…"
	}
	return s
}
