package feed_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/moneyprinter/holdfast/cmd/holdfast/feed"
	"github.com/moneyprinter/holdfast/cmd/holdfast/feed/mapping"
	"github.com/moneyprinter/holdfast/position"
)

// got is one thing that a feed gave.
type got struct {
	feed.Entry
	err error
}

// all reads a feed to its end.
func all(tb testing.TB, f *feed.Feed) []got {
	tb.Helper()
	var out []got
	for {
		e, err := f.Next()
		if errors.Is(err, io.EOF) {
			_, err = f.Next()
			require.ErrorIs(tb, err, io.EOF, "the end stays the end")
			return out
		}
		if err != nil {
			var bad *feed.LineError
			require.ErrorAs(tb, err, &bad)
			require.ErrorIs(tb, err, feed.ErrLine)
			require.Equal(tb, bad.Line, e.Line)
			require.Nil(tb, e.Mutation)
		}
		out = append(out, got{e, err})
	}
}

// read opens text and reads it to its end.
func read(tb testing.TB, name, text string, format feed.Format, said string) []got {
	tb.Helper()
	m, err := mapping.Parse(said)
	require.NoError(tb, err)
	f, err := feed.Open(name, strings.NewReader(text), format, m)
	require.NoError(tb, err)
	out := all(tb, f)
	require.Equal(tb, int64(len(text)), f.Offset())
	return out
}

// openError opens text and returns the refusal.
func openError(tb testing.TB, name, text string, format feed.Format, said string) error {
	tb.Helper()
	m, err := mapping.Parse(said)
	require.NoError(tb, err)
	f, err := feed.Open(name, strings.NewReader(text), format, m)
	require.Error(tb, err)
	require.Nil(tb, f)
	require.NotEmpty(tb, err.Error())
	return err
}

const mark = `{"type":"mark","id":"m","instrument":"X","price":"1","time":"2026-01-02T03:04:05Z"}`

func TestNDJSON(t *testing.T) {
	text := "\ufeff" + mark + "\r\n\n  \n" + strings.Replace(mark, `"m"`, `"n"`, 1) + "\n" +
		`{"type":"fill","id":"f","account":"A","instrument":"X","side":"buy","qty":"2","price":"3","time":"2026-01-02T03:04:05.000000006Z"}` // no line end
	for _, format := range []feed.Format{feed.Auto, feed.NDJSON} {
		out := read(t, "-", text, format, "")
		require.Len(t, out, 3)
		require.Equal(t, []int{1, 4, 5}, []int{out[0].Line, out[1].Line, out[2].Line})
		at, err := position.At(position.Time(1767323045000000006).Std())
		require.NoError(t, err)
		require.Equal(t, position.Fill{
			Meta: position.Meta{Ident: "f", Time: at}, Key: position.Key{Account: "A", Instrument: "X"},
			Side: position.Buy, Qty: position.FromInt(2), Price: position.FromInt(3),
		}, out[2].Mutation)
		require.False(t, out[2].Implied)
	}
}

func TestBadLinesAreSkippable(t *testing.T) {
	fill := func(member, value string) string {
		line := `{"type":"fill","id":"f","account":"A","instrument":"X","side":"buy","qty":"2","price":"3","time":"2026-01-02T03:04:05Z"}`
		before, after, found := strings.Cut(line, `"`+member+`":"`)
		require.True(t, found)
		_, after, _ = strings.Cut(after, `"`)
		return before + `"` + member + `":` + value + after
	}
	cases := []struct{ line, field, reason string }{
		{`{"type":"fill","qty":"1`, "", ""},
		{strings.Replace(mark, `"id"`, `"extra":"1","id"`, 1), `"extra"`, ""},
		{fill("qty", `"NaN"`), "qty", "NaN"},
		{fill("qty", `"1e999"`), "qty", "1e999"},
		{fill("qty", `"0"`), "qty", ""},
		{fill("price", `"`+strings.Repeat("1", 40)+`"`), "price", ""},
		{fill("price", `3`), "price", ""},
		{fill("side", `"long"`), "side", "long"},
		{fill("account", `"`+strings.Repeat("a", 65)+`"`), "account", ""},
		{fill("time", `"10000-01-01T00:00:00Z"`), "time", ""},
		{`{"type":"fill"}`, "", ""},
		{`[]`, "", ""},
		{"\xff\xfe", "", ""},
	}
	for _, c := range cases {
		text := mark + "\n" + c.line + "\n" + mark + "\n"
		out := read(t, "in.ndjson", text, feed.NDJSON, "")
		require.Len(t, out, 3, c.line)
		require.NoError(t, out[0].err)
		require.NoError(t, out[2].err)
		var bad *feed.LineError
		require.ErrorAs(t, out[1].err, &bad, c.line)
		require.Equal(t, 2, bad.Line)
		require.ErrorIs(t, out[1].err, position.ErrInvalid, c.line)
		require.ErrorContains(t, out[1].err, "in.ndjson:2: ")
		require.ErrorContains(t, out[1].err, c.reason)
		require.Less(t, len(out[1].err.Error()), 300)
		if c.field != "" {
			require.Equal(t, c.field, bad.Field, "%s: %v", c.line, bad)
			require.Equal(t, 1, strings.Count(bad.Error(), ": "+c.field+" "), "%v", bad)
		}
	}
}

