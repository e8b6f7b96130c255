package histories_test

import (
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"
)

// linearCall is what one caller asks of one key: to read it, or to buy one unit
// of it under an id and perhaps an expected version.
type linearCall struct {
	key    string
	id     string // "" reads
	expect int64  // version; -1: none
}

// linearReply is the answer. An append that got none, because the process was
// killed, may have happened or not.
type linearReply struct {
	what    string // "ok", "dup", "conflict", "read", or "unknown"
	version int64  // of a read; 0: the key is not there
	qty     int64
	first   uint64 // seq of an append
}

// linearState is one key as the model sees it: its version, which is also how
// much was bought, and the ids that were taken of those that are used again.
type linearState struct {
	version int64
	taken   string
}

func (s linearState) has(id string) bool { return strings.Contains(s.taken, " "+id+" ") }

func (s linearState) bought(id string, again map[string]bool) linearState {
	s.version++
	if again[id] {
		ids := append(strings.Fields(s.taken), id)
		slices.Sort(ids)
		s.taken = " " + strings.Join(ids, " ") + " "
	}
	return s
}

// linearModel is what a key must look like to all callers together. again names
// the ids that occur more than once in the history.
func linearModel(again map[string]bool) porcupine.Model {
	step := func(state, input, output any) []any {
		s, known := state.(linearState)
		call, asked := input.(linearCall)
		reply, told := output.(linearReply)
		if !known || !asked || !told {
			return nil
		}
		fits := call.expect < 0 || call.expect == s.version
		switch reply.what {
		case "read":
			if reply.version == s.version && reply.qty == s.version {
				return []any{s}
			}
		case "ok":
			if fits && !s.has(call.id) {
				return []any{s.bought(call.id, again)}
			}
		case "dup":
			if s.has(call.id) {
				return []any{s}
			}
		case "conflict":
			if !fits && !s.has(call.id) {
				return []any{s}
			}
		case "unknown":
			if call.id != "" && fits && !s.has(call.id) {
				return []any{s, s.bought(call.id, again)}
			}
			return []any{s}
		}
		return nil
	}
	m := porcupine.NondeterministicModel{
		PartitionEvent: func(events []porcupine.Event) [][]porcupine.Event {
			keys, of := map[string][]porcupine.Event{}, map[int]string{}
			for _, e := range events {
				if call, ok := e.Value.(linearCall); ok {
					of[e.Id] = call.key
				}
				keys[of[e.Id]] = append(keys[of[e.Id]], e)
			}
			var out [][]porcupine.Event
			for _, of := range keys {
				out = append(out, of)
			}
			return out
		},
		Init:  func() []any { return []any{linearState{}} },
		Step:  step,
		Equal: func(a, b any) bool { return a == b },
	}
	return m.ToModel()
}

// linearizable checks a history of all keys.
func linearizable(events []porcupine.Event) bool {
	seen, again := map[string]bool{}, map[string]bool{}
	for _, e := range events {
		if call, ok := e.Value.(linearCall); ok && call.id != "" {
			again[call.id] = seen[call.id]
			seen[call.id] = true
		}
	}
	for id, twice := range again {
		if !twice {
			delete(again, id)
		}
	}
	return porcupine.CheckEvents(linearModel(again), events)
}
