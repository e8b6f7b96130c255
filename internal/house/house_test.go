package house

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/moneyprinter/holdfast"

// What the top level and the packages may hold. A number here is a promise to a newcomer: it may be lowered at any
// time, and raised with a reason in ARCHITECTURE.md only.
const (
	rootFiles     = 15
	rootLines     = 2200
	rootTests     = 12
	functionLines = 70
)

// upward is how many arrows between the files of a package may run back up; a package that is not named may have
// elsewhere.
func upward() map[string]int {
	return map[string]int{
		"position":                  51, // a mutation is folded by what folds all of them
		"cmd/holdfast":              42, // a verb's file uses app.go, which lists the verbs
		"cmd/holdfast/feed/mapping": 26,
	}
}

const elsewhere = 11

type listing struct {
	ImportPath, Dir, Export            string
	GoFiles, TestGoFiles, XTestGoFiles []string
}

func TestTheHouse(t *testing.T) {
	packages, exports := listed(t)
	all := map[string]counts{}
	t.Logf("%-28s %5s %6s %5s %8s %6s %4s  %s", "package", "files", "lines", "tests", "exported", "arrows", "up", "longest function; longest file")
	for _, p := range packages {
		if len(p.GoFiles) == 0 {
			continue
		}
		name := strings.TrimPrefix(strings.TrimPrefix(p.ImportPath, module), "/")
		if name == "" {
			name = "."
		}
		c := count(t, p, exports)
		all[name] = c
		t.Logf("%-28s %5d %6d %5d %8d %6d %4d  %s; %s", name, c.files, c.lines, c.tests, c.exported, c.arrows, len(c.up), c.function, c.file)
	}
	root := all["."]
	require.LessOrEqual(t, root.files, rootFiles, "Go files at the top level: a newcomer sees them beside README.md")
	require.LessOrEqual(t, root.lines, rootLines, "lines of the facade")
	require.LessOrEqual(t, root.tests, rootTests, "test files at the top level: drills go to internal/drills")
	limits := upward()
	for name, c := range all {
		limit, ok := limits[name]
		if !ok {
			limit = elsewhere
		}
		require.LessOrEqual(t, len(c.up), limit, "arrows of %s that run back up:\n%s", name, strings.Join(c.up, "\n"))
		if !strings.HasSuffix(name, "test") { // tables of tests that two packages share
			require.LessOrEqual(t, c.longest, functionLines, c.function)
		}
		require.Empty(t, c.misnamed, "%s: a comment begins with the name that it is about", name)
		require.True(t, c.commented, "%s has no package comment", name)
	}
}

// listed asks the go command for this module's packages and for the export data of everything they are built from.
func listed(t *testing.T) (own []listing, exports map[string]string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", "-export", "-json=ImportPath,Dir,Export,GoFiles,TestGoFiles,XTestGoFiles", module+"/...")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	exports = map[string]string{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listing
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else {
			require.NoError(t, err)
		}
		exports[p.ImportPath] = p.Export
		if p.ImportPath == module || strings.HasPrefix(p.ImportPath, module+"/") {
			own = append(own, p)
		}
	}
	require.Greater(t, len(own), 20)
	sort.Slice(own, func(i, j int) bool { return own[i].ImportPath < own[j].ImportPath })
	return own, exports
}

type counts struct {
	files, lines, tests, exported, arrows, longest int
	function, file                                 string
	up, misnamed                                   []string
	commented                                      bool
}

func count(t *testing.T, p listing, exports map[string]string) counts {
	t.Helper()
	c := counts{files: len(p.GoFiles), tests: len(p.TestGoFiles) + len(p.XTestGoFiles)}
	fset := token.NewFileSet()
	var files []*ast.File
	most := 0
	for _, name := range p.GoFiles {
		f, err := parser.ParseFile(fset, filepath.Join(p.Dir, name), nil, parser.ParseComments)
		require.NoError(t, err)
		files = append(files, f)
		c.commented = c.commented || f.Doc != nil
		if lines := fset.File(f.Pos()).LineCount() - 1; lines > most && !ast.IsGenerated(f) {
			most, c.file = lines, fmt.Sprintf("%s %d", name, lines)
		}
		c.lines += fset.File(f.Pos()).LineCount() - 1
		for _, d := range f.Decls {
			c.exported += exported(d)
			c.misnamed = append(c.misnamed, misnamed(d, name)...)
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Body != nil {
				lines := fset.Position(fn.Body.Rbrace).Line - fset.Position(fn.Body.Lbrace).Line - 1
				if lines > c.longest {
					c.longest, c.function = lines, fmt.Sprintf("%s %d", fn.Name.Name, lines)
				}
			}
		}
	}
	uses := arrows(t, p, fset, files, exports)
	for _, to := range uses {
		c.arrows += len(to)
	}
	c.up = backward(uses)
	return c
}

