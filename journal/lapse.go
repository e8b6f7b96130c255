package journal

import "time"

// maxGap is the longest time between two records that counts when the age of a
// record is taken.
const maxGap = 24 * time.Hour

// lapse is a segment's place in the time that has passed between the records: the
// sum of the gaps between their record times, where a gap of more than maxGap
// counts nothing. A clock that jumps ahead makes such a gap, and so ages nothing; a
// weekend makes one as well, and what was before it is kept a weekend longer. The
// sum begins at the first record kept.
type lapse struct {
	some       bool
	began      int64         // record time of its first record
	last       int64         // and of its last, or of the one before where it has none
	since      bool          // last is set
	from, upTo time.Duration // the sum at its first record, and at its last
}

// add takes in the record time of the segment's next record.
func (p *lapse) add(at int64) {
	if p.since {
		p.upTo += gap(p.last, at)
	}
	if !p.some {
		p.some, p.began, p.from = true, at, p.upTo
	}
	p.last, p.since = at, true
}

func gap(before, at int64) time.Duration {
	if d := time.Duration(at - before); d > 0 && d <= maxGap {
		return d
	}
	return 0
}

// following is the place of the segment after it, which has no record yet.
func (p *lapse) following() lapse {
	return lapse{last: p.last, since: p.since, from: p.upTo, upTo: p.upTo}
}

// behind moves a place that begins with 0 behind another one.
func (p *lapse) behind(before *lapse) {
	if !p.some {
		*p = before.following()
		return
	}
	from := before.upTo
	if before.since {
		from += gap(before.last, p.began)
	}
	p.from, p.upTo = p.from+from, p.upTo+from
}

// at is the latest place that a record of the segment with this time can have.
func (p *lapse) at(t int64) time.Duration {
	return min(p.upTo, p.from+time.Duration(max(0, t-p.began)))
}
