package feed_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed"
	"github.com/moneyprinter/holdfast/cmd/holdfast/feed/mapping"
)

// A mapping says each thing once, and narrows the filter before it.
func TestMappingContradictsItself(t *testing.T) {
	for _, text := range []string{
		"order=file,order=time", "number=us,number=eu", "time_zone=UTC,id=x,time_zone=UTC", "only=A:x,only=B:y", "group=a,group=b", "when=A:x,group=a,group=b",
		"and=A:x", "skip=A:x,qty=q,and=B:y", "skip=A:x,when=B:y,qty=q,and=C:z",
	} {
		_, err := mapping.Parse(text)
		require.ErrorIs(t, err, feed.ErrMapping, text)
	}
	for _, text := range []string{"skip=A:x,skip=B:y,end=a,end=b,ignore=a,ignore=b", "group=a,when=A:x,group=a,when=A:y,group=b", "when=A:x,skip=A:z,and=B:y"} {
		_, err := mapping.Parse(text)
		require.NoError(t, err, text)
	}
}

// The rows of one trade may stand anywhere: they are held, from a pipe in the order of
// the file as well, and are no more than may be held.
func TestCSVTradesAreHeldWhole(t *testing.T) {
	const mapping = "order=file,account:=me,time=when,time_format=2006-01-02,group=id,asset=Coin,amount=Change,quotes=EUR,instrument={base}{quote},id=id"
	const text = "when,id,Coin,Change\n2026-01-05,1,BTC,1\n2026-01-05,2,BTC,-1\n2026-01-05,2,EUR,150\n2026-01-05,1,EUR,-100\n"
	have, err := told(t, text, mapping)
	require.NoError(t, err)
	require.Equal(t, []string{"BTCEUR is spot x 1 in EUR", "me buy 1 BTCEUR @ 100", "me sell 1 BTCEUR @ 150"}, have)
	f, err := feed.Open("x.csv", strings.NewReader(text), feed.CSV, mustMap(t, mapping))
	require.NoError(t, err)
	f.HoldAtMost(len("abc"))
	_, err = f.Next()
	require.ErrorContains(t, err, "more than 3 rows, and the rows of one trade may stand anywhere")
}

// A zone's name is no zone, on whatever machine the file is read.
func TestCSVZones(t *testing.T) {
	const named, plain = "time_format=2006-01-02 15:04:05 MST", "time_format=2006-01-02 15:04:05"
	for _, c := range []struct{ mapping, text, want, refused string }{
		{named, "2025-05-30 12:29:35 UTC", "2025-05-30T12:29:35Z", ""},
		{named, "2025-05-30 12:29:35 GMT", "2025-05-30T12:29:35Z", ""},
		{named, "2025-05-30 12:29:35 GMT+2", "2025-05-30T10:29:35Z", ""},
		{named, "2025-05-30 12:29:35 GMT-11", "2025-05-30T23:29:35Z", ""},
		{named + ",time_zone=America/New_York", "2025-05-30 12:29:35 GMT+2", "2025-05-30T10:29:35Z", ""},
		{named, "2025-05-30 12:29:35 EDT", "", `names the zone "EDT"`},
		{named, "2025-05-30 12:29:35 CET", "", `names the zone "CET"`},
		{named + ",time_zone=America/New_York", "2025-05-30 12:29:35 EDT", "2025-05-30T16:29:35Z", ""},
		{named + ",time_zone=America/New_York", "2025-12-30 12:29:35 EST", "2025-12-30T17:29:35Z", ""},
		{named + ",time_zone=America/New_York", "2025-05-30 12:29:35 EST", "", "was not EST in America/New_York"},
		{named + ",time_zone=America/New_York", "2025-11-02 01:30:00 EDT", "2025-11-02T05:30:00Z", ""},
		{named + ",time_zone=America/New_York", "2025-11-02 01:30:00 EST", "2025-11-02T06:30:00Z", ""},
		{plain + ",time_zone=America/New_York", "2025-11-02 01:30:00", "", "happened twice in America/New_York"},
		{plain + ",time_zone=America/New_York,time_fold=second", "2025-11-02 01:30:00", "2025-11-02T06:30:00Z", ""},
		{plain + ",time_zone=Europe/Amsterdam", "2026-03-29 02:30:00", "", "did not happen in Europe/Amsterdam"},
		{plain + ",time_zone=+08:00", "2026-03-29 02:30:00", "2026-03-28T18:30:00Z", ""},
		{plain + ",time_zone=UTC+8", "2026-03-29 02:30:00", "2026-03-28T18:30:00Z", ""},
		{plain + ",time_zone={id}", "2026-03-29 05:30:00", "2026-03-29T03:30:00Z", ""},
		{"time_zone=Asia/Kolkata", "2026-01-05T09:30:00", "2026-01-05T04:00:00Z", ""},
		{plain, "2026-03-29 02:30:00", "2026-03-29T02:30:00Z", ""},
	} {
		for _, machine := range []string{"America/New_York", "Europe/Berlin"} {
			t.Setenv("TZ", machine)
			text := "account,instrument,side,qty,price,id,time\nme,X,buy,1,1,Europe/Amsterdam," + c.text + "\n"
			m, err := mapping.Parse(c.mapping)
			require.NoError(t, err, c.mapping)
			f, err := feed.Open("x.csv", strings.NewReader(text), feed.CSV, m)
			require.NoError(t, err)
			e, err := f.Next()
			if c.refused != "" {
				require.ErrorContains(t, err, c.refused, "%+v", c)
				continue
			}
			require.NoError(t, err, "%+v", c)
			require.Equal(t, c.want, e.Mutation.EventTime().String(), "%+v", c)
		}
	}
	for _, zone := range []string{"Local", "EST", "Mars/Base", "", "8"} {
		_, err := mapping.Parse("time_zone=" + zone)
		require.ErrorIs(t, err, feed.ErrMapping, zone)
	}
}

