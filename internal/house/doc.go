// Package house counts the code of this module and holds its structure to what ARCHITECTURE.md says of it: how much
// stands at the top level, and how many arrows inside a package run back up. It holds the words as well: no command
// in a library, no clause for the subject of a comment. There is nothing in it but tests; with -v they print the count.
//
// An arrow goes from one file to another of the same package, whatever the number of names the first uses of the
// second. The files of a package are put in an order in which as few arrows as possible run from a lower file to a
// higher one; these run back up. Packages need no such count between them: the compiler refuses circles, and depguard
// holds the direction.
package house
