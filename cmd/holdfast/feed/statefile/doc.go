// Package statefile reads and writes the files in which trading bots keep their
// positions: one JSON document that tells what is open and what was done so far.
//
// [Read] makes mutations of such a file, fills where it tells them, else an adoption
// of what remains. [Write] makes a file of positions that Read gives back.
package statefile
