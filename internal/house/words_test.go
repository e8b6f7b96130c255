package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// A library below cmd knows no command and no flag: what can be done about an error is
// data (package remedy), and who talks to an operator makes the command of it. The
// tools in internal and the benches are commands themselves.
func TestLibrariesNameNoCommand(t *testing.T) {
	verb := commands(t)
	files := 0
	sources(t, func(rel string, text []byte) {
		if strings.HasPrefix(rel, "cmd"+string(filepath.Separator)) || strings.HasPrefix(rel, "bench"+string(filepath.Separator)) {
			return
		}
		found, main, err := commandsIn(text, verb)
		require.NoError(t, err)
		if main {
			return
		}
		files++
		for _, f := range found {
			t.Errorf("%s: %s: say it as a remedy, and its command in cmd/holdfast/remedy.go", rel, f)
		}
	})
	require.Greater(t, files, 200)
}

// root is the repository.
var root = filepath.Join("..", "..")

// sources gives the Go files of the repository that are no tests, by their paths in it.
func sources(t *testing.T, f func(rel string, text []byte)) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			if d.Name() == "testdata" || rel != "." && strings.HasPrefix(d.Name(), ".") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(rel, ".go") || strings.HasSuffix(rel, "_test.go") {
			return nil
		}
		text, err := os.ReadFile(path)
		if err == nil {
			f(rel, text)
		}
		return err
	}))
}

// commands matches a command line of holdfast in a text: a flag, or the name of the
// program or a quotation mark before one of its verbs.
func commands(t *testing.T) *regexp.Regexp {
	t.Helper()
	var verbs []string
	paths, err := filepath.Glob(filepath.Join(root, "cmd", "holdfast", "*.go"))
	require.NoError(t, err)
	use := regexp.MustCompile(`(?m)^\s+Use:\s+"([a-z]+)`)
	for _, path := range paths {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, m := range use.FindAllSubmatch(text, -1) {
			verbs = append(verbs, string(m[1]))
		}
	}
	require.Contains(t, verbs, "serve")
	require.Contains(t, verbs, "verify")
	require.Contains(t, verbs, "repair")
	some := "(?:" + strings.Join(verbs, "|") + `)\b`
	return regexp.MustCompile(`(?:^|[^-\w])--[a-z][a-z-]+|\bholdfast ` + some + "|['`]" + some + `[^'` + "`" + `]* `)
}

// commandsIn returns the string literals of a file in which a command stands, and
// whether the file belongs to a program. Texts that are added are read as one.
func commandsIn(text []byte, command *regexp.Regexp) (found []string, main bool, err error) {
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, "", text, 0)
	if err != nil || f.Name.Name == "main" {
		return nil, err == nil, err
	}
	ast.Inspect(f, func(n ast.Node) bool {
		e, ok := n.(ast.Expr)
		if !ok {
			return true
		}
		s, whole := added(e)
		if whole && command.MatchString(s) {
			found = append(found, "line "+strconv.Itoa(fset.Position(n.Pos()).Line)+": "+strconv.Quote(s))
		}
		return !whole
	})
	return found, false, nil
}

// added is the text of a literal, or of literals that are added; whole is false for
// what is neither.
func added(e ast.Expr) (s string, whole bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind != token.STRING {
			return "", false
		}
		s, err := strconv.Unquote(e.Value)
		return s, err == nil
	case *ast.BinaryExpr:
		x, xok := added(e.X)
		y, yok := added(e.Y)
		return x + y, e.Op == token.ADD && xok && yok
	}
	return "", false
}

func TestCommandsInTextsAreFound(t *testing.T) {
	verb := commands(t)
	for text, want := range map[string]int{
		`"open without asking (--bus-evidence 0)"`: 1,
		`"run ` + "`holdfast bus rebuild`" + `"`:   1,
		`"'holdfast " + "repair' says"`:            1,
		`"see 'verify --against'"`:                 1,
		`"'repair NAME' says"`:                     1,
		"`name another --dir`":                     1,
		`"x" + f("--dir")`:                         1,
		`"a repair says what can be done"`:         0,
		`"holdfast key id"`:                        0,
		`"-----BEGIN NATS"`:                        0,
		`"a -- b"`:                                 0,
	} {
		found, main, err := commandsIn([]byte("package p\n\nvar v = "+text), verb)
		require.NoError(t, err)
		require.False(t, main)
		require.Len(t, found, want, text)
	}
	_, main, err := commandsIn([]byte("package main"), verb)
	require.NoError(t, err)
	require.True(t, main)
}
