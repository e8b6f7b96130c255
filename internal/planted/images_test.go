package planted_test

// images are the bugs of writing over what was replaced while somebody may have it.
func images() []bug {
	return []bug{
		{"write over an image that a view shows", in("projector/book.go",
			"!w.keeps && old.Seq > lent {", "!w.keeps && old.Seq+lent > 0 {"), by("./projector", "^TestWhatReadersHoldStays$")},
		{"do not note that a view was taken", in("projector/view.go",
			"	b.lent.Store(b.pub.seq)\n", ""), by("./projector", "^TestWhatReadersHoldStays$")},
		{"write over an ended cycle", in("projector/book.go",
			"!w.keeps && old.Seq > lent {", "old.Seq > lent {"), by("./projector", "^TestWhatReadersHoldStays$")},
		{"write over an instrument that a view shows", in("projector/book.go",
			"b.cameLocked(w.slot, s.base+1) > lent {", "b.cameLocked(w.slot, s.base+1) > 0 {"), by("./projector", "^TestWhatReadersHoldStays$")},
		{"copy an image without the lock", in("projector/view.go",
			"	return marked(p.Detached(),", "	b.mu.RUnlock()\n	defer b.mu.RLock()\n	return marked(p.Detached(),"), by("./projector", "^TestNoImageIsTorn$")},
		{"share the fees of an image with who reads it", in("projector/view.go",
			"	return marked(p.Detached(),", "	return marked(*p,"), by("./projector", "^TestWhatReadersHoldStays$|^TestNoImageIsTorn$")},
		{"write over an image that a change leads to", in("projector/stage.go",
			"!s.accepted || s.base != r.upTo", "!s.accepted || s.base > r.upTo+1<<40"), by("./projector", "^TestChangesStayUntilAllIsGivenBack$")},
		{"let a refold share fees with what it began with", in("position/bust.go",
			"		p := images[i].Clone() //", "		p := &images[i] //"), by("./position", "^TestRefoldIsRetelling$")},
	}
}
