package feed

import "time"

// HoldAtMost sets how many rows of a CSV are held.
func (f *Feed) HoldAtMost(rows int) { f.sheet.Most = rows }

// PauseWith sets what is done in place of waiting for more of a file.
func (f *Feed) PauseWith(pause func(time.Duration)) { f.sheet.Pause = pause }
