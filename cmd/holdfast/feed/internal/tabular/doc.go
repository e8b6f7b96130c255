// Package tabular is what the formats of package feed share: lines, records of
// cells under a header, how times and numbers are written, and the errors that
// name a place.
package tabular
