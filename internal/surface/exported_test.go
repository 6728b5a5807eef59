package surface

import (
	"flag"
	"go/ast"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write exported.txt anew")

// The exported names change on purpose only: exported.txt lists them. After a change that is meant,
// run go test ./internal/surface -update and look at what the file's difference says.
func TestExportedNames(t *testing.T) {
	const file = "exported.txt"
	packages := sources(t)
	var lines []string
	for _, folder := range slices.Sorted(maps.Keys(packages)) {
		if strings.HasPrefix(folder, "internal/") {
			continue
		}
		names := map[string]bool{} // a name may stand in a file for each system
		for _, f := range packages[folder] {
			for _, d := range f.Decls {
				for _, name := range exported(d) {
					names[name] = true
				}
			}
		}
		for _, name := range slices.Sorted(maps.Keys(names)) {
			lines = append(lines, folder+": "+name)
		}
	}
	got := strings.Join(lines, "\n") + "\n"
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	listed := strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
	for _, line := range lines {
		if !slices.Contains(listed, line) {
			t.Errorf("exported and not in %s: %s", file, line)
		}
	}
	for _, line := range listed {
		if !slices.Contains(lines, line) {
			t.Errorf("in %s and not exported: %s", file, line)
		}
	}
}

// exported returns the exported names that a declaration makes: of methods and fields as Type.Name,
// where the type is exported too.
func exported(d ast.Decl) (names []string) {
	add := func(kind string, path ...*ast.Ident) {
		var parts []string
		for _, id := range path {
			if !id.IsExported() {
				return
			}
			parts = append(parts, id.Name)
		}
		names = append(names, kind+" "+strings.Join(parts, "."))
	}
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Recv == nil {
			add("func", d.Name)
		} else {
			add("method", receiver(d.Recv.List[0].Type), d.Name)
		}
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			switch s := spec.(type) {
			case *ast.ValueSpec:
				for _, name := range s.Names {
					add(d.Tok.String(), name)
				}
			case *ast.TypeSpec:
				add("type", s.Name)
				switch body := s.Type.(type) {
				case *ast.StructType:
					for _, f := range body.Fields.List {
						for _, name := range f.Names {
							add("field", s.Name, name)
						}
						if len(f.Names) == 0 {
							add("field", s.Name, receiver(f.Type))
						}
					}
				case *ast.InterfaceType:
					for _, m := range body.Methods.List {
						for _, name := range m.Names {
							add("method", s.Name, name)
						}
					}
				}
			}
		}
	}
	return names
}

// receiver returns the name of a type as a receiver or an embedded field names it.
func receiver(e ast.Expr) *ast.Ident {
	switch e := e.(type) {
	case *ast.StarExpr:
		return receiver(e.X)
	case *ast.IndexExpr:
		return receiver(e.X)
	case *ast.IndexListExpr:
		return receiver(e.X)
	case *ast.SelectorExpr:
		return e.Sel
	case *ast.Ident:
		return e
	}
	return ast.NewIdent("_")
}
