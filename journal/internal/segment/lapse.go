package segment

import "time"

// maxGap is the longest time between two records that counts when the age of a
// record is taken.
const maxGap = 24 * time.Hour

// Lapse is a segment's place in the time that has passed between the records: the
// sum of the gaps between their record times, where a gap of more than maxGap
// counts nothing. A clock that jumps ahead makes such a gap, and so ages nothing; a
// weekend makes one as well, and what was before it is kept a weekend longer. The
// sum begins at the first record kept.
type Lapse struct {
	some       bool
	began      int64         // record time of its first record
	last       int64         // and of its last, or of the one before where it has none
	since      bool          // last is set
	from, UpTo time.Duration // the sum at its first record, and at its last
}

// Add takes in the record time of the segment's next record.
func (p *Lapse) Add(at int64) {
	if p.since {
		p.UpTo += gap(p.last, at)
	}
	if !p.some {
		p.some, p.began, p.from = true, at, p.UpTo
	}
	p.last, p.since = at, true
}

func gap(before, at int64) time.Duration {
	if d := time.Duration(at - before); d > 0 && d <= maxGap {
		return d
	}
	return 0
}

// Following is the place of the segment after it, which has no record yet.
func (p *Lapse) Following() Lapse {
	return Lapse{last: p.last, since: p.since, from: p.UpTo, UpTo: p.UpTo}
}

// Behind moves a place that begins with 0 behind another one.
func (p *Lapse) Behind(before *Lapse) {
	if !p.some {
		*p = before.Following()
		return
	}
	from := before.UpTo
	if before.since {
		from += gap(before.last, p.began)
	}
	p.from, p.UpTo = p.from+from, p.UpTo+from
}

// At is the latest place that a record of the segment with this time can have.
func (p *Lapse) At(t int64) time.Duration {
	return min(p.UpTo, p.from+time.Duration(max(0, t-p.began)))
}