func TestHalfWrittenLastLine(t *testing.T) {
	out := read(t, "-", mark+"\n"+mark[:30], feed.Auto, "")
	require.Len(t, out, 2)
	require.ErrorContains(t, out[1].err, "-:2: ")
	require.ErrorContains(t, out[1].err, "half-written")

	header := "id,account,instrument,side,qty,price\n"
	out = read(t, "-", header+"1,A,X,buy,1,123\n2,A,X,buy,1,12", feed.Auto, "")
	require.Len(t, out, 2)
	require.NoError(t, out[0].err)
	require.ErrorContains(t, out[1].err, "no end", "12 may have been 123")
	out = read(t, "-", "price,"+header[:30]+",note\n12,1,A,X,buy,1,whatev", feed.CSV, "")
	require.Len(t, out, 1)
	require.NoError(t, out[0].err, "the cut column is not read")
}

func TestUnsuitableInputs(t *testing.T) {
	require.ErrorIs(t, openError(t, "x", "", feed.Auto, ""), feed.ErrEmpty)
	require.ErrorIs(t, openError(t, "x", "\n \r\n\n", feed.NDJSON, ""), feed.ErrEmpty)
	require.ErrorIs(t, openError(t, "x.csv", "\ufeff", feed.CSV, ""), feed.ErrEmpty)
	for _, text := range []string{"\x1f\x8b\x08", "\x28\xb5\x2f\xfd", "PK\x03\x04", "\xff\xfe{", "[1]\n", "hello\n", `"open quote` + "\n"} {
		require.ErrorIs(t, openError(t, "x", text, feed.Auto, ""), feed.ErrFormat, "%q", text)
	}
	require.ErrorIs(t, openError(t, "x", strings.Repeat("a,", feed.MaxLine), feed.CSV, ""), feed.ErrFormat)
	require.ErrorIs(t, openError(t, "x", strings.Repeat("a,", feed.MaxLine), feed.Auto, ""), feed.ErrFormat)
	require.ErrorIs(t, openError(t, "x", mark, feed.NDJSON, "qty=Size"), feed.ErrMapping)
	require.ErrorIs(t, openError(t, "x", "Account,Coin\n", feed.Hyperliquid, ""), feed.ErrColumn)

	dir, err := os.Open(t.TempDir())
	require.NoError(t, err)
	defer func() { _ = dir.Close() }() // only read from
	_, err = feed.Open("there", dir, feed.Auto, mapping.Mapping{})
	require.ErrorIs(t, err, feed.ErrDirectory)
	require.ErrorContains(t, err, "there")
}

func TestReadErrorIsFinal(t *testing.T) {
	broken := errors.New("disk on fire")
	_, err := feed.Open("x", iotest.ErrReader(broken), feed.Auto, mapping.Mapping{})
	require.ErrorIs(t, err, broken)
	f, err := feed.Open("x", io.MultiReader(strings.NewReader(mark+"\n"+mark[:9]), iotest.ErrReader(broken)), feed.Auto, mapping.Mapping{})
	require.NoError(t, err)
	_, err = f.Next()
	require.NoError(t, err)
	for range 2 {
		_, err = f.Next()
		require.ErrorIs(t, err, broken)
		require.NotErrorIs(t, err, feed.ErrLine)
	}
}

// endless gives a very long line and then good.
func endless(size int64, good string) io.Reader {
	return io.MultiReader(io.LimitReader(filler{}, size), strings.NewReader("\n"+good+"\n"))
}

type filler struct{}

func (filler) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestLongLineIsSkippedInBoundedMemory(t *testing.T) {
	const size = 256 << 20
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f, err := feed.Open("x.ndjson", endless(size, mark), feed.Auto, mapping.Mapping{})
	require.NoError(t, err)
	out := all(t, f)
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(16<<20))
	require.Len(t, out, 2)
	require.ErrorContains(t, out[0].err, "x.ndjson:1: the line is longer than 1048576 bytes")
	require.NoError(t, out[1].err)
	require.Equal(t, 2, out[1].Line)
	require.Equal(t, int64(size+len(mark)+2), f.Offset())
}

func TestLineLengthBoundary(t *testing.T) {
	for _, end := range []string{"\n", "\r\n", ""} {
		for _, extra := range []int{-1, 0, 1, 2} {
			pad := strings.Repeat(" ", feed.MaxLine+extra-len(mark))
			out := read(t, "x", pad+mark+end, feed.NDJSON, "")
			require.Len(t, out, 1)
			require.Equal(t, extra > 0, out[0].err != nil, "%d %q: %v", extra, end, out[0].err)
			if extra > 0 {
				require.ErrorContains(t, out[0].err, "longer than 1048576 bytes")
			}
		}
	}
}

