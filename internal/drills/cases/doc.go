// Package cases folds trades whose results somebody else has published: the
// exports of venues, and the test suites of other projects, as numbers. Each is
// applied to a ledger on disk, whose figures must be theirs.
//
// The data stands in a folder beside the checkout; where that is missing the
// cases skip and say so.
package cases
