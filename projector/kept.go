package projector

import (
	"container/heap"
	"time"

	"github.com/moneyprinter/holdfast/position"
)

// A window keeps entries apart that it has no room for any more and whose event
// time is ahead of the horizon, because it was ahead of the entry's record. Without
// them a retry would pass for a new mutation.
//
// They are dropped when the horizon has passed them. It is moved up to the record
// time of such an entry, never to its event time: at once where the entry was
// ahead by no more than two clocks may differ, so that a fast clock costs as many
// entries as pass while it is ahead; else only when as many are kept as the window
// holds, so that a wrong date among old ones makes none of those too old.
//
// The entries come in the order of their records and are appended to one slice. An
// entry of it is forgotten if its time is at or below the horizon, so a view needs
// no more than the header of the slice and its own horizon. When half of them are
// forgotten the others are copied.

// clockSkew is by how much two clocks that are both right may differ.
const clockSkew = time.Minute

// keptIndex finds what is kept by id, and what is to be dropped next.
type keptIndex struct {
	byID   map[[16]byte]int // index into kept of the newest with that id
	byTime keptHeap
}

type keptHeap []keptTime

type keptTime struct {
	at position.Time
	i  int // index into kept
}

// Full reports whether one more entry that is ahead would find as many kept as the
// window holds, and none of them to be dropped.
func (w *window) Full() bool {
	v := &w.view
	if v.apart < int(w.size) {
		return false
	}
	oldest := v.at(v.lo)
	return w.kept.byTime[0].at > max(v.horizon, oldest.Time-position.Time(oldest.Ahead))
}

// keep takes the oldest entry, which is dated ahead of its record.
func (w *window) keep(e *windowEntry) {
	v := &w.view
	if e.Ahead <= clockSkew || v.apart >= int(w.size) {
		w.Forget(e.Time - position.Time(e.Ahead))
	}
	if e.Time <= v.horizon {
		return
	}
	if w.kept.byID == nil {
		w.kept.byID = make(map[[16]byte]int)
	}
	w.kept.byID[e.ID] = len(v.kept)
	heap.Push(&w.kept.byTime, keptTime{e.Time, len(v.kept)})
	v.kept = append(v.kept, *e)
	v.apart++
}

func (w *window) findKept(id [16]byte) (windowEntry, bool) {
	i, found := w.kept.byID[id]
	if !found {
		return windowEntry{}, false
	}
	return w.view.kept[i], true
}

// drop forgets what the horizon has passed.
func (w *window) drop() {
	v, k := &w.view, &w.kept
	if len(v.kept) == 0 {
		return
	}
	for len(k.byTime) > 0 && k.byTime[0].at <= v.horizon {
		gone := heap.Pop(&k.byTime).(keptTime) //nolint:errcheck,forcetypeassert // of this heap
		if id := v.kept[gone.i].ID; k.byID[id] == gone.i {
			delete(k.byID, id)
		}
		v.apart--
	}
	if len(v.kept) > windowChunk && len(v.kept) > 2*v.apart || v.apart == 0 {
		w.compact()
	}
}

// compact copies what is still kept, because views read the slice there is.
func (w *window) compact() {
	v, k := &w.view, &w.kept
	if v.apart == 0 {
		v.kept, w.kept = nil, keptIndex{}
		return
	}
	live := make([]windowEntry, 0, v.apart+v.apart/4)
	k.byTime = k.byTime[:0]
	clear(k.byID)
	for i := range v.kept {
		if e := &v.kept[i]; e.Time > v.horizon {
			k.byID[e.ID] = len(live)
			k.byTime = append(k.byTime, keptTime{e.Time, len(live)})
			live = append(live, *e)
		}
	}
	heap.Init(&k.byTime)
	v.kept = live
}

// Len implements [heap.Interface].
func (h keptHeap) Len() int { return len(h) }

// Less implements [heap.Interface].
func (h keptHeap) Less(i, j int) bool { return h[i].at < h[j].at }

// Swap implements [heap.Interface].
func (h keptHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }

// Push implements [heap.Interface].
func (h *keptHeap) Push(x any) { *h = append(*h, x.(keptTime)) } //nolint:errcheck,forcetypeassert // of this heap

// Pop implements [heap.Interface].
func (h *keptHeap) Pop() any {
	last := len(*h) - 1
	x := (*h)[last]
	*h = (*h)[:last]
	return x
}
