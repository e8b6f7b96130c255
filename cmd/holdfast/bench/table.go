package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/moneyprinter/holdfast/cmd/holdfast/render"
)

// Print prints a report: as CSV the targets, as a table all of it.
func (rep *Report) Print(out io.Writer, form string) error {
	if err := sheet(out, form, rowColumns(), rep.Rows); err != nil || form == render.AsCSV {
		return err
	}
	if len(rep.Apply) > 0 {
		if err := below(out, callersColumns(), rep.Apply); err != nil {
			return err
		}
	}
	if rep.Parts != nil {
		if err := below(out, partColumns(rep.Parts), rep.Parts.Parts); err != nil {
			return err
		}
	}
	if len(rep.Steps) > 0 {
		if err := below(out, stepColumns(), rep.Steps); err != nil {
			return err
		}
	}
	if _, err := fmt.Fprintln(out); err != nil {
		return err
	}
	return render.Describe(out, rep.notes())
}

func sheet[R any](out io.Writer, form string, columns []render.Column[R], rows []R) error {
	s := render.NewSheet(form, out, columns, columns)
	for i := range rows {
		if err := s.AddValue(&rows[i]); err != nil {
			return err
		}
	}
	return s.End("")
}

// below is a table behind another one.
func below[R any](out io.Writer, columns []render.Column[R], rows []R) error {
	if _, err := fmt.Fprintln(out); err != nil {
		return err
	}
	return sheet(out, render.AsTable, columns, rows)
}

// text is a figure for people: two decimals, none from 100 on.
func text[N ~string](n N) string {
	whole, part, _ := strings.Cut(string(n), ".")
	t, err := strconv.ParseInt(whole+(part + "000")[:3], 10, 64)
	if err != nil {
		return string(n)
	}
	if t >= 99_995 {
		return strconv.FormatInt((t+500)/1000, 10)
	}
	return fmt.Sprintf("%d.%02d", (t+5)/1000, (t+5)%1000/10)
}

func rowColumns() []render.Column[Row] {
	measured := func(r *Row, s string) string {
		if r.Runs == 0 {
			return "-"
		}
		return s
	}
	target := func(r *Row, n json.Number) string {
		if r.Better == lower {
			return "≤ " + text(n)
		}
		return "≥ " + text(n)
	}
	return []render.Column[Row]{
		{Title: "target", Cell: func(r *Row) string { return r.Name }},
		{Title: "median", Right: true, Cell: func(r *Row) string { return measured(r, text(r.Median)) }},
		{Title: "min-max", Right: true, Cell: func(r *Row) string { return measured(r, text(r.Min)+"-"+text(r.Max)) }},
		{Title: "unit", Cell: func(r *Row) string { return r.Unit }},
		{Title: "must", Right: true, Cell: func(r *Row) string { return target(r, r.Must) }},
		{Title: "stretch", Right: true, Cell: func(r *Row) string { return target(r, r.Stretch) }},
		{Title: "verdict", Cell: verdict},
	}
}

// verdict says how a row stands, and how many of its runs reach what they must, or how
// to measure it.
func verdict(r *Row) string {
	text := r.Verdict
	switch r.Verdict {
	case Stretch:
		text = "stretch met"
	case Cores:
		text = fmt.Sprintf("for %d cores", r.Cores)
	case Smaller:
		return fmt.Sprintf("for %d", r.Of)
	case Unmeasured:
		if r.Needs == NeedsPeers {
			return "see bench/"
		}
		return "needs --" + r.Needs
	}
	if r.Reached == r.Runs || r.Reached == 0 {
		return text
	}
	return fmt.Sprintf("%s, %d/%d", text, r.Reached, r.Runs)
}

func callersColumns() []render.Column[CallersRow] {
	type row = CallersRow
	col := func(title string, get func(*row) int64) render.Column[row] {
		return render.Column[row]{Title: title, Right: true, Cell: func(r *row) string { return strconv.FormatInt(get(r), 10) }}
	}
	micros := func(title string, get func(*row) int64) render.Column[row] {
		return render.Column[row]{Title: title, Right: true, Cell: func(r *row) string { return text(fmt.Sprintf("%d.%03d", get(r)/1000, get(r)%1000)) }}
	}
	return []render.Column[row]{
		col("callers", func(r *row) int64 { return int64(r.Callers) }),
		col("fills/s", func(r *row) int64 { return r.Ledger.Rate }),
		micros("p50_us", func(r *row) int64 { return r.Ledger.P50 }),
		micros("p99_us", func(r *row) int64 { return r.Ledger.P99 }),
		micros("p99.9_us", func(r *row) int64 { return r.Ledger.P999 }),
		micros("cpu_us", func(r *row) int64 { return r.Ledger.CPU }),
		col("alloc_B", func(r *row) int64 { return r.Ledger.Allocated }),
		col("raw/s", func(r *row) int64 { return r.Raw.Rate }),
		micros("p50_us", func(r *row) int64 { return r.Raw.P50 }),
		micros("p99_us", func(r *row) int64 { return r.Raw.P99 }),
		micros("cpu_us", func(r *row) int64 { return r.Raw.CPU }),
	}
}

