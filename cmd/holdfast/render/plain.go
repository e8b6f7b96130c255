package render

import "regexp"

// packageNames are the names of packages at the start of an error's text and of
// its parts.
var packageNames = regexp.MustCompile(
	`(^|: |; |, |\n|\(|\band )(?:(?:holdfast|keyring|position|projector|journal|snapshotter|checkpoint|bus|embedded|feed): )+`)

// Plain takes the names of packages out of an error's text: they say nothing to
// the reader. It is for everything that is shown.
func Plain(text string) string { return packageNames.ReplaceAllString(text, "$1") }
