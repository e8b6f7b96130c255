// Command notices prints the licences of everything that is linked into the
// holdfast binary, for the file that is handed on with it:
//
//	go run ./internal/notices > cmd/holdfast/THIRD_PARTY_NOTICES
//
// The modules are those that the go command links on any of the systems that we
// build for. Of each the licence, the notices and the grants of patents are taken
// from the module cache: those of the module, and those of directories in it whose
// packages are linked. Texts that are the same are printed once. A module that
// brings no licence is an error.
package main

import (
	"bufio"
	"bytes"
	_ "embed"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// binary is the package whose dependencies count.
const binary = "github.com/moneyprinter/holdfast/cmd/holdfast"

// goLicense is that of the standard library and the runtime, which not every
// installation of Go has.
//
//go:embed go-license.txt
var goLicense string

func main() {
	out := bufio.NewWriter(os.Stdout)
	err := write(out)
	if err == nil {
		err = out.Flush()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "notices:", err)
		os.Exit(1)
	}
}

// systems are those that we build for. The linked packages do not depend on the
// processor.
func systems() []string { return []string{"linux", "darwin", "freebsd"} }

// write prints the notices.
func write(w io.Writer) error {
	texts := map[string]string{"Go standard library and runtime": goLicense}
	for _, goos := range systems() {
		if err := collect(texts, goos); err != nil {
			return err
		}
	}
	owners := map[string][]string{}
	for _, owner := range slices.Sorted(maps.Keys(texts)) {
		owners[texts[owner]] = append(owners[texts[owner]], owner)
	}
	distinct := slices.SortedFunc(maps.Keys(owners), func(a, b string) int {
		return strings.Compare(owners[a][0], owners[b][0])
	})
	_, err := fmt.Fprintln(w, "The holdfast binary contains the following software, under the terms that follow it.")
	for _, text := range distinct {
		if err == nil {
			_, err = fmt.Fprintf(w, "\n%s\n%s\n%s\n\n%s\n", rule, strings.Join(owners[text], "\n"), rule, strings.TrimRight(text, "\n"))
		}
	}
	return err
}

const rule = "--------------------------------------------------------------------------------"

// linked is a package and its module, as go list prints them.
type linked struct{ module, version, root, dir string }

func packages(goos string) ([]linked, error) {
	cmd := exec.Command("go", "list", "-deps", "-f", //nolint:gosec // constants
		"{{with .Module}}{{if not .Main}}{{.Path}}\t{{.Version}}\t{{.Dir}}\t{{$.Dir}}{{end}}{{end}}", binary)
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH=amd64", "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("list what %s is linked from on %s: %w", binary, goos, err)
	}
	var list []linked
	for line := range strings.Lines(string(out)) {
		if f := strings.Split(strings.TrimSpace(line), "\t"); len(f) == 4 {
			list = append(list, linked{f[0], f[1], f[2], f[3]})
		}
	}
	return list, nil
}

// legal matches the names of files that have to be handed on.
var legal = regexp.MustCompile(`^(?i:LICEN[CS]E|COPYING|NOTICE|PATENTS)(-[A-Za-z0-9]+)?(\.(txt|md))?$`)

// collect adds the texts of what is linked on one system, by the module or the
// directory in it that they are for.
func collect(texts map[string]string, goos string) error {
	list, err := packages(goos)
	if err != nil {
		return err
	}
	for _, p := range list {
		if err = p.collect(texts); err != nil {
			return err
		}
	}
	maps.DeleteFunc(texts, func(_, text string) bool { return text == "" })
	return nil
}

// collect adds the texts of a package's directory and of those above it, up to
// the root of the module, which must have one.
func (p linked) collect(texts map[string]string) (err error) {
	for dir := p.dir; ; dir = filepath.Dir(dir) {
		name := filepath.ToSlash(filepath.Join(p.module, strings.TrimPrefix(dir, p.root)))
		if dir == p.root {
			name += " " + p.version
		}
		if texts[name] == "" {
			if texts[name], err = textsIn(dir); err != nil {
				return err
			}
		}
		switch {
		case dir != p.root:
		case texts[name] == "":
			return fmt.Errorf("%s: no licence in %s", name, dir)
		default:
			return nil
		}
	}
}

// textsIn joins the legal files of a directory.
func textsIn(dir string) (string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return "", err
	}
	var all []string
	for _, e := range entries {
		if e.IsDir() || !legal.MatchString(e.Name()) {
			continue
		}
		b, err := os.ReadFile(filepath.Join(dir, e.Name())) //nolint:gosec // of the module cache
		if err != nil {
			return "", err
		}
		all = append(all, string(bytes.TrimRight(bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n")), " \n\t")))
	}
	return strings.Join(all, "\n\n"), nil
}
