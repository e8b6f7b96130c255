// Package journaltest is what the tests of journal, of its segments and of its repair
// share: a ledger of three segments, every damage that is done to one with what must
// come of it, and the bytes of frames and MARK.
package journaltest
