package npy

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// A header is a literal of Python: a dict, with lists, tuples, strings, integers, True, False and
// None inside.
type (
	list  []any
	tuple []any
	dict  []entry
	entry struct{ key, value any }
)

// parser reads a literal. Its methods panic with a syntaxError.
type parser struct {
	text  string
	at    int
	depth int
}

type syntaxError string

// mostDepth is how deep lists and tuples may lie in one another.
const mostDepth = 100

// parseLiteral reads a whole text.
func parseLiteral(text string) (value any, err error) {
	p := &parser{text: text}
	defer func() {
		switch r := recover().(type) {
		case nil:
		case syntaxError:
			err = errors.New(string(r))
		default:
			panic(r)
		}
	}()
	value = p.value()
	if p.skip(); p.at < len(p.text) {
		p.fail("something follows it")
	}
	return value, nil
}

func (p *parser) fail(what string) {
	near := p.text[p.at:]
	if len(near) > 20 {
		near = near[:20]
	}
	panic(syntaxError(fmt.Sprintf("%s at byte %d of the header, near %q", what, p.at, near)))
}

func (p *parser) skip() {
	p.at = len(p.text) - len(strings.TrimLeft(p.text[p.at:], " \t\r\n\f"))
}

// next skips spaces and returns the byte after them, 0 at the end.
func (p *parser) next() byte {
	if p.skip(); p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

// took reports whether c is next, and passes over it.
func (p *parser) took(c byte) bool {
	if p.next() != c || p.at == len(p.text) {
		return false
	}
	p.at++
	return true
}

func (p *parser) value() any {
	if p.depth++; p.depth > mostDepth {
		p.fail("brackets too deep")
	}
	defer func() { p.depth-- }()
	switch c := p.next(); {
	case c == '{':
		return p.dict()
	case c == '[':
		p.at++
		items, _ := p.items(']')
		return list(items)
	case c == '(':
		p.at++
		items, comma := p.items(')')
		if len(items) == 1 && !comma {
			return items[0] // brackets around a value
		}
		return tuple(items)
	case c == '\'' || c == '"':
		return p.str()
	case c == '-' || c >= '0' && c <= '9':
		return p.integer()
	}
	for word, value := range map[string]any{"True": true, "False": false, "None": nil} {
		if strings.HasPrefix(p.text[p.at:], word) {
			p.at += len(word)
			return value
		}
	}
	if c := p.next(); (c == 'u' || c == 'b') && p.at+1 < len(p.text) && strings.ContainsRune(`'"`, rune(p.text[p.at+1])) { // of Python 2
		p.at++
		return p.str()
	}
	p.fail("no value")
	return nil
}

// items reads values up to a closing bracket; comma reports whether one stood after the last.
func (p *parser) items(end byte) (items []any, comma bool) {
	for !p.took(end) {
		if items != nil && !comma {
			p.fail("no comma")
		}
		items = append(items, p.value())
		comma = p.took(',')
	}
	return items, comma
}

func (p *parser) dict() (d dict) {
	p.at++
	for comma := true; !p.took('}'); comma = p.took(',') {
		if !comma {
			p.fail("no comma")
		}
		key := p.value()
		if !p.took(':') {
			p.fail("no colon")
		}
		d = append(d, entry{key, p.value()})
	}
	return d
}

func (p *parser) integer() int {
	end := p.at + 1
	for end < len(p.text) && p.text[end] >= '0' && p.text[end] <= '9' {
		end++
	}
	n, err := strconv.Atoi(p.text[p.at:end])
	if err != nil {
		p.fail("a number that is none or too large")
	}
	if p.at = end; p.at < len(p.text) && p.text[p.at] == 'L' { // of Python 2
		p.at++
	}
	return n
}

func (p *parser) str() string {
	quote := p.text[p.at]
	var b strings.Builder
	for p.at++; ; {
		if p.at >= len(p.text) || p.text[p.at] == '\n' {
			p.fail("a string without an end")
		}
		c := p.text[p.at]
		if c == quote {
			p.at++
			return b.String()
		}
		p.at++
		if c != '\\' {
			b.WriteByte(c)
			continue
		}
		p.escape(&b)
	}
}

// escape reads what follows a backslash.
func (p *parser) escape(b *strings.Builder) {
	if p.at >= len(p.text) {
		p.fail("a string without an end")
	}
	c := p.text[p.at]
	p.at++
	switch i := strings.IndexByte(`\'"nrt`, c); {
	case i >= 0:
		b.WriteByte("\\'\"\n\r\t"[i])
	case c == 'x' || c == 'u' || c == 'U':
		n := map[byte]int{'x': 2, 'u': 4, 'U': 8}[c]
		if p.at+n > len(p.text) {
			p.fail("a string without an end")
		}
		r, err := strconv.ParseUint(p.text[p.at:p.at+n], 16, 32)
		if err != nil || r > utf8.MaxRune {
			p.fail("an escape sequence that is none")
		}
		p.at += n
		b.WriteRune(rune(r))
	default:
		p.fail("an escape sequence that this package does not know")
	}
}

// quote returns a string as a literal of Python.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('\'')
	for _, r := range s {
		switch {
		case r == '\'' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, "\\x%02x", r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('\'')
	return b.String()
}

// literal returns a value as Python writes it.
func literal(value any) string {
	join := func(items []any) string {
		var parts []string
		for _, x := range items {
			parts = append(parts, literal(x))
		}
		return strings.Join(parts, ", ")
	}
	switch x := value.(type) {
	case string:
		return quote(x)
	case list:
		return "[" + join(x) + "]"
	case tuple:
		if len(x) == 1 {
			return "(" + literal(x[0]) + ",)"
		}
		return "(" + join(x) + ")"
	case dict:
		var parts []string
		for _, e := range x {
			parts = append(parts, literal(e.key)+": "+literal(e.value))
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case bool:
		if x {
			return "True"
		}
		return "False"
	case nil:
		return "None"
	}
	return fmt.Sprint(value)
}

// shapeOf returns the tuple of a shape.
func shapeOf(dims []int) (t tuple) {
	for _, n := range dims {
		t = append(t, n)
	}
	return t
}
