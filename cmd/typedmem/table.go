package main

import (
	"bytes"
	"io"
	"reflect"
	"slices"
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
	right  []bool     // the columns that hold numbers only, as far as was looked
	line   []byte
}

// tableLooks is how many rows a table looks at.
const tableLooks = 500

func (t *table) row(cells []any) error {
	words := make([]string, len(cells))
	if t.right == nil {
		t.right = slices.Repeat([]bool{true}, len(cells))
	}
	for i, x := range cells {
		words[i] = visible(text(x))
		if t.widths == nil {
			t.right[i] = t.right[i] && isNumber(x)
		}
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
	t.widths = make([]int, len(t.header))
	if t.right == nil {
		t.right = make([]bool, len(t.header))
	}
	for i, name := range t.header {
		t.widths[i] = utf8.RuneCountInString(name)
		for _, words := range t.held {
			t.widths[i] = max(t.widths[i], utf8.RuneCountInString(words[i]))
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

// amount is a number with a unit.
type amount string

// isNumber reports whether a cell is one number.
func isNumber(x any) bool {
	if _, ok := x.(amount); ok || x == nil {
		return true
	}
	k := reflect.TypeOf(x).Kind()
	return reflect.Int <= k && k <= reflect.Complex128
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
func size(n uint64) amount {
	if n < 1<<10 {
		return amount(text(n) + " B")
	}
	units := []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}
	x, i := float64(n)/1024, 0
	for x >= 1023.95 {
		x /= 1024
		i++
	}
	return amount(text(float64(int64(x*10+0.5))/10) + " " + units[i])
}
