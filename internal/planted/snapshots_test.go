package planted_test

const (
	atSnapshotter  = "./snapshotter"
	tracedSnapshot = "^TestSnapshotIsDurableBeforeItCounts$"
)

// snapshots are the bugs of writing, counting and pruning snapshots.
func snapshots() []bug {
	return []bug{
		{"skip the fsync of a snapshot", in("snapshotter/snapshotter.go",
			"	if err = f.Sync(); err != nil {", "	if err = nil; err != nil {"), by(atSnapshotter, tracedSnapshot)},
		{"count a snapshot before its name is durable", in("snapshotter/snapshotter.go",
			"	if err = durable.SyncDir(s.dir); err != nil {", "	if err = nil; err != nil {"), by(atSnapshotter, tracedSnapshot)},
		{"count a snapshot before its directory's name is durable", in("snapshotter/snapshotter.go",
			"	return durable.SyncDir(filepath.Dir(s.dir))", "	return nil"), by(atSnapshotter, tracedSnapshot)},
		{
			"count a snapshot before it is verified", in("snapshotter/snapshotter.go",
				"	size, err := s.readBack(ctx, name, sum)\n", "	_ = sum\n	info, err := os.Stat(temp)\n	size := int64(0)\n	if err == nil {\n		size = info.Size()\n	}\n"),
			by(atSnapshotter, tracedSnapshot),
		},
		{
			"write over a snapshot", in("snapshotter/snapshotter.go",
				"		if errors.Is(err, fs.ErrNotExist) {\n			return name, nil\n		}\n		if err", "		if errors.Is(err, fs.ErrNotExist) || err == nil {\n			return name, nil\n		}\n		if err"),
			by(atSnapshotter, "^TestSameSecondSameSeq$"),
		},
		{"prune although nothing verifies", in("snapshotter/list.go",
			"		return verifyErr == nil\n", "		return x.Err == nil\n"), by(atSnapshotter, "^TestPruneKeepsTheLastGoodOne$")},
		{"forget the dedupe window in a snapshot", []edit{
			{"projector/body.go", "	b.window(v.window)\n", ""},
			{"projector/body.go", "c.Positions, c.Cycles, c.Window,", "c.Positions, c.Cycles, 0,"},
		}, by(atDrills+"/snapshots", "^TestWindowComesBackFromASnapshot$")},
		{"recompute an older epoch by the newest arithmetic", in("projector/recompute.go",
			"	b.rules = rules\n", "	_ = rules\n"), by("./projector", "^TestRecomputeByTheArithmeticOfTheEpoch$")},
		{"take terms that contradict their kind", in("position/define.go",
			"	return d.Terms.contradiction()\n", "	return nil\n"), by("./position", "^TestTermsThatCannotBeRight$")},
		{"judge anew the terms that a journal holds", in("position/mutation.go",
			"		return d.validateForm()\n", "		return d.Validate()\n"), by("./projector", "^TestTermsOfEarlierBuilds$")},
		{"forget what is dated ahead of its record", in("projector/kept.go",
			"	if e.Time <= v.horizon {\n		return\n	}\n	if w.kept.byID", "	if e.Time > 0 {\n		return\n	}\n	if w.kept.byID"), by("./projector", "^TestResendIsNeverAppliedTwice$")},
		{"leave the newest out of a window's index that is made at once", in("projector/window.go",
			"	for n := v.lo; n < v.hi; {\n", "	for n := v.lo; n+1 < v.hi; {\n"), by("./projector", "^TestWindowAddLater$")},
		{"forget in a snapshot that an entry is dated ahead", in("projector/load.go",
			"Ahead: time.Duration(binary", "Ahead: 0 * time.Duration(binary"), by("./projector", "^TestResendIsNeverAppliedTwice$")},
		{"a window that was made with any key", in("projector/load.go",
			"l.prints != l.book.prints && !l.anyPrints", "false && !l.anyPrints"), by("./projector", "^TestLoadIsOfOneKey$")},
		{"a snapshot of two ledgers", in("archive/identityform.go",
			"	if s.Ledger != [16]byte(id.ID) {", "	if false {"), by("./archive", "^TestSnapshotOfTwoLedgers$")},
		{"a restored ledger with a key of its own", in("archive/identity.go",
			"	id.Prints = parent.Prints\n", ""), by("./archive", "^TestIdentityComesBack$")},
		{"an epoch without the key of its ledger", in("archive/identityform.go",
			"Identity: string(encoded(id)), Prints: id.Prints}", "Identity: string(encoded(id))}"), by("./archive", "^TestIdentityComesBack$")},
		{"a lineage that outgrows a record", in("archive/identity.go",
			"	if len(parent.Parents) >= MaxParents {", "	if len(parent.Parents) >= 9*MaxParents {"), by("./archive", "^TestLineageIsBounded$")},
		{"forget the horizon of the window in a snapshot", in("projector/load.go",
			"	b.window.Forget(position.Time(n[4]))\n", ""), by("./projector", "^TestLoad")},
		{"a snapshot at the wrong seq", in("archive/restore.go",
			"Identity: string(encoded(id)), Seq: head.Seq,", "Identity: string(encoded(id)), Seq: head.Seq - 1,"), by(".", "^TestSnapshotsTrimAndFallBack$")},
		{"a snapshot with the chain of the record before", in("snapshot.go",
			"	head, err := l.src.HeadAt(v.Seq())\n	if err != nil {", "	head, err := l.src.HeadAt(v.Seq() - 1)\n	if head.Seq++; err != nil {"), by(".", "^TestSnapshotsTrimAndFallBack$")},
		{"trim past a snapshot that does not load", in("retain.go",
			"		_, err = l.src.Load(log, s)\n", "		_, err = log.Last()\n"), by(atDrills+"/snapshots", "^TestTrimNeedsASnapshotThatLoads$")},
		{"trim one record past the snapshot", in("retain.go",
			"before := s.Seq + 1", "before := s.Seq + 2"), by(atDrills+"/snapshots", "^TestTrimStopsBehindTheSnapshot$")},
		{"trim up to the newest snapshot, whose age nobody asked", in("retain.go",
			"s := mine[max(aged, min(l.opts.SnapshotKeep, len(mine))-1)]", "s := mine[0]"), by(atDrills+"/snapshots", "^TestTrimStopsBehindTheSnapshot$")},
		{"prune the base", in("retain.go",
			"if s.Seq == base || spaced {", "if spaced {"), by(atDrills+"/snapshots", "^TestBaseIsNotPruned$")},
		{"a restored ledger before its state is there", []edit{
			{"archive/restore.go", "	snaps := snapshotter.New(filepath.Join(to,", "	if _, err = WriteIdentity(id, to); err != nil {\n		return Restored{}, err\n	}\n	snaps := snapshotter.New(filepath.Join(to,"},
		}, by(atDrills+"/faults", traced)},
		{"a snapshot that the journal contradicts is restored", in("archive/restore.go",
			"	case beyond || damaged || errors.Is(err, journal.ErrTrimmed):", "	case beyond || damaged || err != nil:"), by(atDrills+"/snapshots", "^TestContradictedSnapshotIsNotRestored$")},
		{"a snapshot of another ledger is restored", in("archive/restore.go",
			"	if !Owns(r.ID, s.Ledger, s.Seq) {", "	if false {"), by(atDrills+"/snapshots", "^TestSnapshotByItsName$")},
		{"a restore that is not read back", in("archive/restore.go",
			"	if _, err = LoadBook(snaps, written, r.Opts); err != nil {", "	_ = written\n	if err = nil; err != nil {"), by(atDrills+"/snapshots", "^TestRestoreReadsBack$")},
	}
}