func partColumns(p *Parts) []render.Column[Part] {
	type row = Part
	return []render.Column[row]{
		{Title: "part", Cell: func(r *row) string { return r.Part }},
		{Title: "cpu_ns/fill", Right: true, Cell: func(r *row) string { return strconv.FormatInt(r.CPU, 10) }},
		{Title: "share", Right: true, Cell: func(r *row) string { return strconv.FormatInt(100*r.CPU/max(p.CPU, 1), 10) + "%" }},
		{Title: fmt.Sprintf("with %d callers", p.Callers), Cell: func(r *row) string { return r.What }},
	}
}

func stepColumns() []render.Column[Step] {
	type row = Step
	col := func(title string, get func(*row) int64) render.Column[row] {
		return render.Column[row]{Title: title, Right: true, Cell: func(r *row) string { return strconv.FormatInt(get(r), 10) }}
	}
	return []render.Column[row]{
		{Title: "step", Cell: func(r *row) string { return r.Step }},
		col("ns/change", func(r *row) int64 { return r.NS }),
		col("cpu_ns", func(r *row) int64 { return r.CPU }),
		col("bytes", func(r *row) int64 { return r.Bytes }),
		{Title: "alone, in a loop", Cell: func(r *row) string { return r.What }},
	}
}

// notes are what follows the tables.
func (rep *Report) notes() []render.Pair {
	lines := []render.Pair{
		{"machine", fmt.Sprintf("%d cores, %s, %s, %s", rep.Processors, rep.Platform, rep.Go, rep.Version)},
		{"order", fmt.Sprintf("seed %d, %d pairs of %s s", rep.Seed, rep.Pairs, rep.Seconds)},
		{"record", fmt.Sprintf("%d bytes in the journal", rep.Bytes)},
		{"raw", rep.Raw},
	}
	if h := rep.Harness; h != nil {
		lines = append(lines, render.Pair{"callers", fmt.Sprintf("%d ns and %d bytes of each fill are the measurement's own", h.CPU, h.Allocated)})
	}
	if r := rep.Recover; r != nil {
		lines = append(lines, render.Pair{"recover", opened(r)})
	}
	if s := rep.Snapshot; s != nil {
		lines = append(lines,
			render.Pair{"snapshot", fmt.Sprintf("%d positions, %d MB, made in %d ms", s.Positions, s.Bytes/1e6, s.NS/1e6)},
			render.Pair{"  opened", opened(s.Open)},
			render.Pair{"  beside", latencies(&s.Beside) + fmt.Sprintf(", %d callers", s.Callers)},
			render.Pair{"  without", latencies(&s.Without)})
	}
	if r := rep.Relay; r != nil {
		lines = append(lines, render.Pair{"relay", fmt.Sprintf("%d/s, raw publisher %d/s, %s", r.Relay, r.Raw, r.Form)},
			render.Pair{"  of", fmt.Sprintf("%d messages to %s", r.Messages, r.Server)})
	}
	if r := rep.Requests; r != nil {
		lines = append(lines,
			render.Pair{"requests", fmt.Sprintf("apply %d/s, position.get %d/s, echo %d/s", r.Apply.Rate, r.Get.Rate, r.Echo.Rate)},
			render.Pair{"  / echo", fmt.Sprintf("apply %s, position.get %s", text(r.ToEcho), text(r.GetEcho))})
	}
	return lines
}

func opened(o *Opening) string {
	return fmt.Sprintf("%d changes, %d positions: %d ms, cpu %d ms, peak %d MB; median of %d",
		o.Changes, o.Positions, o.NS/1e6, o.CPU/1e6, o.Peak/1e6, o.Opened)
}

func latencies(s *Side) string {
	return fmt.Sprintf("%d/s, p50 %d µs, p99 %d µs, p99.9 %d µs", s.Rate, s.P50/1e3, s.P99/1e3, s.P999/1e3)
}
