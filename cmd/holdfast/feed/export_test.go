package feed

// HoldAtMost sets how many rows of a CSV are held.
func (f *Feed) HoldAtMost(rows int) { f.sheet.most = rows }
