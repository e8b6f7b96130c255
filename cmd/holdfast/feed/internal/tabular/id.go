package tabular

import (
	"strconv"

	"github.com/google/uuid"
)

// IDOf makes an id of texts, such that different texts give different ids.
func IDOf(kind string, parts ...string) string {
	b := []byte("holdfast/" + kind)
	for _, p := range parts {
		b = append(b, '/')
		b = strconv.AppendQuote(b, p)
	}
	return uuid.NewSHA1(uuid.NameSpaceOID, b).String()
}
