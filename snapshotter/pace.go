package snapshotter

import (
	"sync"
	"time"
)

// The work on a snapshot goes on in slices. While there is other work, each is
// followed by a rest that is so many times as long: then a snapshot has a fifth of one
// processor, and takes five times as long.
const (
	slice = 500 * time.Microsecond
	rests = 4
	// longest bounds the slice that is rested for: more than that was spent waiting
	// for a disk or a processor.
	longest = 10 * time.Millisecond
	// calm is after how many slices without other work there are no more rests.
	calm = 32
)

// pace tells when to rest. It has no timer: it is asked between two pieces of work.
type pace struct {
	beat  func() uint64
	now   func() time.Duration // since some moment
	sleep func(time.Duration)

	mu    sync.Mutex
	began time.Duration // of the slice
	last  uint64        // beat, when it was asked last
	quiet int           // slices since it moved
	steps int           // how often it was asked
}

func newPace(beat func() uint64) *pace {
	start := time.Now() //nolint:forbidigo // it measures how long work has taken
	p := &pace{beat: beat, now: func() time.Duration { return time.Since(start) }, sleep: time.Sleep, quiet: calm}
	p.last = beat()
	return p
}

// step rests if it is time to.
func (p *pace) step() {
	if rest := p.rest(); rest > 0 {
		p.sleep(rest)
		p.mu.Lock()
		p.began = p.now()
		p.mu.Unlock()
	}
}

// rest returns for how long to rest now.
func (p *pace) rest() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.steps++
	now := p.now()
	worked := now - p.began
	if worked < slice {
		return 0
	}
	p.began = now
	switch beat := p.beat(); {
	case beat != p.last:
		p.last, p.quiet = beat, 0
	case p.quiet < calm:
		p.quiet++
	}
	if p.quiet == calm {
		return 0
	}
	return rests * min(worked, longest)
}

// Beside returns a Snapshotter of the same directory that makes way for other work:
// beat is a number that moves while there is any, as the newest durable record does
// while appends go on. Then it writes, reads and verifies in slices of half a
// millisecond with rests between them, and a snapshot takes about five times as long;
// where beat stands still it does not rest.
func (s *Snapshotter) Beside(beat func() uint64) *Snapshotter {
	x := *s
	x.pace = newPace(beat)
	return &x
}

// Step is called between pieces of other work on a snapshot, such as making a digest
// for its header, and rests if it is time to. It does nothing unless the Snapshotter
// is one of [Snapshotter.Beside].
func (s *Snapshotter) Step() {
	if s.pace != nil {
		s.pace.step()
	}
}

// Steps returns how often the work of a Snapshotter of [Snapshotter.Beside] could have
// rested, 0 for any other.
func (s *Snapshotter) Steps() int {
	if s.pace == nil {
		return 0
	}
	s.pace.mu.Lock()
	defer s.pace.mu.Unlock()
	return s.pace.steps
}
