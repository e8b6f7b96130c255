package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"strings"
)

// summary is a run for programs.
type summary struct {
	Machine    string   `json:"machine"`
	Commit     string   `json:"commit"`
	Processors int      `json:"processors"`
	GOMAXPROCS int      `json:"gomaxprocs"`
	Command    string   `json:"command"`
	Payload    int      `json:"payload_bytes"`
	Record     int      `json:"record_bytes"`
	Rounds     int      `json:"rounds"`
	Length     string   `json:"length"`
	Seed       uint64   `json:"seed"`
	Tables     []table  `json:"tables"`
	Targets    []target `json:"targets"`
}

func (s *summary) write(path string) error {
	b, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append(b, '\n'), 0o644)
}

// section is the part of the results file that a run replaces.
func section() string { return fmt.Sprintf("## %d cores", runtime.NumCPU()) }

// replaceSection puts a body below a heading of the second level of a Markdown file, in
// place of what stood there. A heading that is not there comes last.
func replaceSection(file []byte, heading, body string) []byte {
	whole := heading + "\n\n" + strings.TrimSpace(body) + "\n"
	at := regexp.MustCompile(`(?m)^` + regexp.QuoteMeta(heading) + `$`).FindIndex(file)
	if at == nil {
		return append(bytes.TrimRight(file, "\n"), "\n\n"+whole...)
	}
	out := append(bytes.Clone(file[:at[0]]), whole...)
	if next := regexp.MustCompile(`(?m)^## `).FindIndex(file[at[1]:]); next != nil {
		out = append(append(out, '\n'), file[at[1]+next[0]:]...)
	}
	return out
}

// keep writes a run into its section of a results file.
func keep(path, body string) error {
	file, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return os.WriteFile(path, replaceSection(file, section(), body), 0o644)
}

// verb runs everything that the command measures and adds its table.
func (c *config) verb(w io.Writer) error {
	if c.binary == "" {
		return nil
	}
	fmt.Fprintln(os.Stderr, c.binary, "bench --all")
	cmd := exec.Command(c.binary, "bench", "--all", "--dir", c.dir+"/ledger", "--seed", fmt.Sprint(c.seed), "--pairs", fmt.Sprint(c.rounds))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%s: %w", cmd, err)
	}
	fmt.Fprintf(w, "\n### `holdfast bench --all`\n\n```\n%s\n```\n", bytes.TrimSpace(out))
	return nil
}
