//go:build ignore

// Summary reads the output of go test -json and prints what a person has to know of it: the output
// of each test that failed, one line "NAME: N passed, N failed, N skipped", and one line "  skip:
// TEST: REASON" for each test that was skipped.
//
//	go test -json ./... | go run .ci/summary.go NAME
//
// It exits with 1 when a test or a package failed, when a test began and never ended, when a line
// is not of go test -json, and when no test ran at all. A test with subtests that ran is not
// counted itself unless it fails on its own: its subtests are.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// event is one line of go test -json (go doc test2json).
type event struct {
	Action      string
	Package     string
	ImportPath  string // of build-output
	Test        string
	Output      string
	FailedBuild string // of a package's fail: the ImportPath whose build-output says why
}

// name is a test in a package; the package itself has no test.
type name struct{ pkg, test string }

func (n name) String() string {
	if n.test == "" {
		return n.pkg
	}
	return n.pkg + "." + n.test
}

// run is what became of one test or package.
type run struct {
	result   string // pass, fail or skip; "" while it runs
	output   strings.Builder
	children bool // it has subtests
	failed   bool // one of its subtests failed
}

type summary struct {
	order  []name // in which they began
	runs   map[name]*run
	builds map[string]*strings.Builder
	stray  []string
}

func (s *summary) at(n name) *run {
	r := s.runs[n]
	if r == nil {
		r = new(run)
		s.runs[n] = r
		s.order = append(s.order, n)
	}
	return r
}

func (s *summary) add(e event) {
	if e.Action == "build-output" || e.Action == "build-fail" {
		b := s.builds[e.ImportPath]
		if b == nil {
			b = new(strings.Builder)
			s.builds[e.ImportPath] = b
		}
		b.WriteString(e.Output)
		return
	}
	r := s.at(name{e.Package, e.Test})
	switch e.Action {
	case "output":
		r.output.WriteString(e.Output)
	case "pass", "fail", "skip":
		r.result = e.Action
		if e.FailedBuild != "" {
			if b := s.builds[e.FailedBuild]; b != nil {
				r.output.WriteString(b.String())
			}
		}
	}
}

// read takes in every line; a line that is no event is kept to be shown.
func (s *summary) read(in io.Reader) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadBytes('\n')
		if line = bytes.TrimSpace(line); len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) != nil || e.Action == "" {
				s.stray = append(s.stray, string(line))
			} else {
				s.add(e)
			}
		}
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// link tells each test of its subtests.
func (s *summary) link() {
	for _, n := range s.order {
		for at := strings.LastIndexByte(n.test, '/'); at > 0; at = strings.LastIndexByte(n.test[:at], '/') {
			if parent := s.runs[name{n.pkg, n.test[:at]}]; parent != nil {
				parent.children = true
				parent.failed = parent.failed || s.runs[n].result == "fail" || s.runs[n].result == ""
			}
		}
		if pkg := s.runs[name{n.pkg, ""}]; n.test != "" && pkg != nil {
			pkg.failed = pkg.failed || s.runs[n].result == "fail" || s.runs[n].result == ""
		}
	}
}

// print writes the report and says whether all is well.
func (s *summary) print(out io.Writer, leg string) bool {
	s.link()
	var passed, failed, skipped int
	var skips []string
	show := func(what string, n name, r *run) {
		fmt.Fprintf(out, "--- %s: %v\n%s", what, n, r.output.String())
		if text := r.output.String(); text != "" && !strings.HasSuffix(text, "\n") {
			fmt.Fprintln(out)
		}
	}
	for _, n := range s.order {
		r := s.runs[n]
		switch {
		case r.result == "":
			if !r.failed || n.test == "" {
				show("never ended", n, r)
			}
			if !r.children {
				failed++
			}
		case r.result == "fail":
			show("failed", n, r)
			if n.test == "" && r.failed || r.children && r.failed {
				continue // counted where it failed
			}
			failed++
		case n.test == "" || r.children:
		case r.result == "skip":
			skipped++
			skips = append(skips, fmt.Sprintf("  skip: %s: %s\n", n.test, reason(r.output.String())))
		default:
			passed++
		}
	}
	for _, line := range s.stray {
		fmt.Fprintf(out, "not a line of go test -json: %s\n", line)
	}
	if passed+failed+skipped == 0 {
		fmt.Fprintln(out, "no test ran")
	}
	fmt.Fprintf(out, "%s: %d passed, %d failed, %d skipped\n", leg, passed, failed, skipped)
	slices.Sort(skips)
	for _, line := range skips {
		io.WriteString(out, line)
	}
	return failed == 0 && passed > 0 && len(s.stray) == 0
}

// reason is what a skipped test printed, on one line, without what the testing package adds.
func reason(output string) string {
	var parts []string
	for line := range strings.Lines(output) {
		text := strings.TrimSpace(line)
		if text == "" || strings.HasPrefix(text, "=== ") || strings.HasPrefix(text, "--- ") {
			continue
		}
		if file, rest, ok := strings.Cut(text, ": "); ok && strings.Contains(file, ".go:") {
			text = rest
		}
		parts = append(parts, text)
	}
	if len(parts) == 0 {
		return "no reason given"
	}
	return strings.Join(parts, " ")
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go test -json ./... | go run .ci/summary.go NAME")
		os.Exit(2)
	}
	s := summary{runs: map[name]*run{}, builds: map[string]*strings.Builder{}}
	if err := s.read(os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	if !s.print(os.Stdout, os.Args[1]) {
		os.Exit(1)
	}
}
