package debug

import (
	_ "embed"
	"fmt"
	"html/template"
	"path/filepath"
	"strconv"
)

//go:embed page.html
var text string

var page = template.Must(template.New("page").Funcs(template.FuncMap{
	"size":     size,
	"percent":  percent,
	"runs":     runs,
	"title":    title,
	"describe": describe,
	"hex":      func(a uintptr) string { return fmt.Sprintf("%#x", a) },
}).Parse(text))

// shown is what the template gets.
type shown struct {
	report
	Refresh int
}

// size is a number of bytes for people: 3 digits at least, as in 1.50 GiB.
func size(bytes any) string {
	x, unit := 0.0, 0
	switch n := bytes.(type) {
	case int:
		x = float64(n)
	case uint64:
		x = float64(n)
	}
	for x >= 1023.5 {
		x, unit = x/1024, unit+1
	}
	digits := 0
	switch {
	case unit == 0 || x >= 99.95:
	case x >= 9.995:
		digits = 1
	default:
		digits = 2
	}
	return strconv.FormatFloat(x, 'f', digits, 64) + " " + [...]string{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"}[unit]
}

// percent is a share of a whole for people: 0 % and 100 % are exact.
func percent(part, whole int) string {
	switch {
	case whole == 0 || part == 0:
		return "0 %"
	case part >= whole:
		return "100 %"
	}
	return strconv.Itoa(int(min(max(float64(part)/float64(whole)*100+0.5, 1), 99))) + " %"
}

// run is some parts of a strip, one after the other, of which the same share is in memory. X and
// Width count parts.
type run struct {
	X, Width int
	Share    string // as an opacity
}

// runs returns the parts of which something is in memory.
func runs(parts []float64) (all []run) {
	for i, share := range parts {
		if share == 0 {
			continue
		}
		opacity := strconv.FormatFloat(0.15+0.85*share, 'f', 2, 64) // a little must be seen too
		if n := len(all); n > 0 && all[n-1].X+all[n-1].Width == i && all[n-1].Share == opacity {
			all[n-1].Width++
			continue
		}
		all = append(all, run{i, 1, opacity})
	}
	return all
}

// title is the name of a mapping for people.
func title(m mapping) string {
	switch {
	case m.Name != "":
		return m.Name
	case m.File != "":
		return filepath.Base(m.File)
	case m.Kind != "":
		return m.shows()
	}
	return "anonymous memory"
}

// describe says what a mapping is, in words that title has not said.
func describe(m mapping) string {
	text := "anonymous memory"
	if m.File != "" {
		text = "file " + m.File
	}
	if m.Kind != "" && (m.Name != "" || m.File != "") {
		text = m.shows() + ", " + text
	}
	return text
}

// shows says what shows the mapping.
func (m mapping) shows() string {
	if m.Type == "" {
		return m.Kind
	}
	return m.Kind + " of " + m.Type
}
