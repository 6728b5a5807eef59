package surface

import (
	"maps"
	"os"
	"path/filepath"
	"regexp"
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
	drawn := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^\| ([a-z/]+) \| ([^\r\n|]*)\|`).FindAllStringSubmatch(string(page), -1) {
		if _, twice := drawn[m[1]]; twice {
			t.Errorf("%s is drawn twice", m[1])
		}
		if m[1] != "package" {
			drawn[m[1]] = strings.Join(strings.Fields(m[2]), " ")
		}
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
