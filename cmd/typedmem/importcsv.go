package main

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math/big"
	"os"
	"slices"
	"strconv"
	"strings"
)

// csv prepares the import of a CSV file.
func (o *importOptions) csv(f *os.File, p *progress) (*input, error) {
	r := newCSV(f)
	header, err := r.Read()
	if err == io.EOF {
		return nil, errors.New("it is empty: its first line has to name the columns")
	}
	if err != nil {
		return nil, err
	}
	header[0] = strings.TrimPrefix(header[0], "\ufeff") // that some programs begin a file with
	columns, err := o.columns(header)
	if err != nil {
		return nil, err
	}
	in := &input{}
	known := map[string]string{} // kinds by name
	if o.types != "" {
		if known, err = parseTypes(o.types); err != nil {
			return nil, err
		}
	}
	var open []*finding
	for _, i := range columns {
		if known[header[i]] == "" {
			open = append(open, &finding{column: i, name: header[i]})
		}
	}
	if len(open) > 0 {
		if err := findKinds(f, open); err != nil {
			return nil, err
		}
		for _, k := range open {
			known[k.name] = k.kind()
		}
	}
	for _, i := range columns {
		one, err := newField(header[i], known[header[i]])
		if err != nil {
			return nil, wrongUse("--types: %v", err)
		}
		in.fields = append(in.fields, one)
	}
	for name := range known {
		if !slices.ContainsFunc(in.fields, func(f field) bool { return f.path == name }) {
			return nil, wrongUse("--types: there is no column %q to import; there are %s", name, strings.Join(header, ", "))
		}
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return nil, err
	}
	r = newCSV(p.reader(f))
	if _, err := r.Read(); err != nil {
		return nil, err
	}
	in.next = func(element []byte) error {
		cells, err := r.Read()
		if err != nil {
			return err
		}
		for k, i := range columns {
			if err := in.fields[k].put(element, cells[i]); err != nil {
				line, _ := r.FieldPos(i)
				return fmt.Errorf("line %d, column %q: %w", line, header[i], err)
			}
		}
		return nil
	}
	return in, nil
}

func newCSV(r io.Reader) *csv.Reader {
	c := csv.NewReader(bufio.NewReaderSize(r, 1<<20))
	c.ReuseRecord = true
	return c
}

// columns returns which columns are imported.
func (o *importOptions) columns(header []string) (columns []int, err error) {
	for i, name := range header {
		header[i] = strings.Clone(name) // the reader uses the record again
	}
	if o.fields == "" {
		for i := range header {
			columns = append(columns, i)
		}
		return columns, nil
	}
	for _, name := range strings.Split(o.fields, ",") {
		i := slices.Index(header, strings.TrimSpace(name))
		if i < 0 {
			return nil, wrongUse("--fields: there is no column %q; there are %s", strings.TrimSpace(name), strings.Join(header, ", "))
		}
		columns = append(columns, i)
	}
	return columns, nil
}

// parseTypes reads 'id uint32, price float32'.
func parseTypes(text string) (map[string]string, error) {
	kinds := map[string]string{}
	for _, one := range strings.Split(text, ",") {
		words := strings.Fields(one)
		if len(words) != 2 {
			return nil, wrongUse("--types %q: write the name and the kind of each column, such as 'id uint32, price float32'", text)
		}
		kinds[words[0]] = words[1]
	}
	return kinds, nil
}

// finding is what is known of a column while a file is read.
type finding struct {
	column int
	name   string

	any                            bool   // there is a cell
	noInt, noUint, noFloat, noBool bool   // some cell is none
	large                          string // an integer that no float64 is, "" for none
	array                          int    // numbers in each cell, 0 for a scalar
}

// findKinds reads the whole file.
func findKinds(f *os.File, all []*finding) error {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	r := newCSV(f)
	if _, err := r.Read(); err != nil {
		return err
	}
	for {
		cells, err := r.Read()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		for _, k := range all {
			if err := k.see(cells[k.column]); err != nil {
				line, _ := r.FieldPos(k.column)
				return fmt.Errorf("line %d, column %q: %w", line, k.name, err)
			}
		}
	}
}

func (k *finding) see(cell string) error {
	words, array := []string{cell}, 0
	if inside, ok := strings.CutPrefix(cell, "["); ok && strings.HasSuffix(inside, "]") {
		words = strings.Fields(strings.TrimSuffix(inside, "]"))
		array = len(words)
	}
	if k.any && array != k.array {
		return fmt.Errorf("%q has %d numbers, those before have %d", cell, len(words), max(k.array, 1))
	}
	k.any, k.array = true, array
	for _, word := range words {
		_, errInt := strconv.ParseInt(word, 10, 64)
		_, errUint := strconv.ParseUint(word, 10, 64)
		_, errFloat := strconv.ParseFloat(word, 64)
		k.noInt, k.noUint, k.noFloat = k.noInt || errInt != nil, k.noUint || errUint != nil, k.noFloat || errFloat != nil
		if x, ok := new(big.Int).SetString(word, 10); ok && (errInt == nil || errUint == nil) {
			if _, exact := new(big.Float).SetInt(x).Float64(); exact != big.Exact {
				k.large = word
			}
		}
		k.noBool = k.noBool || word != "true" && word != "false"
		if k.noInt && k.noUint && k.noFloat && k.noBool {
			return fmt.Errorf("%q is no number like those before; leave the column out by --fields, or give its kind by --types", word)
		}
		if k.noInt && k.noUint && !k.noFloat && k.large != "" {
			return fmt.Errorf("no kind holds both %q, which a float64 would round, and the others; choose one by --types", k.large)
		}
	}
	return nil
}

// kind returns the kind of the column. Of a column without a cell it is float64.
func (k *finding) kind() string {
	scalar := "float64"
	switch {
	case !k.any:
	case !k.noInt:
		scalar = "int64"
	case !k.noUint:
		scalar = "uint64"
	case k.noFloat:
		scalar = "bool"
	}
	if k.array > 0 {
		return fmt.Sprintf("[%d]%s", k.array, scalar)
	}
	return scalar
}
