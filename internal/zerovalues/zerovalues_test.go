package zerovalues_test

import (
	"encoding/json"
	"fmt"
	"go/ast"
	"go/build"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// embedded are the packages that a program imports, below the module's root.
func embedded() []string {
	return []string{".", "position", "projector", "journal", "snapshotter", "bus", "keyring", "checkpoint", "service", "report", "audit", "repair", "journal/repair", "remedy"}
}

// No exported function or method panics, hangs or leaves a file for zero values: an
// error is right. What there is to call is read from the sources, so that a new
// function is called without being named here; the calls are made by a program
// that is written and built for it (see caller.go.txt).
func TestZeroValuesDoNotPanic(t *testing.T) {
	root, err := filepath.Abs("../..")
	require.NoError(t, err)
	program, called := generate(t, root)
	require.Greater(t, called, 200)
	tmp := t.TempDir()
	generated, caller := filepath.Join(tmp, "main.go"), filepath.Join(root, "internal", "zerovalues", "testdata", "caller.go.txt")
	require.NoError(t, os.WriteFile(generated, []byte(program), 0o600))
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{
		filepath.Join(root, "internal", "zerocaller", "main.go"):   generated,
		filepath.Join(root, "internal", "zerocaller", "caller.go"): caller,
	}})
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(filepath.Join(tmp, "overlay.json"), overlay, 0o600))
	binary := filepath.Join(tmp, "caller")
	compile := exec.CommandContext(t.Context(), "go", "build", "-overlay", filepath.Join(tmp, "overlay.json"), "-o", binary, "./internal/zerocaller")
	compile.Dir = root
	out, err := compile.CombinedOutput()
	require.NoError(t, err, "%s", out)

	empty := t.TempDir()
	run := exec.CommandContext(t.Context(), binary)
	run.Dir = empty
	out, err = run.CombinedOutput()
	require.NoError(t, err, "%s", out)
	left, err := os.ReadDir(empty)
	require.NoError(t, err)
	require.Empty(t, left, "files were made")
	t.Logf("%s", out)
}

// generate writes the program that names all there is to call, and counts it.
func generate(t *testing.T, root string) (program string, n int) {
	t.Helper()
	var imports, funcs, types strings.Builder
	for i, name := range embedded() {
		dir := filepath.Join(root, name)
		pkg, err := build.ImportDir(dir, 0)
		require.NoError(t, err)
		path, called := "github.com/moneyprinter/holdfast", pkg.Name
		if name != "." {
			path, called = path+"/"+name, name // two packages are called repair
		}
		fmt.Fprintf(&imports, "\tp%d %q\n", i, path)
		for _, file := range pkg.GoFiles {
			parsed, err := parser.ParseFile(token.NewFileSet(), filepath.Join(dir, file), nil, parser.SkipObjectResolution)
			require.NoError(t, err)
			for _, d := range parsed.Decls {
				n += declare(d, called, i, &funcs, &types)
			}
		}
	}
	return fmt.Sprintf("package main\n\nimport (\n\t\"reflect\"\n\n%s)\n\nvar funcs = map[string]any{\n%s}\n\nvar types = map[string]reflect.Type{\n%s}\n",
		&imports, &funcs, &types), n
}

// declare names what a declaration exports: functions, and types, whose methods the
// program finds by reflection. Generic ones have no zero arguments.
func declare(d ast.Decl, pkg string, i int, funcs, types *strings.Builder) (n int) {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if !d.Name.IsExported() {
			return 0
		}
		if d.Recv == nil && d.Type.TypeParams == nil {
			fmt.Fprintf(funcs, "\t%q: p%d.%s,\n", pkg+"."+d.Name.Name, i, d.Name.Name)
		}
		return 1
	case *ast.GenDecl:
		for _, s := range d.Specs {
			ts, ok := s.(*ast.TypeSpec)
			if !ok || !ts.Name.IsExported() || ts.TypeParams != nil {
				continue
			}
			if _, abstract := ts.Type.(*ast.InterfaceType); !abstract {
				fmt.Fprintf(types, "\t%q: reflect.TypeFor[p%d.%s](),\n", pkg+"."+ts.Name.Name, i, ts.Name.Name)
			}
		}
	}
	return 0
}
