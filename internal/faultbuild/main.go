// Command faultbuild runs the go command so that the packages that touch the
// ledger's files, and tidwall/wal below them, use internal/faultos in the place
// of package os:
//
//	go run ./internal/faultbuild test -count=1 -v ./internal/torture
//	go run ./internal/faultbuild test -c -o drills ./internal/torture
//
// The first argument is go's verb, the rest is passed on, and the build tag
// "fault" is set. Nothing in the module or in the module cache is changed: an
// overlay shows the compiler other versions of our files, and a copy of
// tidwall/wal as a package of this module. (It cannot stay a module of its own:
// it would not be allowed to import an internal package.)
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	modulePath  = "github.com/moneyprinter/holdfast"
	walPath     = "github.com/tidwall/wal"
	faultWAL    = modulePath + "/internal/faultos/wal" // exists in the overlay only
	faultOS     = modulePath + "/internal/faultos"
	replacement = "os " + `"` + faultOS + `"`
)

// watched returns the directories whose files get faultos in the place of os:
// those of every package of this module that a ledger, or the repair of one, is
// linked from. A package that is new below the root is so watched from its first day.
func watched() ([]string, error) {
	out, err := exec.Command("go", "list", "-deps", "-tags=fault", //nolint:gosec // constants
		"-f", `{{with .Module}}{{if .Main}}{{$.ImportPath}} {{$.Dir}}{{end}}{{end}}`, modulePath, modulePath+"/repair").Output()
	if err != nil {
		return nil, fmt.Errorf("list what the ledger is linked from: %w", err)
	}
	var dirs []string
	for line := range strings.Lines(string(out)) {
		path, dir, ok := strings.Cut(strings.TrimSpace(line), " ")
		if ok && path != faultOS { // faultos calls the real os
			dirs = append(dirs, dir)
		}
	}
	if len(dirs) == 0 {
		return nil, errors.New("the ledger is linked from no package of this module")
	}
	return dirs, nil
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			os.Exit(exit.ExitCode())
		}
		fmt.Fprintln(os.Stderr, "faultbuild:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return errors.New("usage: faultbuild VERB [ARGUMENTS OF go VERB]")
	}
	temp, err := os.MkdirTemp("", "faultbuild")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(temp) }()
	overlay, err := makeOverlay(temp)
	if err != nil {
		return err
	}
	flags := []string{args[0], "-overlay=" + overlay, "-tags=fault"}
	if args[0] == "test" {
		flags = append(flags, "-vet=off") // vet cannot work in a directory of the overlay
	}
	args = append(flags, args[1:]...)
	cmd := exec.Command("go", args...) //nolint:gosec // that is what this command is for
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	return cmd.Run()
}

// makeOverlay writes the changed files and the overlay that names them.
func makeOverlay(temp string) (string, error) {
	root, err := moduleDir(modulePath)
	if err != nil {
		return "", err
	}
	wal, err := moduleDir(walPath)
	if err != nil {
		return "", err
	}
	o := overlay{temp: temp, replace: map[string]string{}}
	dirs, err := watched()
	if err != nil {
		return "", err
	}
	for _, dir := range dirs {
		if err = o.add(dir, dir); err != nil {
			return "", err
		}
	}
	if err = o.add(wal, filepath.Join(root, "internal", "faultos", "wal")); err != nil {
		return "", err
	}
	if len(o.replace) == 0 {
		return "", errors.New("nothing to replace: is the module cache complete?")
	}
	b, err := json.Marshal(map[string]any{"Replace": o.replace})
	if err != nil {
		return "", err
	}
	path := filepath.Join(temp, "overlay.json")
	return path, os.WriteFile(path, b, 0o600)
}

func moduleDir(path string) (string, error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", path).Output() //nolint:gosec // constants
	if err != nil {
		return "", fmt.Errorf("find module %s: %w", path, err)
	}
	dir := strings.TrimSpace(string(out))
	if dir == "" {
		return "", fmt.Errorf("module %s is not in the module cache", path)
	}
	return dir, nil
}

type overlay struct {
	temp    string
	replace map[string]string
}

// add shows the Go files of one directory, without its tests, as those of
// another, with their imports changed. A file that stays as and where it is is
// left out.
func (o *overlay) add(from, as string) error {
	files, err := filepath.Glob(filepath.Join(from, "*.go"))
	if err != nil {
		return err
	}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		old, err := os.ReadFile(path) //nolint:gosec // a source file
		if err != nil {
			return err
		}
		b, err := rewrite(path, old)
		if err != nil {
			return err
		}
		if from == as && bytes.Equal(b, old) {
			continue
		}
		copied := filepath.Join(o.temp, strconv.Itoa(len(o.replace))+"_"+filepath.Base(path))
		if err = os.WriteFile(copied, b, 0o600); err != nil {
			return err
		}
		o.replace[filepath.Join(as, filepath.Base(path))] = copied
	}
	return nil
}

// rewrite changes the imports of os and of tidwall/wal, and nothing else.
func rewrite(path string, src []byte) ([]byte, error) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, path, src, parser.ImportsOnly)
	if err != nil {
		return nil, err
	}
	out, moved := append([]byte(nil), src...), 0
	for _, spec := range f.Imports {
		var text string
		switch spec.Path.Value {
		case `"os"`:
			text = replacement
		case strconv.Quote(walPath):
			text = strconv.Quote(faultWAL)
		default:
			continue
		}
		if spec.Name != nil {
			return nil, fmt.Errorf("%s: a renamed import of %s", path, spec.Path.Value)
		}
		at, end := fset.Position(spec.Pos()).Offset+moved, fset.Position(spec.End()).Offset+moved
		out = append(out[:at:at], append([]byte(text), out[end:]...)...)
		moved += len(text) - (end - at)
	}
	return out, nil
}
