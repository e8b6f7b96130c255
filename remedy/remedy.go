// Package remedy names what can be done about a damage. An error carries a
// [Remedy] as data. Its String is a plain sentence for a log; whoever talks to an
// operator has commands of his own and makes words of the kind.
//
// The package knows no ledger, no command and no flag.
package remedy

import "fmt"

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
	}
	return string(r.Kind)
}
