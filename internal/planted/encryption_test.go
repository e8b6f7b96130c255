package planted_test

import (
	"os"
	"path/filepath"
)

// encryption are the bugs of encrypting records, where there is encryption.
func encryption() []bug {
	const seal = "journal/seal.go"
	if _, err := os.Stat(filepath.Join(root, seal)); err != nil {
		return nil
	}
	return []bug{
		{"use a nonce twice", in(seal,
			"	copy(b.nonce[:], header[atSeq:atSynced])\n", ""), by(atJournal, "^TestNoNonceTwice$|^TestGolden")},
		{"use a salt twice", in(seal,
			"	if err := s.salt(head[sealIDSize:]); err != nil {", "	if err := error(nil); err != nil {"), by(atJournal, "^TestNoNonceTwice$")},
		{"do not bind a ciphertext to its place", in(seal,
			"	n := copy(b.with[:], header[atVersion:atChain])\n	copy(b.with[n:], prev[:])\n", ""), by(atJournal, "^TestTampered$|^TestGolden")},
	}
}
