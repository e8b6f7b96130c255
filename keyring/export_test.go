package keyring

// ParseFile opens the parser of key files.
func ParseFile(text []byte) (ids []ID, line int, err error) {
	list, line, err := parse(text)
	for _, k := range list {
		ids = append(ids, k.ID())
	}
	return ids, line, err
}