// Numbers are read by the form that the mapping states, and refused otherwise.
func TestCSVNumbers(t *testing.T) {
	for _, c := range []struct{ rule, text, want, refused string }{
		{"", "1234.5", "1234.5", ""},
		{"", "0.00100000000000000000", "0.001", ""},
		{"", "$135.0075", "", "number=us reads"},
		{"", "1e-8", "", "plain decimal"},
		{"", "0.1234567890123456789", "", "more than 18 digits after the point: round=18"},
		{"round=18", "0.1234567890123456785", "0.123456789012345678", ""},
		{"number=us", "$1,234.56", "1234.56", ""},
		{"number=us", "1 234.56", "1234.56", ""},
		{"number=us", "USD 200.00", "200", ""},
		{"number=us", "0.0080100000BTC", "0.00801", ""},
		{"number=us", "1e-8", "0.00000001", ""},
		{"number=us", "12E2", "1200", ""},
		{"number=us", ".5", "0.5", ""},
		{"number=us", "1,23", "", "does not stand between thousands"},
		{"number=us", "1.234,56", "", "is no number"},
		{"number=us", "0,123", "", "does not stand between thousands"},
		{"number=eu", "0.123", "", "does not stand between thousands"},
		{"number=us", "12%", "", "is no number"},
		{"number=us", "$5 USD", "", "a unit before and behind"},
		{"number=us", "1-2", "", "is no number"},
		{"number=us,round=18", "$3102.3217898325970226955", "3102.321789832597022696", ""},
		{"number=eu", "1.234,56", "1234.56", ""},
		{"number=eu", "89.162,28 €", "89162.28", ""},
		{"number=eu", "49,785", "49.785", ""},
		{"number=eu", "1.23", "", "does not stand between thousands"},
	} {
		mapping := strings.Trim("settlement:=EUR,"+c.rule, ",")
		if strings.Contains(c.text, "$") || strings.Contains(c.text, "USD") {
			mapping = strings.Replace(mapping, "EUR", "USD", 1)
		}
		if strings.Contains(c.text, "BTC") {
			mapping = strings.Replace(mapping, "EUR", "BTC", 1)
		}
		have, err := told(t, "account,instrument,side,qty,price,id\nme,X,buy,1,\""+c.text+"\",a\n", mapping)
		if c.refused != "" {
			require.ErrorContains(t, err, c.refused, "%+v", c)
			continue
		}
		require.NoError(t, err, "%+v", c)
		require.Equal(t, "me buy 1 X @ "+c.want, have[1], "%+v", c)
	}
	for text, want := range map[string]string{"-5": "5", "- 0.08": "0.08", "($1.00)": "1", "-$0.01": "0.01", "$-2": "2"} {
		have, err := told(t, "account,instrument,side,qty,price,id,F\nme,X,buy,1,1,a,"+text+"\n", "fee=-F,fee_currency:=USD,settlement:=USD,number=us")
		require.NoError(t, err, text)
		require.Equal(t, "me buy 1 X @ 1 fee "+want+" USD", have[1])
	}
}

