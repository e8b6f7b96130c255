package durable

import (
	"errors"
	"os"
	"slices"
)

// ErrSyncDir is matched by the error of a directory's fsync. The directory
// stays and would be synced again by the next change in it, with an answer that
// says nothing about this one.
var ErrSyncDir = errors.New("sync directory")

// SyncFailed reports whether an fsync is among the causes of an error. The bytes
// that a failed fsync should have made durable may be gone although they can still
// be read. The fsync must not be tried again: neither its success nor what the file
// shows afterwards would mean anything.
func SyncFailed(err error) bool {
	if p, ok := err.(*os.PathError); ok && p.Op == "sync" { //nolint:errorlint // every error of the tree is looked at here
		return true
	}
	switch e := err.(type) { //nolint:errorlint // the same
	case interface{ Unwrap() error }:
		return SyncFailed(e.Unwrap())
	case interface{ Unwrap() []error }:
		return slices.ContainsFunc(e.Unwrap(), SyncFailed)
	}
	return false
}
