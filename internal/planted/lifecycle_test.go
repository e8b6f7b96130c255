package planted_test

// lifecycle are the bugs of seqs, epochs, locks and of what is trimmed.
func lifecycle() []bug {
	return []bug{
		{"skip the lock", in("journal/lock.go",
			"if err = flock(f, unix.LOCK_EX); err == nil {", "if err = nil; err == nil {"), by(atJournal, "^TestTwoProcesses$")},
		{"hand out the same epoch twice", in("journal/repair.go",
			"	return epoch + 1\n", "	return max(epoch, 1)\n"), by(atJournal, "^TestEpochs$")},
		{"do not take the epoch before the first record", in("journal/repair.go",
			"last: r.keep.Seq, chain: r.keep.Chain, epoch: r.epoch,", "last: r.keep.Seq, chain: r.keep.Chain, epoch: r.mark.epoch,"), by(atJournal, "^TestEpochs$")},
		{"forget the epoch of records above MARK", in("journal/repair.go",
			"epoch = max(epoch, s.segs[i].epoch)", "epoch = max(epoch, min(s.segs[i].epoch, 0))"), by(atJournal, "^TestTrustJournal$|^TestEpochOfRecordsAlone$")},
		{"forget the epoch of a torn frame without MARK", in("journal/repair.go",
			"		epoch++\n	}\n	return", "		epoch += 0\n	}\n	return"), by(atJournal, "^TestTrustJournal$")},
		{"use a seq twice in one epoch", in("journal/commit.go",
			"	enc.head = r.Head()\n", "	if b.more = f&More != 0; len(b.entries) == 0 || b.more {\n		enc.head = r.Head()\n	}\n"), by(atJournal, "^TestOpenAppendReopen$")},
		{"trim a segment whose last record is wanted", in("journal/trim.go",
			"if last.Seq >= before ||", "if last.Seq > before ||"), by(atJournal, "^TestTrim$")},
		{"trim one segment too many", in("journal/trim.go",
			"return append([]sealed(nil), j.sealed[:n]...)", "return append([]sealed(nil), j.sealed[:min(n+1, len(j.sealed))]...)"), by(atJournal, "^TestTrim$")},
		{"trim what is not old enough", in("journal/trim.go",
			" || age != 0 && j.lapse.upTo-j.sealed[n].lapse.upTo <= age {", " {"), by(atJournal, "^TestTrim$")},
		{"count the gap that a wrong clock makes", in("journal/lapse.go",
			"d > 0 && d <= maxGap {", "d > 0 {"), by(".", "^TestWrongClockRemovesNothing$")},
		{"trim the newest record", in("journal/trim.go",
			"|| last.Seq >= j.head.Seq ||", "||"), by(atJournal, "^TestTrim$|^TestTrimKeepsTheNewestRecord$")},
		{"forget the chain before the first kept record", in("journal/trim.go",
			"m.first, m.base, m.noBase = last.Seq+1, last.Chain, false", "m.first, m.noBase = last.Seq+1, true"), by(atJournal, "^TestTrim$|^TestForeignFirst$")},
		{"a new lineage does not say what it follows", in("journal/lineage.go",
			"chain: base.Chain, base: base.Chain,", "chain: base.Chain,"), by(".", "^TestRestoreMakesANewLineage$")},
		{"a batch that another one should precede", in("journal/commit.go",
			"	case b.synced != durable:", "	case b.synced < durable:"), by(atJournal, "^TestBatchesKeepTheirOrder$")},
	}
}
