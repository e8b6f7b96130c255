// Package render draws the results of the verbs: rows as a table for people, as
// CSV, JSON or NDJSON for programs, names and values in two columns, and how far
// long work is.
//
// A [Sheet] is given each row as JSON and writes it in the form that was asked
// for. It holds back the first rows of a table to find the widths, and nothing
// else. Numbers of a table are rounded by [Short]; the other forms are exact.
//
// The package reads no flags and writes only to what it is given.
package render
