package planted_test

// ledger are the bugs of the facade: what callers and readers are told, and when.
func ledger() []bug {
	return []bug{
		{"acknowledge early", in("internal/committer/sync.go",
			"	if err := c.o.Journal.Commit(g.batch); err != nil {", "	for _, req := range g.waiters {\n		req.finish(nil)\n	}\n	g.waiters = nil\n	if err := c.o.Journal.Commit(g.batch); err != nil {"), by(atDrills+"/faults", "^TestWriteErrorIsFinal$|"+traced)},
		{"publish before durable", []edit{
			{"internal/committer/sync.go", "	if err := c.o.Journal.Commit(g.batch); err != nil {", "	c.o.Book.Publish(g.staged...)\n	if err := c.o.Journal.Commit(g.batch); err != nil {"},
			{"internal/committer/sync.go", "	c.o.Book.Publish(g.staged...)\n	c.o.Book.Reuse(", "	c.o.Book.Reuse("},
		}, by(".", "^TestReadersSeeOnlyWhatIsDurable$")},
		{"wake the relay before it is durable", []edit{
			{"internal/committer/sync.go", "	if err := c.o.Journal.Commit(g.batch); err != nil {", "	c.o.Committed(c.o.Journal.Durable())\n	if err := c.o.Journal.Commit(g.batch); err != nil {"},
			{"internal/committer/sync.go", "	c.o.Book.Reuse(g.staged...)\n	c.o.Committed(c.o.Journal.Durable())\n", "	c.o.Book.Reuse(g.staged...)\n"},
		}, by(".", "^TestRelayIsWokenWhenItIsDurable$")},
		{"put on the bus what is not durable", in("publish.go",
			"		last := f.l.wal.Durable()\n", "		last := ^uint64(0)\n"), by(".", "^TestNothingButDurableIsShown$")},
		{"expect a place of the first message of a fast batch only", in("bus/publish.go",
			"	if p.fast {\n		p.set(5, headerExpect,", "	if p.fast && !opens {\n		return nil\n	}\n	if p.fast {\n		p.set(5, headerExpect,"), by("./bus", "^TestForeignMessageEndsAFastBatch$")},
		{"read on beside what is rendered ahead", in("bus/ahead.go",
			"			for range full {", "			for range 0 {"), by("./bus", "^TestRebuildWhileFeeding$")},
		{"show what is not durable", in("ledger.go",
			"	found.r.Within(wal.Durable)\n", ""), by(".", "^TestNothingButDurableIsShown$")},
		{"swallow the journal's error", in("internal/committer/sync.go",
			"		c.Fail(err)\n		return", "		return"), by(atDrills+"/faults", "^TestWriteErrorIsFinal$")},
		{"drop the batch flag", in("internal/committer/group.go",
			"f |= journal.More", "f |= 0"), by(".", "^TestBatchIsAllOrNothing$")},
		{"set the batch flag on the last record", in("internal/committer/group.go",
			"if i < len(staged.Changes)-1 {", "if i <= len(staged.Changes)-1 {"), by(".", "^TestBatchIsAllOrNothing$")},
		{"do not tell the journal what a snapshot knows", in("recover.go",
			"Durable: known.seq, DurableBy", "Durable: min(known.seq, 0), DurableBy"), by(atDrills+"/snapshots", "^TestSnapshotIsAWitness$")},
		{"begin a journal where one was", in("recover.go",
			"Begun: exists, ", "Begun: false, "), by(atDrills+"/rot", "^TestJournalGone$")},
		{"hand over a change less than was accepted", in("internal/committer/sync.go",
			"g.staged[g.handed:len(g.staged):len(g.staged)]", "g.staged[g.handed:max(g.handed, len(g.staged)-len(g.staged)/16)]"), by(atDrills, "^TestEveryPace$")},
		{"stage on a group that is being synced as if it were durable", in("internal/committer/pace.go",
			"		p.flying = g\n		c.groups <- g\n", "		c.groups <- g\n		p.free = g.emptied()\n"), by(atDrills, "^TestEveryPace$")},
		{"believe a foreign snapshot about the end", in("archive/source.go",
			"if s.Err == nil && Owns(r.ID, s.Ledger, s.Seq) {", "if s.Err == nil {"), by(atDrills+"/snapshots", "^TestSnapshotIsAWitness$|^TestForeignSnapshotsAreLeftAlone$")},
		{"make a new identity beside records", in("recover.go",
			"	case last > 0:", "	case last > 1<<62:"), by(".", "^TestLostIdentityIsNotMadeUp$")},
		{"ignore the identity's checksum", in("archive/identityform.go",
			"	if f.Sum != f.digest() {", "	if f.Sum == \"\" {"), by(".", "^TestEveryBitOfTheIdentityCounts$")},
		{"replay one record too late", in("recover.go",
			"wal.Records(from+1)", "wal.Records(from+2)"), by(".", "^TestSnapshotsTrimAndFallBack$")},
		{"replay one record too late beside the verification", in("archive/early.go",
			"	return e.snap.Seq + 1\n", "	return e.snap.Seq + 2\n"), by("./archive", "^TestEarlyStateIsTheLast$")},
		{
			"a duplicate is answered before what it repeats is durable", in("internal/committer/stage.go",
				"	g.waiters = append(g.waiters, req)\n", "	if req.err == nil && len(req.outcomes) > 0 && req.outcomes[0].Duplicate {\n		req.finish(nil)\n		return\n	}\n	g.waiters = append(g.waiters, req)\n"),
			by(".", "^TestDuplicateWaitsForWhatItRepeats$"),
		},
	}
}
