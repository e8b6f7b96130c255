package planted_test

const (
	traced    = "^TestSystemCallsKeepTheOrder$"
	firstErr  = "^TestFirstErrorIsFinal$"
	recovery  = "^TestRecovery$|^TestOpenSurvivesItsOwnCrashes$|^TestRewrittenIsAnotherFile$"
	atJournal = "./journal"
	atDrills  = "./internal/drills"
	atSegment = "./journal/internal/segment"
)

// disk are the bugs of making durable: what is skipped, done too early, done in
// the wrong order, or believed although it failed.
func disk() []bug {
	return []bug{
		{"skip the fsync of the segment", in("journal/commit.go",
			"if err := j.log.Sync(); err != nil {", "if err := error(nil); err != nil {"), by(atJournal, traced)},
		{"fsync the wrong directory", in("journal/commit.go",
			"	if len(full) > 0 {\n		if err := durable.SyncDir(filepath.Join(j.dir, segment.JournalDir)); err != nil {", "	if len(full) > 0 {\n		if err := durable.SyncDir(filepath.Join(j.dir, segment.JournalDir, \"..\")); err != nil {"), by(atJournal, traced)},
		{"skip the fsync of every directory", in("internal/durable/durable.go",
			"if err := d.Sync(); err != nil {", "if err := error(nil); err != nil {"), by("./internal/durable", "^TestReplaceIsDurable$")},
		{"skip the fsync of a file that takes a name", in("internal/durable/durable.go",
			"err = f.Sync()", "err = nil"), by("./internal/durable", "^TestReplaceIsDurable$")},
		{"skip the fsync of the name", in("internal/durable/durable.go",
			"return SyncDir(filepath.Dir(path))", "return nil"), by("./internal/durable", "^TestReplaceIsDurable$")},
		{"a new ledger's own name is not durable", in("journal/internal/segment/files.go",
			"return durable.SyncDir(filepath.Dir(path))", "return nil"), by(atJournal, traced)},
		{"the name of the first segment is not durable", in("journal/journal.go",
			"if err := durable.SyncDir(path); err != nil {", "if err := durable.SyncDir(j.dir); err != nil {"), by(atJournal, traced)},
		{"count as durable before the sync", in("journal/commit.go",
			"	if err := j.log.Sync(); err != nil {", "	j.mu.Lock()\n	j.head = last\n	j.mu.Unlock()\n	if err := j.log.Sync(); err != nil {"), by(atJournal, firstErr)},
		{
			"MARK before the sync", in("journal/commit.go",
				"	if err := j.log.Sync(); err != nil {",
				"	if m := j.currentMark(); len(full) > 0 {\n		m.Last, m.Chain, m.Tail = last.Seq, last.Chain, next.first\n		if err := j.saveMark(m); err != nil {\n			return err\n		}\n	}\n	if err := j.log.Sync(); err != nil {"),
			by(atJournal, traced),
		},
		{"no MARK for a new segment", in("journal/commit.go",
			"if err := j.saveMarkNow(); err != nil {", "if err := error(nil); err != nil {"), by(atJournal, recovery+"|"+traced+"|^TestMarkNamesANewSegment$")},
		{"try a failed fsync again", in("journal/commit.go",
			"if err := j.log.Sync(); err != nil {", "if err := j.log.Sync(); err != nil && j.log.Sync() != nil {"), by(atJournal, firstErr)},
		{"swallow a write error", in("journal/commit.go",
			"if err := j.log.Write(&b.parts[i]); err != nil {", "if err := j.log.Write(&b.parts[i]); err != nil && i > 0 {"), by(atJournal, firstErr)},
		{"swallow the error of a MARK", in("journal/commit.go",
			"return j.fail(\"mark\", err)", "_ = err"), by(atJournal, "^TestMarkThatCannotBeWritten$")},
		{"an error is not final", in("journal/commit.go",
			"	j.failed = failed\n", ""), by(atJournal, firstErr)},
		{"a clean MARK after a failure", in("journal/journal.go",
			"	if failed != nil || strays != nil {\n		j.out.drop()\n		return errors.Join(strays, j.lock.Release())\n	}\n", "	_, _ = failed, strays\n"), by(atJournal, firstErr)},
		{
			"believe that a MARK was written that was not", in("journal/journal.go",
				"	err := segment.WriteMark(j.dir, &m)\n", "	j.saved = m\n	err := segment.WriteMark(j.dir, &m)\n"),
			by(atJournal, "^TestMarkThatCannotBeWritten$"),
		},
		{"Close does not wait for the commit", in("journal/journal.go",
			"func (j *Journal) Close() error {\n	j.commitMu.Lock()\n	defer j.commitMu.Unlock()", "func (j *Journal) Close() error {"), by(atJournal, "^TestCloseWaitsForTheCommit$")},
		{"leave a full segment before it is durable", in("journal/writer.go",
			"	if err := w.f.Sync(); err != nil {\n		return err\n	}\n	if err := w.f.Close()", "	if err := w.f.Close()"), by(atJournal, traced)},
		{"a segment made in advance takes its name before it is durable", in("journal/spare.go",
			"if err := s.f.Sync(); err != nil {", "if err := error(nil); err != nil {"), by(atJournal, traced)},
		{"zeros for the next segment anew for each piece of it", []edit{
			{"journal/spare.go", "if s.zeros == nil {", "if true {"},
			{"journal/spare.go", "spareZeros = 64 << 10", "spareZeros = sparePiece"},
		}, by("./internal/yardstick", "^TestAFillAllocatesHardlyMoreThanIsKept$")},
		{"zeros beyond the end of a full segment", in("journal/ahead.go",
			"room := min(a.limit-a.size, a.step)", "room := a.step"), by(atJournal, "^TestSizedInAdvance$")},
		{"zeros over the records", in("journal/ahead.go",
			"os.O_RDWR|os.O_APPEND", "os.O_RDWR"), by(atJournal, "^TestSizedInAdvance$|^TestTakesTurnsWithTheLibrary$")},
		{"Close cuts and does not sync that", in("journal/writer.go",
			"	err := w.cut()\n	if err == nil {\n		err = w.f.Sync()\n	}\n", "	err := w.cut()\n"), by(atJournal, traced)},
		{"a header over the payload that stands in its place", in("journal/commit.go",
			"if size-length > usualPrefix {", "if false {"), by(atJournal, "^TestRoom$")},
		{"end a segment one record late", in("journal/writer.go",
			"w.size < w.limit {", "w.size <= w.limit+64 {"), by(atJournal, "^TestTakesTurnsWithTheLibrary$|^TestSizedInAdvance$")},
		{"remove before MARK says so", in("journal/trim.go",
			"	if err = j.moveFirst(old[len(old)-1].last); err != nil {\n		return nil, err\n	}\n",
			"	defer func() { _ = j.moveFirst(old[len(old)-1].last) }()\n"), by(atJournal, traced+"|^TestMarkThatCannotBeWritten$")},
		{"keep what is cut in a directory that is not durable", in("journal/recover.go",
			"return durable.SyncDir(filepath.Join(r.Dir, segment.QuarantineDir))", "return nil"), by(atJournal, traced)},
		{"do not keep what is cut", in("journal/recover.go",
			"err := os.Link(path, target)", "err := error(nil)"), by(atJournal, recovery)},
		{"do not keep what is cut where there are no links", in("journal/recover.go",
			"err = copyCut(path, target, cut)", "err = nil"), by(atJournal, "^TestQuarantineWithoutLinks$")},
		{"cut the oldest segment first", in("journal/recover.go",
			"for i := len(r.Segs) - 1; i > at; i-- {", "for i := at + 1; i < len(r.Segs); i++ {"), by(atJournal, traced)},
		{"trust the page cache after an unclean end", in("journal/recover.go",
			"if r.Mark.Clean || len(r.Segs) == 0 {", "if !r.Cuts() || len(r.Segs) == 0 {"), by(atJournal, recovery)},
		{"rewrite the tail where it stands", in("journal/recover.go",
			"	err = durable.Replace(seg.Path, segment.FilePerm, func(w io.Writer) error {\n		_, copyErr := io.CopyN(w, f, end)\n		return copyErr\n	})",
			"	err = os.Truncate(seg.Path, end)"), by(atJournal, "^TestRewrittenIsAnotherFile$")},
	}
}
