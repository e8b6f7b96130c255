package segment

// Doors for the tests.

// OneByte is the correction that tells rot from a torn write.
func OneByte(entry []byte, prev Head) string {
	_, reason := oneByte(entry, prev)
	return reason
}

// RecodeMark decodes MARK and encodes it again.
func RecodeMark(b []byte) (again []byte, reason string) {
	m, _, reason := decodeMark(b)
	if reason != "" {
		return nil, reason
	}
	return m.encode(), ""
}

// ParseHolder reads the text of LOCK.
func ParseHolder(b []byte) Holder { return parseHolder(b) }