// Ids made of rows tell equal rows apart, and are the same in every export.
func TestCSVRowIDs(t *testing.T) {
	const header, twin, newer = "account,instrument,side,qty,price,time\n", "me,X,buy,1,5,2026-01-01T00:00:00Z\n", "me,X,sell,1,6,2026-02-01T00:00:00Z\n"
	ids := func(text, said string) map[string]bool {
		out := map[string]bool{}
		for _, g := range read(t, "x.csv", text, feed.CSV, said) {
			require.NoError(t, g.err)
			out[g.Mutation.ID()] = true
		}
		return out
	}
	for _, mapping := range []string{"id:=row", "id=row(instrument+qty+price+time)"} {
		first := ids(header+twin+twin, mapping)
		require.Len(t, first, 2)
		next := ids(header+newer+twin+twin, mapping)
		require.Len(t, next, 3, "newest first, with more in front")
		quoted := ids(header+strings.ReplaceAll(twin+twin, "me,", "\"me\",")+newer, mapping)
		require.Equal(t, next, quoted, "quotes are no content")
		for id := range first {
			require.True(t, next[id])
		}
		require.NotEqual(t, first, ids(header+strings.ReplaceAll(twin+twin, "me", "you"), mapping), "another account's rows are others")
	}
	const noted = "account,instrument,side,qty,price,time,note\nme,X,buy,1,5,2026-01-01T00:00:00Z,"
	require.NotEqual(t, ids(noted+"a\n", "id:=row"), ids(noted+"b\n", "id:=row"))
	require.Equal(t, ids(noted+"a\n", "id=row(instrument+qty+price+time)"), ids(noted+"b\n", "id=row(instrument+qty+price+time)"), "other columns are no part of it")
	const trade = "account,time,no,Coin,Change\nme,2026-01-01T00:00:00Z,7,BTC,1\nme,2026-01-01T00:00:00Z,7,EUR,-5\n"
	require.True(t, ids(trade, "group=no,asset=Coin,amount=Change,quotes=EUR,instrument={base}{quote},id=no")["7"], "one column is the id as it stands")
}

// A last line without its end is taken from a file at rest, and from nothing that
// may still be written.
func TestCSVLastLineOfAFileAtRest(t *testing.T) {
	const text = "account,instrument,side,qty,id,price\nme,X,buy,1,a,10.5"
	name := filepath.Join(t.TempDir(), "x.csv")
	require.NoError(t, os.WriteFile(name, []byte(text), 0o600))
	require.NoError(t, os.Chtimes(name, time.Time{}, time.Unix(1, 0)))
	f, err := os.Open(name)
	require.NoError(t, err)
	defer func() { _ = f.Close() }() // only read from
	have, err := toldBy(t, f, "")
	require.NoError(t, err)
	require.Equal(t, []string{"me buy 1 X @ 10.5"}, have)

	_, err = told(t, text, "")
	require.ErrorContains(t, err, "the last line has no end")

	require.NoError(t, os.WriteFile(name, []byte("account,instrument,side,qty,id,price\nme,X,buy,1,a"), 0o600))
	cut, err := os.Open(name)
	require.NoError(t, err)
	defer func() { _ = cut.Close() }() // only read from
	_, err = toldBy(t, cut, "")
	require.ErrorContains(t, err, "the line has 5 fields, the header has 6")
}

// A last line without its end is refused where more of the file comes, however often
// all of it was read.
func TestCSVLastLineOfAFileThatGrows(t *testing.T) {
	name := filepath.Join(t.TempDir(), "x.csv")
	require.NoError(t, os.WriteFile(name, []byte("account,instrument,side,qty,id,price\nme,X,buy,1,a,10."), 0o600))
	r, err := os.Open(name)
	require.NoError(t, err)
	defer func() { _ = r.Close() }() // only read from
	f, err := feed.Open(name, r, feed.CSV, mapping.Mapping{})
	require.NoError(t, err)
	f.PauseWith(func(time.Duration) {
		w, openErr := os.OpenFile(name, os.O_APPEND|os.O_WRONLY, 0)
		require.NoError(t, openErr)
		_, writeErr := w.WriteString("5\n")
		require.NoError(t, errors.Join(writeErr, w.Close()))
	})
	_, err = f.Next()
	require.ErrorContains(t, err, "the last line has no end")
}

