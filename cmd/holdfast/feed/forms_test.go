package feed_test

import (
	"cmp"
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// form is how a drawn file is written.
type form struct {
	comma                                            rune
	numbers                                          string // "", us or eu
	newestFirst, negativeFees, signs, words, deposit bool
	preamble, footer                                 bool
}

// Whatever fills are written in whatever form come back exactly by the mapping of
// the form. Where one of its rules is left out, they come back exactly or the file
// is refused: never otherwise.
func TestFormsComeBackOrAreRefused(t *testing.T) {
	seed, err := strconv.ParseUint(cmp.Or(os.Getenv("HOLDFAST_SEED"), strconv.FormatInt(time.Now().UnixNano(), 10)), 10, 64)
	require.NoError(t, err, "HOLDFAST_SEED")
	t.Logf("HOLDFAST_SEED=%d", seed)
	files, err := strconv.Atoi(cmp.Or(os.Getenv("HOLDFAST_FORMS"), "150"))
	require.NoError(t, err, "HOLDFAST_FORMS")
	refused, right := 0, 0
	for i := range files {
		rnd := rand.New(rand.NewPCG(seed, uint64(i)))
		text, rules, want := drawn(rnd)
		have, err := told(t, text, strings.Join(rules, "\n")+"\n#")
		require.NoError(t, err, "file %d:\n%s\n%s", i, text, rules)
		require.Equal(t, want, have, "file %d:\n%s\n%s", i, text, rules)
		for k := range rules {
			fewer := slices.Delete(slices.Clone(rules), k, k+1)
			have, err = told(t, text, strings.Join(fewer, "\n")+"\n#")
			if err != nil {
				refused++
				continue
			}
			right++
			require.Equal(t, want, have, "file %d without %s:\n%s\n%s", i, rules[k], text, fewer)
		}
	}
	require.Positive(t, refused)
	t.Logf("%d files; with a rule left out %d refused, %d right", files, refused, right)
}

// drawn returns a file, the parts of its mapping, and what it tells.
func drawn(rnd *rand.Rand) (text string, rules, want []string) {
	coin := func() bool { return rnd.IntN(2) == 0 }
	f := form{
		comma: []rune{',', ';', '\t'}[rnd.IntN(3)], numbers: []string{"", "us", "eu"}[rnd.IntN(3)],
		newestFirst: coin(), negativeFees: coin(), signs: coin(), words: coin(), deposit: coin(), preamble: coin(), footer: coin(),
	}
	var rows [][]string
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	want = []string{"XYZ is linear x 1 in EUR"}
	for i := range 2 + rnd.IntN(10) {
		if i < 2 || rnd.IntN(3) > 0 {
			at = at.Add(time.Duration(1+rnd.IntN(5000)) * time.Minute)
		}
		side, qty, price, fee := "buy", 1+rnd.Int64N(5_000_000), 1+rnd.Int64N(9_000_000), 1+rnd.Int64N(999)
		if coin() {
			side = "sell"
		}
		line := fmt.Sprintf("me %s %s XYZ @ %s fee %s EUR", side, plain(qty), plain(price), plain(fee))
		for range 1 + rnd.IntN(5)/4 { // a fifth are twins
			rows = append(rows, f.row(at, side, qty, price, fee))
			want = append(want, line)
		}
		if f.deposit && coin() {
			rows = append(rows, []string{at.Format(time.DateTime), "Deposit", "", "", "", "", "EUR"})
		}
	}
	if f.newestFirst {
		slices.Reverse(rows)
	}
	return f.file(rows), f.rules(), want
}

// plain is a number of hundredths without trailing zeros.
func plain(n int64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%d.%02d", n/100, n%100), "0"), ".")
}

// number writes hundredths as the form does.
func (f *form) number(n int64) string {
	sign := ""
	if n < 0 {
		sign, n = "-", -n
	}
	whole := strconv.FormatInt(n/100, 10)
	if f.numbers == "" {
		return fmt.Sprintf("%s%s.%02d", sign, whole, n%100)
	}
	mark, point := ",", "."
	if f.numbers == "eu" {
		mark, point = ".", ","
	}
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + mark + whole[i:]
	}
	return fmt.Sprintf("%s%s%s%02d", sign, whole, point, n%100)
}

func (f *form) row(at time.Time, side string, qty, price, fee int64) []string {
	word := map[string]string{"buy": "buy", "sell": "sell"}[side]
	if f.words {
		word = map[string]string{"buy": "Reinvested " + at.Format("Jan"), "sell": "Sold"}[side]
	}
	if f.signs && side == "sell" {
		qty = -qty
	}
	if f.negativeFees {
		fee = -fee
	}
	return []string{at.Format(time.DateTime), word, "XYZ", f.number(qty), f.number(price), f.number(fee), "EUR"}
}

func (f *form) file(rows [][]string) string {
	var b strings.Builder
	if f.preamble {
		b.WriteString("Statement of me\nAccount holder" + string(f.comma) + "me\n\n")
	}
	w := csv.NewWriter(&b)
	w.Comma = f.comma
	_ = w.Write([]string{"When", "What", "Symbol", "Shares", "Rate", "Paid fee", "Cur"})
	_ = w.WriteAll(rows)
	if f.footer {
		_ = w.Write([]string{"Total", "", "", "", "", "", ""})
	}
	w.Flush()
	return b.String()
}

func (f *form) rules() []string {
	out := []string{
		"account:=me", "time=When", "time_format=" + time.DateTime, "instrument=Symbol", "qty=Shares", "price=Rate",
		"settlement=Cur", "fee_currency=Cur", "id:=row",
	}
	switch {
	case f.words:
		out = append(out, "side=What:buy=Reinvested *|Bought\nsell=Sold")
	default:
		out = append(out, "side=What")
	}
	if f.negativeFees {
		out = append(out, "fee=-Paid fee")
	} else {
		out = append(out, "fee=Paid fee")
	}
	if f.numbers != "" {
		out = append(out, "number="+f.numbers)
	}
	if f.deposit {
		out = append(out, "skip=What:Deposit")
	}
	if f.footer {
		out = append(out, "end=Total")
	}
	return out
}
