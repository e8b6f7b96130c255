package keyring

import (
	"errors"
	"fmt"
	"strings"
)

// The errors of this package, for [errors.Is].
var (
	// ErrNoKey is matched by a [NoKeyError]: something is encrypted under a key
	// that was not given. It is no damage.
	ErrNoKey = errors.New("no key")
	// ErrKey is returned for a text that is not a key.
	ErrKey = errors.New("not a key")
	// ErrSource is matched by a [SourceError]: no keys could be had from a
	// source.
	ErrSource = errors.New("unusable key source")
)

// NoKeyError names the key that is needed and those that were given. It matches
// [ErrNoKey].
type NoKeyError struct {
	ID   ID
	Have []ID // none: no keys were given at all
}

func (e *NoKeyError) Error() string {
	if len(e.Have) == 0 {
		return fmt.Sprintf("%v: encrypted under key %s, and no key was given", ErrNoKey, e.ID)
	}
	names := make([]string, len(e.Have))
	for i, id := range e.Have {
		names[i] = id.String()
	}
	return fmt.Sprintf("%v: encrypted under key %s, and the keys given are %s", ErrNoKey, e.ID, strings.Join(names, ", "))
}

// Is reports whether target is [ErrNoKey].
func (e *NoKeyError) Is(target error) bool { return target == ErrNoKey }

// SourceError says why a source gave no keys. It matches [ErrSource] and the
// cause, and holds nothing that was read.
type SourceError struct {
	Source string // the path, the variable's name, or "the command"
	Line   int    // 0: no line in particular
	Err    error
}

func (e *SourceError) Error() string {
	if e.Line > 0 {
		return fmt.Sprintf("%v: %s: line %d: %v", ErrSource, e.Source, e.Line, e.Err)
	}
	return fmt.Sprintf("%v: %s: %v", ErrSource, e.Source, e.Err)
}

// Unwrap returns [ErrSource] and the cause.
func (e *SourceError) Unwrap() []error { return []error{ErrSource, e.Err} }
