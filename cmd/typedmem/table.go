package main

import (
	"bytes"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"
)

// table writes aligned columns, numbers to the right. It looks at the first rows to see how wide
// the columns are; a later cell that is wider moves the rest of its line.
type table struct {
	w      io.Writer
	header []string
	held   [][]string // the first rows
	widths []int      // of the columns, once the first rows are written
	right  []bool     // the column holds numbers
	line   []byte
}

// tableLooks is how many rows a table looks at.
const tableLooks = 500

func (t *table) row(cells []any) error {
	words := make([]string, len(cells))
	for i, x := range cells {
		words[i] = visible(text(x))
	}
	if t.widths != nil {
		return t.write(words)
	}
	t.held = append(t.held, words)
	if len(t.held) < tableLooks {
		return nil
	}
	return t.begin()
}

func (t *table) close() error {
	if t.widths != nil {
		return nil
	}
	return t.begin()
}

// begin writes the header and the rows that were held back.
func (t *table) begin() error {
	t.widths, t.right = make([]int, len(t.header)), make([]bool, len(t.header))
	for i, name := range t.header {
		t.widths[i] = utf8.RuneCountInString(name)
		t.right[i] = len(t.held) > 0
		for _, words := range t.held {
			t.widths[i] = max(t.widths[i], utf8.RuneCountInString(words[i]))
			t.right[i] = t.right[i] && isNumber(words[i])
		}
	}
	if err := t.write(t.header); err != nil {
		return err
	}
	for _, words := range t.held {
		if err := t.write(words); err != nil {
			return err
		}
	}
	t.held = nil
	return nil
}

func (t *table) write(words []string) error {
	t.line = t.line[:0]
	for i, word := range words {
		if i > 0 {
			t.line = append(t.line, "  "...)
		}
		fill := strings.Repeat(" ", max(t.widths[i]-utf8.RuneCountInString(word), 0))
		switch {
		case t.right[i]:
			t.line = append(append(t.line, fill...), word...)
		default:
			t.line = append(append(t.line, word...), fill...)
		}
	}
	_, err := t.w.Write(append(bytes.TrimRight(t.line, " "), '\n'))
	return err
}

// isNumber reports whether a cell is one number, perhaps with a unit, or empty.
func isNumber(s string) bool {
	if s == "NaN" || strings.HasSuffix(s, "Inf") || s == "" {
		return true
	}
	digit := s[0]
	if (digit == '-' || digit == '+') && len(s) > 1 {
		digit = s[1]
	}
	if digit < '0' || digit > '9' || strings.HasPrefix(s, "0x") {
		return false
	}
	_, unit, _ := strings.Cut(s, " ")
	return unit == "" || strings.HasSuffix(unit, "B") || unit == "bytes"
}

// visible replaces what would break a line or a terminal.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '\uFFFD'
	}, s)
}

// size returns a number of bytes for people.
func size(n uint64) string {
	if n < 1<<10 {
		return text(n) + " B"
	}
	units := []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	x, i := float64(n)/1024, 0
	for x >= 1023.95 {
		x /= 1024
		i++
	}
	return strings.TrimSuffix(text(float64(int64(x*10+0.5))/10), ".0") + " " + units[i]
}
