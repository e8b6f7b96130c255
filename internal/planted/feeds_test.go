package planted_test

// feeds are the bugs of files that are read wrong and say nothing.
func feeds() []bug {
	const atFeed = "./cmd/holdfast/feed"
	return []bug{
		{"rows go in behind terms that were refused", in("cmd/holdfast/ingest/definitions.go",
			"	if r.free && err != nil {\n", "	if r.free && err == nil {\n"), by("./cmd/holdfast", "^TestScripts$/^terms$")},
		{"a mark of thousands behind a zero", in("cmd/holdfast/feed/mapping/number.go",
			" || len(g) > 3 || g[0] == '0') {", " || len(g) > 3) {"), by(atFeed, "^TestCSVNumbers$")},
		{"take the last line of a file that grows", in("cmd/holdfast/feed/mapping/sheet.go",
			"time.Since(info.ModTime()); left > 0 {", "time.Since(info.ModTime()); left > rest {"), by(atFeed, "^TestCSVLastLineOfAFileThatGrows$")},
		{"take rows for what stands above the header", in("cmd/holdfast/feed/mapping/header.go",
			"	return nil, fmt.Errorf(\"%w: %s: %w\", tabular.ErrColumn, name, lacks)\n", "	_ = lacks\n	return makeRows(name, best, m)\n"), by(atFeed, "^TestCSVKinds$")},
		{"book all quantities without a sign as bought", in("cmd/holdfast/feed/mapping/sidewatch.go",
			"firm && said != booked && c.against == \"\"", "firm && said == booked && c.against == \"\""), by(atFeed, "^TestCSVKinds$")},
		{"take a date for an id", in("cmd/holdfast/feed/mapping/guard.go",
			" || !r.tells(p, b.columns[0], id) {", " {"), by(atFeed, "^TestCSVKinds$")},
		{"take no multiplier for one", in("cmd/holdfast/feed/mapping/fill.go",
			"	case m.value.Sign() <= 0:\n", "	case m.value.Sign() < 0:\n"), by(atFeed, "^TestCSVKinds$")},
		{"book what was ordered and not executed", in("cmd/holdfast/feed/mapping/cell.go",
			" || g.doneOf(r, v)", ""), by(atFeed, "^TestCSVKinds$")},
	}
}
