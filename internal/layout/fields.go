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

// Fingerprint hashes the field lines of Fields, the size of a value, the distance between two, the
// byte order ("little" or "big") and the version of the file format: the first 16 bytes of their
// SHA-256.
func (l *Layout) Fingerprint(order string, version uint32) (sum [16]byte) {
	_, lines, _ := strings.Cut(l.Fields(), "\n")
	full := sha256.Sum256(fmt.Appendf(nil, "%ssize %d\nstride %d\norder %s\nversion %d\n", lines, l.Size, l.Size, order, version))
	copy(sum[:], full[:])
	return sum
}

// Diff returns a line for each field that differs between two texts of [Layout.Fields], "" if none
// does.
func Diff(found, asked string) string {
	var b strings.Builder
	inAsked := byPath(asked)
	inFound := byPath(found)
	for _, f := range inFound.order {
		switch a, ok := inAsked.rest[f]; {
		case !ok:
			fmt.Fprintf(&b, "\n\t%s: the file has %s, the type has no such field", f, inFound.rest[f])
		case a != inFound.rest[f]:
			fmt.Fprintf(&b, "\n\t%s: the file has %s, the type has %s", f, inFound.rest[f], a)
		}
	}
	for _, a := range inAsked.order {
		if _, ok := inFound.rest[a]; !ok {
			fmt.Fprintf(&b, "\n\t%s: the file has no such field, the type has %s", a, inAsked.rest[a])
		}
	}
	return b.String()
}

type fieldLines struct {
	order []string
	rest  map[string]string
}

// byPath sorts field lines by their path. Blank fields share a name, so their offset tells them
// apart.
func byPath(text string) fieldLines {
	f := fieldLines{rest: map[string]string{}}
	for line := range strings.Lines(text) {
		var path, kind string
		var off, size uint64
		if _, err := fmt.Sscanf(line, "%s %s %d %d", &path, &kind, &off, &size); err != nil || path == "#" {
			continue
		}
		if path == "_" || strings.HasSuffix(path, "._") {
			path = fmt.Sprintf("%s (at byte %d)", path, off)
		}
		f.order = append(f.order, path)
		f.rest[path] = fmt.Sprintf("%s at byte %d (%d bytes)", kind, off, size)
	}
	return f
}
