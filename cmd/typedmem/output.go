package main

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"reflect"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
)

// rows takes the rows of a result, one after the other, and writes them in one format. Only a table
// holds back some of them, to see how wide its columns are.
type rows interface {
	row(cells []any) error
	close() error // writes what was held back
}

// format is the flag -format.
type format string

var formats = []string{"table", "csv", "json"}

func (f *format) String() string { return string(*f) }
func (f *format) Type() string   { return "string" }

func (f *format) Set(s string) error {
	for _, known := range formats {
		if s == known {
			*f = format(s)
			return nil
		}
	}
	return fmt.Errorf("there is no such format; use one of %s", strings.Join(formats, ", "))
}

// formatFlag adds the flag -format to a command.
func formatFlag(c *cobra.Command) *format {
	f := format("table")
	c.Flags().VarP(&f, "format", "f", "how to print: "+strings.Join(formats, ", "))
	_ = c.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
	return &f
}

// to returns a writer of rows with these column names.
func (f format) to(w io.Writer, columns []string) rows {
	switch f {
	case "csv":
		c := &csvRows{w: csv.NewWriter(w), cells: make([]string, len(columns))}
		c.err = c.w.Write(columns)
		return c
	case "json":
		j := &jsonRows{w: w}
		for _, name := range columns {
			j.keys = append(j.keys, string(appendQuoted(nil, name)))
		}
		return j
	}
	return &table{w: w, header: columns}
}

// csvRows writes RFC 4180, with a header line.
type csvRows struct {
	w     *csv.Writer
	cells []string
	err   error
}

func (c *csvRows) row(cells []any) error {
	for i, x := range cells {
		c.cells[i] = text(x)
	}
	if c.err == nil {
		c.err = c.w.Write(c.cells)
	}
	return c.err
}

func (c *csvRows) close() error {
	c.w.Flush()
	if c.err == nil {
		c.err = c.w.Error()
	}
	return c.err
}

// jsonRows writes an array with an object for each row, a row a line. What JSON has no number for
// is a string, "NaN" say. A complex number is an array of two.
type jsonRows struct {
	w    io.Writer
	keys []string
	line []byte
	any  bool
}

func (j *jsonRows) row(cells []any) error {
	j.line = append(j.line[:0], ",\n  {"...)
	if !j.any {
		j.line[0] = '['
	}
	j.any = true
	for i, x := range cells {
		if i > 0 {
			j.line = append(j.line, ", "...)
		}
		j.line = append(j.line, j.keys[i]...)
		j.line = appendJSON(append(j.line, ": "...), x)
	}
	_, err := j.w.Write(append(j.line, '}'))
	return err
}

func (j *jsonRows) close() error {
	end := "\n]\n"
	if !j.any {
		end = "[]\n"
	}
	_, err := io.WriteString(j.w, end)
	return err
}

func appendJSON(b []byte, x any) []byte {
	switch v := reflect.ValueOf(x); v.Kind() {
	case reflect.Bool:
		return strconv.AppendBool(b, v.Bool())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return strconv.AppendInt(b, v.Int(), 10)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return strconv.AppendUint(b, v.Uint(), 10)
	case reflect.Float32, reflect.Float64:
		f := v.Float()
		if math.IsNaN(f) || math.IsInf(f, 0) {
			return strconv.AppendQuote(b, text(x))
		}
		return append(b, text(x)...)
	case reflect.Complex64, reflect.Complex128:
		c := v.Complex()
		if v.Kind() == reflect.Complex64 {
			return appendJSON(b, []float32{float32(real(c)), float32(imag(c))})
		}
		return appendJSON(b, []float64{real(c), imag(c)})
	case reflect.Slice, reflect.Array:
		b = append(b, '[')
		for i := range v.Len() {
			if i > 0 {
				b = append(b, ", "...)
			}
			b = appendJSON(b, v.Index(i).Interface())
		}
		return append(b, ']')
	case reflect.Invalid:
		return append(b, "null"...)
	}
	return appendQuoted(b, text(x))
}

func appendQuoted(b []byte, s string) []byte {
	var quoted bytes.Buffer
	to := json.NewEncoder(&quoted)
	to.SetEscapeHTML(false)
	_ = to.Encode(s) // of a string it never fails
	return append(b, bytes.TrimSuffix(quoted.Bytes(), []byte("\n"))...)
}

// text returns the value as a table and CSV have it: numbers in the shortest form that reads back
// as the same number, an array in brackets with a space between its
// elements.
func text(x any) string {
	switch x := x.(type) {
	case nil:
		return ""
	case string:
		return x
	case float64:
		return strconv.FormatFloat(x, 'g', -1, 64)
	case float32:
		return strconv.FormatFloat(float64(x), 'g', -1, 32)
	case complex64:
		return strconv.FormatComplex(complex128(x), 'g', -1, 64)
	case complex128:
		return strconv.FormatComplex(x, 'g', -1, 128)
	}
	if v := reflect.ValueOf(x); v.Kind() == reflect.Slice || v.Kind() == reflect.Array {
		cells := make([]string, v.Len())
		for i := range cells {
			cells[i] = text(v.Index(i).Interface())
		}
		return "[" + strings.Join(cells, " ") + "]"
	}
	return fmt.Sprint(x)
}
