package projector

import "github.com/moneyprinter/holdfast/position"

// Horizon returns the newest event time that the dedupe window has forgotten, 0
// while it has forgotten nothing.
func (v *View) Horizon() position.Time { return v.window.Horizon() }