// exported counts the names that a declaration gives to other packages; fields are part of their type.
func exported(d ast.Decl) int {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && (d.Recv == nil || ast.IsExported(receiver(d.Recv.List[0].Type))) {
			return 1
		}
	case *ast.GenDecl:
		n := 0
		for _, s := range d.Specs {
			switch s := s.(type) {
			case *ast.TypeSpec:
				if s.Name.IsExported() {
					n++
				}
			case *ast.ValueSpec:
				for _, name := range s.Names {
					if name.IsExported() {
						n++
					}
				}
			}
		}
		return n
	}
	return 0
}

// misnamed returns the functions and types of a declaration whose comment speaks of another name.
func misnamed(d ast.Decl, file string) []string {
	about := func(name string, doc *ast.CommentGroup) []string {
		if doc == nil {
			return nil
		}
		words := strings.Fields(doc.Text())
		if len(words) > 1 && (words[0] == "A" || words[0] == "An" || words[0] == "The") {
			words = words[1:]
		}
		if len(words) > 0 && strings.EqualFold(words[0], name) && words[0] != name {
			return []string{file + ": " + name + ": the comment says " + words[0]}
		}
		return nil
	}
	switch d := d.(type) {
	case *ast.FuncDecl:
		return about(d.Name.Name, d.Doc)
	case *ast.GenDecl:
		var out []string
		for _, s := range d.Specs {
			if s, ok := s.(*ast.TypeSpec); ok {
				out = append(out, about(s.Name.Name, d.Doc)...)
			}
		}
		return out
	}
	return nil
}

func receiver(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.Ident:
		return e.Name
	}
	return ""
}

// arrows says of each file which others of its package it uses a name of.
func arrows(t *testing.T, p listing, fset *token.FileSet, files []*ast.File, exports map[string]string) map[string]map[string]bool {
	t.Helper()
	info := &types.Info{Uses: map[*ast.Ident]types.Object{}}
	conf := types.Config{Importer: importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) {
		if exports[path] == "" {
			return nil, fmt.Errorf("no export data of %s", path)
		}
		return os.Open(exports[path])
	})}
	pkg, err := conf.Check(p.ImportPath, fset, files, info)
	require.NoError(t, err)
	uses := map[string]map[string]bool{}
	for _, name := range p.GoFiles {
		uses[name] = map[string]bool{}
	}
	for id, o := range info.Uses {
		if o.Pkg() != pkg || !o.Pos().IsValid() {
			continue
		}
		from, to := filepath.Base(fset.Position(id.Pos()).Filename), filepath.Base(fset.Position(o.Pos()).Filename)
		if from != to && uses[from] != nil && uses[to] != nil {
			uses[from][to] = true
		}
	}
	return uses
}

// backward puts the files in an order and returns the arrows that run against it: sources first and sinks last, and
// where neither is left, the file that uses most beyond what uses it (Eades, Lin and Smyth, A fast and effective
// heuristic for the feedback arc set problem, 1993).
func backward(uses map[string]map[string]bool) []string {
	left := map[string]bool{}
	for f := range uses {
		left[f] = true
	}
	degrees := func(f string) (out, in int) {
		for to := range uses[f] {
			if left[to] {
				out++
			}
		}
		for from := range left {
			if uses[from][f] {
				in++
			}
		}
		return out, in
	}
	var head, tail []string
	for len(left) > 0 {
		names := make([]string, 0, len(left))
		for f := range left {
			names = append(names, f)
		}
		sort.Strings(names)
		best, score, sink := "", 0, false
		for _, f := range names {
			out, in := degrees(f)
			if out == 0 {
				best, sink = f, true
				break
			}
			if in == 0 {
				out += len(uses)
			}
			if best == "" || out-in > score {
				best, score = f, out-in
			}
		}
		delete(left, best)
		if sink {
			tail = append(tail, best)
		} else {
			head = append(head, best)
		}
	}
	place := map[string]int{}
	for i, f := range head {
		place[f] = i
	}
	for i, f := range tail {
		place[f] = len(uses) - i
	}
	var up []string
	for from, to := range uses {
		for f := range to {
			if place[f] < place[from] {
				up = append(up, from+" -> "+f)
			}
		}
	}
	sort.Strings(up)
	return up
}
