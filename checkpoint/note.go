package checkpoint

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// Note is a checkpoint with its signatures.
type Note struct {
	Checkpoint

	Raw  []byte   // the whole note
	Keys []string // who has signed, as name+hash; only those that verified, if keys were given
	// Verified says that a signature was checked with a key and is good.
	Verified bool
}

func keyName(name string, hash uint32) string { return fmt.Sprintf("%s+%08x", name, hash) }

// Open reads a note. With known keys one of them must have signed it, and none of
// their signatures may be wrong, else it gives [ErrSignature]; signatures of keys
// that are not known are passed over. With nil no signature is checked. A text that is
// no note of a checkpoint gives [ErrMalformed].
func Open(raw []byte, known note.Verifiers) (*Note, error) {
	if len(raw) > MaxNote {
		return nil, bad("longer than %d bytes", MaxNote)
	}
	opened, err := note.Open(raw, known)
	var unverified *note.UnverifiedNoteError
	var invalid *note.InvalidSignatureError
	switch {
	case err == nil:
	case errors.As(err, &unverified) && known == nil:
		opened = unverified.Note
	case errors.As(err, &unverified):
		return nil, fmt.Errorf("%w: signed by %s, not by a key that was given", ErrSignature, strings.Join(keys(unverified.Note.UnverifiedSigs), ", "))
	case errors.As(err, &invalid):
		return nil, fmt.Errorf("%w: %w: the text is not what was signed", ErrSignature, err)
	default:
		return nil, fmt.Errorf("%w: not a signed note", ErrMalformed)
	}
	c, err := Parse(opened.Text)
	if err != nil {
		return nil, err
	}
	for _, s := range slices.Concat(opened.Sigs, opened.UnverifiedSigs) {
		if _, err = base64.StdEncoding.Strict().DecodeString(s.Base64); err != nil {
			return nil, bad("a signature is not in its canonical form")
		}
	}
	n := &Note{Checkpoint: c, Raw: bytes.Clone(raw), Verified: len(opened.Sigs) > 0}
	if n.Keys = keys(opened.Sigs); !n.Verified {
		n.Keys = keys(opened.UnverifiedSigs)
	}
	return n, nil
}

func keys(sigs []note.Signature) []string {
	out := make([]string, len(sigs))
	for i, s := range sigs {
		out[i] = keyName(s.Name, s.Hash)
	}
	return out
}

// signature is how a line of a signature begins.
const signature = "— "

// Split takes concatenated notes apart without looking into them. Empty lines may
// stand between them.
func Split(b []byte) [][]byte {
	var notes [][]byte
	var from, at int
	signed := false // the last line was a signature's
	for line := range bytes.Lines(b) {
		isSignature := bytes.HasPrefix(line, []byte(signature))
		blank := len(line) == 1 && line[0] == '\n'
		if signed && !isSignature {
			notes = append(notes, b[from:at])
			from = at
		}
		at += len(line)
		if blank && from == at-1 { // before a note begins
			from = at
		}
		signed = isSignature
	}
	if from < at {
		notes = append(notes, b[from:at])
	}
	return notes
}
