package main

import (
	"fmt"
	"strings"

	"github.com/typedmem/typedmem/inspect"
)

// column is what cat and export show of each element.
type column struct {
	name  string
	value func(inspect.Element) any
	of    inspect.Column // zero for @index and @handle
}

// The columns that are no fields.
const (
	indexName  = "@index"
	handleName = "@handle"
)

// columnsOf returns the columns that a selection names: paths with commas between them. Of a struct
// it takes all fields, and "" stands for all that there are: of a slab with the handle before them.
func columnsOf(f *inspect.File, selection string) ([]column, error) {
	all := shownColumns(f)
	if selection == "" {
		if f.Info().Kind == "slab" {
			all = append([]column{handleColumn()}, all...)
		}
		return all, nil
	}
	var chosen []column
	for _, path := range strings.Split(selection, ",") {
		path = strings.TrimSpace(path)
		switch path {
		case "":
			return nil, wrongUse("--fields %q names an empty field; write paths with commas between them, such as %q", selection, example(all))
		case indexName:
			chosen = append(chosen, column{name: indexName, value: func(e inspect.Element) any { return e.Index }})
			continue
		case handleName:
			if f.Info().Kind == "region" {
				return nil, wrongUse("--fields %s: elements of a region have no handle", path)
			}
			chosen = append(chosen, handleColumn())
			continue
		}
		before := len(chosen)
		for _, c := range all {
			if rest, ok := strings.CutPrefix(c.name, path); ok && rest != "" && (rest[0] == '.' || rest[0] == '[' && strings.Contains(rest, "].")) {
				chosen = append(chosen, c)
			}
		}
		if len(chosen) > before {
			continue
		}
		asked := path
		if path == "value" && len(all) == 1 {
			asked = all[0].of.Path
		}
		c, err := f.Column(asked)
		if err != nil {
			return nil, err
		}
		chosen = append(chosen, fieldColumn(path, c))
	}
	return chosen, nil
}

// shownColumns returns all fields but the blank ones.
func shownColumns(f *inspect.File) (all []column) {
	for _, c := range f.Columns() {
		if c.Path == "_" || strings.HasSuffix(c.Path, "._") {
			continue
		}
		name := c.Path
		if name == "." {
			name = "value"
		}
		all = append(all, fieldColumn(name, c))
	}
	return all
}

func fieldColumn(name string, c inspect.Column) column {
	if c.Kind == "blob.Ref" {
		return column{name: name, value: handle, of: c}
	}
	return column{name: name, value: c.Value, of: c}
}

func handleColumn() column { return column{name: handleName, value: handle} }

// handle returns the handle of an object, or the Ref of a blob, as they print themselves.
func handle(e inspect.Element) any { return fmt.Sprintf("%016x", e.Handle) }

// example returns a selection that is right.
func example(all []column) string {
	names := []string{indexName}
	for _, c := range all[:min(len(all), 2)] {
		names = append(names, c.name)
	}
	return strings.Join(names, ",")
}

func names(columns []column) (all []string) {
	for _, c := range columns {
		all = append(all, c.name)
	}
	return all
}
