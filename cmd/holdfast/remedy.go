package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/moneyprinter/holdfast"
	"github.com/moneyprinter/holdfast/audit"
	"github.com/moneyprinter/holdfast/remedy"
	"github.com/moneyprinter/holdfast/service"
)

// instruct puts the commands of this program into findings that carry a remedy as
// data.
func instruct(findings []audit.Finding) {
	for i := range findings {
		f := &findings[i]
		if f.Remedy.Kind != "" {
			f.Plan = instruction(f.Remedy)
		}
		f.Remedy = remedy.Remedy{} // said in Plan now
	}
}

// instruction is a remedy in the words of this program. A remedy that needs no command
// of it keeps its own words.
func instruction(r remedy.Remedy) string {
	const heals = "'holdfast repair --plan' says what a copy of this ledger can heal (--from DIR) and " +
		"what would have to be given up without one"
	switch r.Kind {
	case remedy.Heal:
		return "nothing was changed; " + heals + "; 'holdfast backup restore NAME --to DIR2' makes a new ledger of the snapshot NAME"
	case remedy.HealStopped:
		return "nothing more is written; " + heals
	case remedy.PutKept:
		return fmt.Sprintf("nothing more is written; what was written to the segment is kept as %s: stop the writer and move it to %s, "+
			"where it is put in order by the next open; otherwise 'holdfast repair --plan' says what would have to be given up", r.File, r.To)
	case remedy.Identify:
		return "nothing was changed; 'holdfast repair --plan' says whether the file is a segment under another name, " +
			"which is put in its place, or does not belong there, and is moved to quarantine"
	case remedy.ReplaceMark:
		return "nothing was changed; 'holdfast repair --plan' says what to do: a copy of the ledger made since it " +
			"was last closed can stand for it; without one, records that were removed from either end cannot be noticed"
	case remedy.TakeIdentity:
		return "'holdfast repair --from DIR' takes it from a copy of this ledger"
	case remedy.TakeIdentityOrRestore:
		return "'holdfast repair --from DIR' takes it from a copy of the ledger; " +
			"where a restore into this directory was cut short, remove the directory and restore again"
	case remedy.Compare:
		return "compare with evidence that was kept elsewhere (verify --against, --verifier); " +
			"if only this file says so, it is the file that was altered"
	case remedy.CompareCopies:
		return r.String() + ", see 'verify --against'"
	case remedy.OpenUnasked:
		return r.String() + " (--bus-evidence 0)"
	case remedy.CreateLedger:
		return "create one with ingest or serve, or name another --dir"
	case remedy.CarryOver:
		return "nothing was changed; 'holdfast export' of the build that wrote it gives a file of its positions, " +
			"which 'holdfast import FILE' takes into a new --dir"
	case remedy.OtherDir:
		return "name another --dir"
	case remedy.PutBack, remedy.PutBackSnapshot, remedy.MoveAway:
	}
	return r.String()
}

// answered is an error that a daemon has given a code.
type answered interface {
	error
	Code() string
}

// inWords is an error's text with the commands of this program in the place of the
// remedy's sentence.
func inWords(err error) string {
	text := err.Error()
	if r := remedy.Of(err); r.Kind != "" {
		text = strings.Replace(text, r.String(), instruction(r), 1)
	}
	told, coded := errors.AsType[answered](err)
	if errors.Is(err, holdfast.ErrNoSigner) || coded && told.Code() == service.CodeOf(holdfast.ErrNoSigner) {
		text += ": 'holdfast serve --sign-key FILE' gives it one"
	}
	return text
}
