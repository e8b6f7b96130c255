// Package form reads, writes and describes JSON, and refuses what could lose
// meaning on the way in. It knows the grammar and the tables that it is given; what
// they are about is their owner's business.
//
// # Reading
//
// [Draft] reads one object by a table of forms: the member "type" names the form,
// the form says which members there are, and the owner of the table reads their
// values. [Value] reads single values, lists, and objects whose members are few;
// [Members] reads any object. Faults that encoding/json takes without a word are
// refused: members that are given twice or are unknown, names in another case,
// invalid UTF-8, half of a surrogate pair, data after the object.
//
// All of it goes through one scanner, in scan.go and nowhere else. Nothing outside
// that file knows how it works, so that encoding/json/jsontext can take its place
// once the toolchain has it stable: what is to be kept then is that a value that
// needs no unescaping is a part of the input, because that is what makes reading a
// line cheap.
//
// [Unique] and [UniqueFold] look for members that are given twice in JSON that
// encoding/json decodes.
//
// # Writing
//
// [Writer] appends the members of objects in the order in which it is asked to.
//
// # Describing
//
// [Node] is a part of a JSON Schema (2020-12). [Form.Node] and [Properties] make the
// nodes of objects out of the tables by which they are read and written, so that a
// schema and what it describes cannot drift apart.
package form

import (
	"fmt"
	"unicode/utf8"
)

// Error says which member of an object was refused, and why. The member JSON is
// the text itself.
type Error struct{ Member, Reason string }

func (e *Error) Error() string { return e.Member + " " + e.Reason }

func refuse(member, format string, args ...any) error {
	return &Error{Member: member, Reason: fmt.Sprintf(format, args...)}
}

// Clip shortens hostile input for an error text.
func Clip(s string) string {
	const limit = 40
	if len(s) <= limit {
		return s
	}
	n := limit
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}