func TestPipeIsReadAsItIsWritten(t *testing.T) {
	r, w := io.Pipe()
	defer func() { _ = r.Close() }() // only read from
	opened := make(chan *feed.Feed)
	go func() {
		f, err := feed.Open("-", r, feed.Auto, mapping.Mapping{})
		if err != nil {
			f = nil
		}
		opened <- f
	}()
	_, err := w.Write([]byte(mark + "\n"))
	require.NoError(t, err)
	f := <-opened // with one line there: it does not wait for more
	require.NotNil(t, f)
	e, err := f.Next()
	require.NoError(t, err)
	require.Equal(t, 1, e.Line)
	require.NoError(t, w.Close())
	_, err = f.Next()
	require.ErrorIs(t, err, io.EOF)
}

func TestOffsetGrowsWithTheEntries(t *testing.T) {
	text := strings.Repeat(mark+"\n", 3)
	f, err := feed.Open("-", strings.NewReader(text), feed.Auto, mapping.Mapping{})
	require.NoError(t, err)
	for i := range 3 {
		_, err = f.Next()
		require.NoError(t, err)
		require.Equal(t, int64((i+1)*(len(mark)+1)), f.Offset())
	}
}

func TestFormats(t *testing.T) {
	for f := feed.Auto; f <= feed.GDAX; f++ {
		back, err := feed.ParseFormat(f.String())
		require.NoError(t, err)
		require.Equal(t, f, back)
	}
	_, err := feed.ParseFormat("xml")
	require.ErrorIs(t, err, feed.ErrFormat)
	for text, want := range map[string]feed.Format{
		mark: feed.NDJSON, "id,account,instrument,side,qty,price\n": feed.CSV, "\ufeff" + hyperliquidHeader + "\r\n": feed.Hyperliquid,
	} {
		f, openErr := feed.Open("x", strings.NewReader(text), feed.Auto, mapping.Mapping{})
		require.NoError(t, openErr)
		require.Equal(t, want, f.Format())
	}
}

func FuzzFeed(f *testing.F) {
	f.Add([]byte(mark+"\n"+mark), uint8(feed.Auto), "")
	f.Add([]byte("id,account,instrument,side,qty,price,fee,time\n1,A,X,Buy,1,2,,2026-01-02T03:04:05Z\n\"2\",A,X,s,1,\"2\",-1,\n"), uint8(feed.CSV), "")
	f.Add([]byte("a;b,c\n1,\"x\"\"y\"\n"), uint8(feed.CSV), "id:=line,account:=A,instrument=c,side:=buy,qty=a;b,price:=1,time_format=unix_ms")
	f.Add([]byte("x\nTime;Type;Coin;Amt\n2026-01-02;trade;BTC;1,5\n2026-01-02;trade;EUR;-9\n2026-01-01;\"fee\n\";BTC;-1\n"), uint8(feed.CSV),
		"time=Time\ntime_format=2006-01-02\naccount:=me\ngroup=Time+Type\nasset=Coin\namount=Amt\nquotes=EUR\nnumber=eu\ninstrument={base}{quote}\nid:=row\nskip=Type:fee*\n")
	f.Add([]byte("a,account,instrument,side,qty,price,id,time\n(1),A,X,zap,-1,$2,1,2026-01-02\n"), uint8(feed.CSV), "when=side:z*,side:=close,when=side:*,side:=sign,price=-a+price*2,fee=-a,settlement=unit(price),time_zone=Europe/Berlin,number=us,order=newest-first,end=x*y*")
	f.Add([]byte(hyperliquidHeader+"\r\n"+hyperliquidRow+"\r\n"), uint8(feed.Hyperliquid), "")
	if b, err := os.ReadFile(filepath.Join("..", "..", "..", "testdata", "market_hyperliquid.csv")); err == nil {
		f.Add(b[:min(len(b), 3000)], uint8(feed.Auto), "")
	}
	f.Fuzz(func(t *testing.T, b []byte, format uint8, said string) {
		m, err := mapping.Parse(said)
		if err != nil {
			return
		}
		x, err := feed.Open("fuzz", bytes.NewReader(b), feed.Format(format%6), m)
		if err != nil {
			return
		}
		line := 0
		for {
			e, nextErr := x.Next()
			if errors.Is(nextErr, io.EOF) {
				break
			}
			if errors.Is(nextErr, feed.ErrDoubt) || errors.Is(nextErr, feed.ErrColumn) || errors.Is(nextErr, feed.ErrFormat) {
				return // the file as a whole is refused
			}
			if len(x.Notes()) == 0 && (e.Line < line || !e.Implied && e.Line == line && nextErr != nil) {
				t.Fatalf("line %d after %d", e.Line, line)
			}
			line = e.Line
			if nextErr != nil {
				var bad *feed.LineError
				if !errors.As(nextErr, &bad) || len(bad.Error()) > 4096 {
					t.Fatalf("unexpected error %v", nextErr)
				}
				continue
			}
			if err = e.Mutation.Validate(); err != nil {
				t.Fatalf("line %d: handed out %+v: %v", e.Line, e.Mutation, err)
			}
		}
		if x.Offset() != int64(len(b)) {
			t.Fatal(fmt.Sprint("offset ", x.Offset(), " of ", len(b)))
		}
	})
}