// A quote that is never closed costs its own line.
func TestCSVOpenQuoteCostsOneLine(t *testing.T) {
	out := read(t, "x.csv", "account,instrument,side,qty,price,id,note\nme,X,buy,1,5,a,\"open\nme,X,buy,1,6,b,\nme,X,buy,1,7,c,\n", feed.CSV, "")
	require.Len(t, out, 3)
	require.ErrorContains(t, out[0].err, "x.csv:2: a quoted field has no end")
	require.NoError(t, out[1].err)
	require.Equal(t, 4, out[2].Line)
}

// Rows that are passed over are counted by the file's own words, and the order is
// told.
func TestCSVTellsWhatItDid(t *testing.T) {
	const text = "account,instrument,Type,qty,price,id,time\nme,X,sell,1,6,b,2026-01-02T00:00:00Z\nme,,Deposit of 5,,,d,2026-01-01T12:00:00Z\nme,,interest,,,d,2026-01-01T12:00:00Z\nme,X,buy,1,5,a,2026-01-01T00:00:00Z\nme,X,gift,1,5,g,2026-01-01T00:00:00Z\n"
	m := mustMap(t, "side=Type,skip=Type:Deposit of *|interest")
	f, err := feed.Open("x.csv", strings.NewReader(text), feed.CSV, m)
	require.NoError(t, err)
	out := all(t, f)
	require.Len(t, out, 3)
	var bad *feed.LineError
	require.ErrorAs(t, out[0].err, &bad, "bad rows of a file that is put in order come first")
	require.Equal(t, "gift", bad.Kind)
	require.Equal(t, []feed.Kind{{Word: "Deposit of", Rows: 1}, {Word: "interest", Rows: 1}}, f.SkippedKinds())
	require.Equal(t, 2, f.Skipped())
	require.Len(t, f.Notes(), 1)
	require.Contains(t, f.Notes()[0], "newest first")
}

// Columns that nothing reads are told, but for those before the table of a section and
// those that need not be used.
func TestCSVUnused(t *testing.T) {
	for text, want := range map[string][]string{
		"account,instrument,side,qty,price,id,A,B,\n":          {`"A"`},
		"S,Header,account,instrument,side,qty,price,id,A,B,\n": {`"A"`},
	} {
		mapping := "ignore=B"
		if strings.HasPrefix(text, "S") {
			mapping += ",section=S"
		}
		f, err := feed.Open("x.csv", strings.NewReader(text), feed.CSV, mustMap(t, mapping))
		require.NoError(t, err)
		require.Equal(t, want, f.Unused())
	}
}

// With order=file a pipe is read as it is written.
func TestCSVPipeInTheOrderOfTheFile(t *testing.T) {
	r, w := io.Pipe()
	defer func() { _ = r.Close() }() // only read from
	go func() {
		_, _ = w.Write([]byte("account,instrument,side,qty,price,id\nme,X,buy,1,5,a\n"))
	}()
	f, err := feed.Open("-", r, feed.Auto, mustMap(t, "order=file"))
	require.NoError(t, err)
	e, err := f.Next()
	require.NoError(t, err)
	require.Equal(t, "a", e.Mutation.ID())
	require.NoError(t, w.Close())
	_, err = f.Next()
	require.ErrorIs(t, err, io.EOF)
}

// What is too long to be held goes in where it is in order, and is refused before
// it gives anything, or at the first row that is not.
func TestCSVTooLongToBeHeld(t *testing.T) {
	row := func(day int) string {
		return fmt.Sprintf("me,X,buy,1,5,f%d,2026-01-%02dT00:00:00Z\n", day, day)
	}
	file := func(days ...int) string {
		var b strings.Builder
		b.WriteString("account,instrument,side,qty,price,id,time\n")
		for _, d := range days {
			b.WriteString(row(d))
		}
		return b.String()
	}
	for _, c := range []struct {
		days    []int
		entries int
		refused bool
	}{{[]int{1, 2, 3, 4, 5, 6}, 6, false}, {[]int{6, 5, 4, 3, 2, 1}, 0, true}, {[]int{1, 2, 3, 5, 6, 4}, 4, true}, {[]int{3, 1, 2}, 3, false}} {
		f, err := feed.Open("x.csv", strings.NewReader(file(c.days...)), feed.CSV, mapping.Mapping{})
		require.NoError(t, err)
		f.HoldAtMost(len("abc"))
		entries := 0
		for {
			_, err = f.Next()
			if err != nil {
				break
			}
			entries++
		}
		require.Equal(t, c.entries, entries, "%v", c.days)
		if c.refused {
			require.ErrorContains(t, err, "cannot be put in order: sort the file, or say order=file")
			continue
		}
		require.ErrorIs(t, err, io.EOF)
	}
}
