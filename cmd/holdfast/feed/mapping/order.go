package mapping

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed/internal/tabular"
)

// ordering says in which order the rows of a file are handed out.
type ordering uint8

// The orders.
const (
	byTime ordering = iota
	byFile
	newestFirst // by time, and what happened at one time in the reverse of the file
)

// arrange puts the drafts in the order of their times. Rows of one time keep the
// order of the file, or its reverse where the file is newest first. Bad rows keep
// their places in a file that is in order, and otherwise come first, so that
// without --skip-invalid nothing of such a file is applied.
func (s *Sheet) arrange(more bool) error {
	order := s.rows.mapping.file.order
	if order == byFile {
		return nil
	}
	up, down := s.runs()
	if order == newestFirst && down == 0 && up > 0 {
		return fmt.Errorf("%w: %s: order=newest-first is stated, and the times of its rows only run forward: leave it out", tabular.ErrFormat, s.name)
	}
	early := len(s.drafts) > 0 && s.drafts[0].at < s.latest
	if (down > 0 || order == newestFirst || early) && (more || s.flowing) {
		return fmt.Errorf("%w: %s: more than %d rows, and their times run backwards, so that they cannot be put in order: sort the file, or say order=file", tabular.ErrFormat, s.name, s.Most)
	}
	if n := len(s.drafts); n > 0 {
		defer func() { s.latest = max(s.latest, s.drafts[n-1].at) }()
	}
	if down == 0 && order != newestFirst {
		return nil
	}
	reversed := order == newestFirst || down > up
	if reversed {
		slices.Reverse(s.drafts)
	}
	slices.SortStableFunc(s.drafts, inOrder)
	note := fmt.Sprintf("times run backwards (%d times): its rows are put in the order of their times, those of one time as they stand", down)
	switch {
	case reversed && down > 0:
		note = fmt.Sprintf("newest first (times run backwards, %d times): its rows are put in the order of their times, those of one time in the reverse of the file", down)
	case reversed:
		note = "newest first, as the mapping says: rows of one time are taken in the reverse of the file"
	}
	s.notes = append(s.notes, note)
	return nil
}

// runs counts the rows whose time is later than that of the row before, and those
// whose time is earlier.
func (s *Sheet) runs() (up, down int) {
	for i := 1; i < len(s.drafts); i++ {
		switch a, b := s.drafts[i-1].at, s.drafts[i].at; {
		case a == 0: // nothing before it has a time
		case b < a:
			down++
		case b > a:
			up++
		}
	}
	return up, down
}

// inOrder compares rows by time, bad ones before all others and by line.
func inOrder(a, b *draft) int {
	switch {
	case a.err != nil && b.err != nil:
		return cmp.Compare(a.line, b.line)
	case a.err != nil:
		return -1
	case b.err != nil:
		return 1
	}
	return cmp.Compare(a.at, b.at)
}
