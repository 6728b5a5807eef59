package surface

import (
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The graph of imports that ARCHITECTURE.md draws is the real one.
func TestImports(t *testing.T) {
	page, err := os.ReadFile(filepath.Join(top, "ARCHITECTURE.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(page), "| package | imports |\n|---|---|\n")
	if !found {
		t.Fatal("ARCHITECTURE.md has no table of imports")
	}
	drawn := map[string]string{}
	for line := range strings.Lines(table) {
		cell := strings.Split(line, "|")
		if len(cell) < 4 {
			break // the table ends
		}
		folder := strings.TrimSpace(cell[1])
		if _, twice := drawn[folder]; twice {
			t.Errorf("%s is drawn twice", folder)
		}
		drawn[folder] = strings.TrimSpace(cell[2])
	}
	for folder, files := range sources(t) {
		imported := map[string]bool{}
		for _, f := range files {
			for _, i := range f.Imports {
				path, err := strconv.Unquote(i.Path.Value)
				if err != nil {
					t.Fatal(err)
				}
				if to, ok := folderOf(path); ok {
					imported[to] = true
				}
			}
		}
		if len(imported) == 0 { // a leaf needs no line
			continue
		}
		real := strings.Join(slices.Sorted(maps.Keys(imported)), " ")
		if drawn[folder] != real {
			t.Errorf("ARCHITECTURE.md draws %s → %s; it imports %s", folder, drawn[folder], real)
		}
		delete(drawn, folder)
	}
	for folder := range drawn {
		t.Errorf("ARCHITECTURE.md draws %s, which imports nothing of the module", folder)
	}
}
