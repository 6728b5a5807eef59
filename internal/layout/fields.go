package layout

import (
	"crypto/sha256"
	"fmt"
	"strings"
)

// Fields renders the layout as text: a line with the type's name, which is informational, then a
// line for each leaf with path, kind, offset and size in bytes. The path of a type that is one
// scalar is a dot.
func (l *Layout) Fields() string {
	if l.described != "" {
		return l.described
	}
	return fmt.Sprintf("# %v\n%s", l.Type, l.lines(func(f Leaf) string { return f.Kind }))
}

// GoFields renders the same lines for people, with Go types instead of kinds.
func (l *Layout) GoFields() string {
	return "path, type, offset, bytes:\n" + l.lines(func(f Leaf) string { return f.Type })
}

func (l *Layout) lines(what func(Leaf) string) string {
	var b strings.Builder
	for _, f := range l.Leaves {
		path := f.Path
		if path == "" {
			path = "."
		}
		fmt.Fprintf(&b, "%s %s %d %d\n", path, what(f), f.Offset, f.Size)
	}
	return b.String()
}

// Fingerprint is [Fingerprint] of the layout.
func (l *Layout) Fingerprint(order string, version uint32) (sum [16]byte) {
	return Fingerprint(l.Fields(), uint64(l.Size), order, version)
}

// Fingerprint hashes the field lines of a text of [Layout.Fields], the size of a value, the
// distance between two, the byte order ("little" or "big") and the version of the file format: the
// first 16 bytes of their SHA-256.
func Fingerprint(fields string, size uint64, order string, version uint32) (sum [16]byte) {
	_, lines, _ := strings.Cut(fields, "\n")
	full := sha256.Sum256(fmt.Appendf(nil, "%ssize %d\nstride %d\norder %s\nversion %d\n", lines, size, size, order, version))
	copy(sum[:], full[:])
	return sum
}

// Diff returns a line for each field that differs between two texts of [Layout.Fields], "" if none
// does.
func Diff(found, asked string) string {
	var b strings.Builder
	foundPaths, inFound := byPath(found)
	askedPaths, inAsked := byPath(asked)
	for _, f := range foundPaths {
		switch a, ok := inAsked[f]; {
		case !ok:
			fmt.Fprintf(&b, "\n\t%s: the file has %s, the type has no such field", f, inFound[f])
		case a != inFound[f]:
			fmt.Fprintf(&b, "\n\t%s: the file has %s, the type has %s", f, inFound[f], a)
		}
	}
	for _, a := range askedPaths {
		if _, ok := inFound[a]; !ok {
			fmt.Fprintf(&b, "\n\t%s: the file has no such field, the type has %s", a, inAsked[a])
		}
	}
	return b.String()
}

// byPath returns the paths of field lines in order, and what each line says of its path. Blank
// fields share a name, so their offset tells them apart.
func byPath(text string) (paths []string, rest map[string]string) {
	rest = map[string]string{}
	for line := range strings.Lines(text) {
		var path, kind string
		var off, size uint64
		if _, err := fmt.Sscanf(line, "%s %s %d %d", &path, &kind, &off, &size); err != nil || path == "#" {
			continue
		}
		if path == "_" || strings.HasSuffix(path, "._") {
			path = fmt.Sprintf("%s (at byte %d)", path, off)
		}
		paths = append(paths, path)
		rest[path] = fmt.Sprintf("%s at byte %d (%d bytes)", kind, off, size)
	}
	return paths, rest
}
