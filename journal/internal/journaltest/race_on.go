//go:build race

package journaltest

// raceEnabled makes the enumerations take samples: the detector costs them ten
// times their time and finds nothing in a loop that a sample does not show.
const raceEnabled = true
