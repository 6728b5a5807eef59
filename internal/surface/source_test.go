// Package surface holds the tests of what the packages show: to the program that imports them, and
// to each other.
package surface

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

const (
	module = "github.com/typedmem/typedmem"
	top    = "../.." // of the checkout
)

// sources returns the files of each package of the module, for all systems, without tests. The key
// is the folder, "typedmem" for the root.
func sources(t *testing.T) map[string][]*ast.File {
	t.Helper()
	packages := map[string][]*ast.File{}
	set := token.NewFileSet()
	err := filepath.WalkDir(top, func(file string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := entry.Name()
		if entry.IsDir() {
			switch {
			case file == top:
				return nil
			case strings.HasPrefix(name, "."), name == "testdata":
				return filepath.SkipDir
			}
			if _, err := os.Stat(filepath.Join(file, "go.mod")); err == nil { // a module of its own
				return filepath.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") {
			return nil
		}
		parsed, err := parser.ParseFile(set, file, nil, parser.SkipObjectResolution|parser.ParseComments)
		if err != nil {
			return err
		}
		folder, err := filepath.Rel(top, filepath.Dir(file))
		if err != nil {
			return err
		}
		folder = filepath.ToSlash(folder)
		if folder == "." {
			folder = "typedmem"
		}
		packages[folder] = append(packages[folder], parsed)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(packages) < 10 {
		t.Fatalf("%d packages found", len(packages))
	}
	return packages
}

// folderOf turns an import path of the module into a key of sources; ok is false for any other.
func folderOf(imported string) (folder string, ok bool) {
	if imported == module {
		return "typedmem", true
	}
	return strings.CutPrefix(path.Clean(imported), module+"/")
}
