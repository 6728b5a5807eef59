package surface

import (
	"go/ast"
	"regexp"
	"strings"
	"testing"
)

// A doc link is a name in brackets; after a word, brackets are the type arguments of a generic
// type.
var docLink = regexp.MustCompile(`(?:^|[^\w\])])\[\*?((?:[a-z]\w*\.)?[A-Z]\w*(?:\.[A-Z]\w*)?)\]`)

// Each doc link to a name of the module leads to one that there is.
func TestDocLinks(t *testing.T) {
	packages := sources(t)
	names := map[string]bool{} // package.Name and package.Type.Name
	ours := map[string]bool{}  // the names of the packages
	for _, files := range packages {
		for _, f := range files {
			ours[f.Name.Name] = true
			for _, d := range f.Decls {
				for _, name := range exported(d) {
					_, name, _ = strings.Cut(name, " ")
					names[f.Name.Name+"."+name] = true
				}
			}
		}
	}
	links := 0
	for folder, files := range packages {
		for _, f := range files {
			for _, group := range f.Comments {
				for _, name := range linked(group) {
					if head, _, _ := strings.Cut(name, "."); ast.IsExported(head) {
						name = f.Name.Name + "." + name
					} else if !ours[head] {
						continue
					}
					links++
					if !names[name] {
						t.Errorf("%s: the doc link [%s] leads nowhere", folder, name)
					}
				}
			}
		}
	}
	if links < 30 {
		t.Errorf("only %d links found", links)
	}
}

// linked returns the names in the doc links of a comment; lines of code have none.
func linked(comment *ast.CommentGroup) (names []string) {
	for line := range strings.Lines(comment.Text()) {
		if strings.HasPrefix(line, "\t") {
			continue
		}
		for _, m := range docLink.FindAllStringSubmatch(line, -1) {
			names = append(names, m[1])
		}
	}
	return names
}
