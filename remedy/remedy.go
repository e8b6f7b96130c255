// Package remedy names what can be done about a damage. An error carries a
// [Remedy] as data. Its String is a plain sentence for a log; whoever talks to an
// operator has commands of his own and makes words of the kind.
//
// The package knows no ledger, no command and no flag.
package remedy

import (
	"errors"
	"fmt"
)

// Kind is one thing to do.
type Kind string

// The kinds. The zero value says nothing.
const (
	// Heal: a copy of the ledger can heal the damage, a part can be given up, and a
	// snapshot gives a new ledger.
	Heal Kind = "heal"
	// HealStopped is Heal for a writer that has just ended because of the damage.
	HealStopped Kind = "heal-stopped"
	// PutKept: what the writer had still in hand is kept in File and belongs where To
	// says.
	PutKept Kind = "put-kept"
	// Identify: a repair finds out whether the file is a part of the ledger under a
	// wrong name.
	Identify Kind = "identify"
	// ReplaceMark: a copy that was made since the ledger was last closed can stand for
	// the lost MARK.
	ReplaceMark Kind = "replace-mark"
	// PutBack: the directory is to be put back from a copy of the ledger.
	PutBack Kind = "put-back"
	// PutBackSnapshot: the newest snapshot is to be put back from a copy of the ledger.
	PutBackSnapshot Kind = "put-back-snapshot"
	// MoveAway: the file is to be moved away; the next opening makes a new one.
	MoveAway Kind = "move-away"
	// TakeIdentity: the identity is to be taken from a copy of the ledger.
	TakeIdentity Kind = "take-identity"
	// TakeIdentityOrRestore is TakeIdentity where a restore that was cut short may have
	// left the directory.
	TakeIdentityOrRestore Kind = "take-identity-or-restore"
	// Compare: evidence that was kept elsewhere tells which of two files is wrong.
	Compare Kind = "compare"
	// CompareCopies: copies that were kept elsewhere tell what was rewritten.
	CompareCopies Kind = "compare-copies"
	// OpenUnasked: the ledger can be opened without asking the bus what was durable.
	OpenUnasked Kind = "open-unasked"
	// CreateLedger: there is no ledger here; one can be created, or another directory
	// is meant.
	CreateLedger Kind = "create-ledger"
	// CarryOver: the build that wrote the file exports the positions, and a new ledger
	// imports them.
	CarryOver Kind = "carry-over"
	// OtherDir: another directory is to be named.
	OtherDir Kind = "other-dir"
)

// Remedy is what can be done, and the files that it speaks of, relative to the
// ledger's directory.
type Remedy struct {
	Kind Kind   `json:"kind"`
	File string `json:"file,omitempty"`
	To   string `json:"to,omitempty"`
}

// String says it without the commands of any program.
func (r Remedy) String() string {
	switch r.Kind {
	case Heal:
		return "nothing was changed; a repair says what a copy of this ledger can heal and what would have to be given up without one; " +
			"a snapshot can be restored as a new ledger"
	case HealStopped:
		return "nothing more is written; a repair says what a copy of this ledger can heal and what would have to be given up without one"
	case PutKept:
		return fmt.Sprintf("nothing more is written; what was written to the segment is kept as %s: stop the writer and move it to %s, "+
			"where it is put in order by the next open; otherwise a repair says what would have to be given up", r.File, r.To)
	case Identify:
		return "nothing was changed; a repair says whether the file is a segment under another name, which is put in its place, " +
			"or does not belong there, and is moved to quarantine"
	case ReplaceMark:
		return "nothing was changed; a repair says what to do: a copy of the ledger made since it was last closed can stand for it; " +
			"without one, records that were removed from either end cannot be noticed"
	case PutBack:
		return "nothing was changed; put the directory back from a copy of this ledger"
	case PutBackSnapshot:
		return "nothing was changed; put the newest snapshot back from a copy of this ledger"
	case MoveAway:
		return "nothing was changed; move it away: the next open makes a new one"
	case TakeIdentity:
		return "a repair takes it from a copy of this ledger"
	case TakeIdentityOrRestore:
		return "a repair takes it from a copy of the ledger; " +
			"where a restore into this directory was cut short, remove the directory and restore again"
	case Compare:
		return "compare with evidence that was kept elsewhere; if only this file says so, it is the file that was altered"
	case CompareCopies:
		return "nothing was changed; compare with every copy that was kept elsewhere"
	case OpenUnasked:
		return "open without asking it"
	case CreateLedger:
		return "create one, or name another directory"
	case CarryOver:
		return "nothing was changed; export the positions with the build that wrote it, and import them into a new ledger"
	case OtherDir:
		return "name another directory"
	}
	return string(r.Kind)
}

// Error is an error about which something can be done. Its text ends with the
// remedy's sentence.
type Error struct {
	Err    error
	Remedy Remedy
}

// Because makes an [Error] of what is wrong and the kind of remedy.
func Because(err error, kind Kind) error { return &Error{Err: err, Remedy: Remedy{Kind: kind}} }

func (e *Error) Error() string { return fmt.Sprintf("%v: %v", e.Err, e.Remedy) }

// Unwrap returns what is wrong.
func (e *Error) Unwrap() error { return e.Err }

// Advice is what can be done about it.
func (e *Error) Advice() Remedy { return e.Remedy }

// advised is an error that says what can be done about it.
type advised interface {
	error
	Advice() Remedy
}

// Of returns the remedy that stands at the end of an error's text: that of the first
// error in its tree that has an Advice. The zero Remedy says that there is none.
func Of(err error) Remedy {
	if e, ok := errors.AsType[advised](err); ok {
		return e.Advice()
	}
	return Remedy{}
}
