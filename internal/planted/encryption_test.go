package planted_test

// encryption are the bugs of encrypting records.
func encryption() []bug {
	const seal = "journal/internal/segment/seal.go"
	return []bug{
		{"use a nonce twice", in(seal,
			"	copy(b.nonce[:], header[atSeq:atBehind])\n", ""), by(atJournal, "^TestNoNonceTwice$|^TestGolden")},
		{"use a salt twice", in(seal,
			"	if err := s.salt(head[sealIDSize:]); err != nil {", "	if err := error(nil); err != nil {"), by(atJournal, "^TestNoNonceTwice$")},
		{"do not bind a ciphertext to its place", in(seal,
			"	copy(b.with[:], header[atVersion:])\n", ""), by(atJournal, "^TestTampered$|^TestGolden")},
	}
}
