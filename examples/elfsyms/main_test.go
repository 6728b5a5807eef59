package main

import (
	"bytes"
	"cmp"
	"debug/elf"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/typedmem/typedmem/examples/internal/itself"
)

func TestMain(m *testing.M) { itself.Main(m, main) }

// program builds an ELF file for a processor.
func program(t *testing.T, arch string) string {
	t.Helper()
	tool, err := exec.LookPath("go")
	if err != nil {
		t.Skip("needs the go command: ", err)
	}
	dir := t.TempDir()
	source, out := filepath.Join(dir, "main.go"), filepath.Join(dir, arch)
	if err := os.WriteFile(source, []byte("package main\n\nfunc main() { println(1) }\n"), 0o666); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(tool, "build", "-o", out, source)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "GOOS=linux", "GOARCH="+arch, "CGO_ENABLED=0", "GOWORK=off", "GOFLAGS=")
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return out
}

// The package debug/elf finds the same symbols, in files of both classes and byte orders.
func TestSymbols(t *testing.T) {
	for _, arch := range []string{"amd64", "386", "s390x", "mips"} {
		t.Run(arch, func(t *testing.T) {
			path := program(t, arch)
			got, err := symbols(path)
			if err != nil {
				t.Fatal(err)
			}
			f, err := elf.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			theirs, err := f.Symbols()
			if err != nil {
				t.Fatal(err)
			}
			var want []Symbol
			for _, s := range theirs {
				if s.Name != "" {
					want = append(want, Symbol{s.Name, s.Value, s.Size, uint8(elf.ST_TYPE(s.Info)), uint16(s.Section)})
				}
			}
			if len(got) == 0 || !slices.Equal(got, want) {
				t.Errorf("%d symbols, debug/elf finds %d", len(got), len(want))
			}
		})
	}
}

func TestListOfThisProgram(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("programs of this system are no ELF files, or tests are stripped: ", runtime.GOOS)
	}
	path := program(t, runtime.GOARCH)
	var out strings.Builder
	if err := list(&out, path, 3); err != nil {
		t.Fatal(err)
	}
	all, err := symbols(path)
	if err != nil {
		t.Fatal(err)
	}
	largest := slices.MaxFunc(all, func(a, b Symbol) int { return cmp.Compare(a.Size, b.Size) })
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 5 || !strings.Contains(lines[1], largest.Name) || !strings.HasPrefix(lines[4], "3 of ") {
		t.Errorf("the largest is %s:\n%s", largest.Name, out.String())
	}
}

// Files that are damaged or none give an error, whatever they hold.
func TestFilesThatAreNone(t *testing.T) {
	good, err := os.ReadFile(program(t, "amd64"))
	if err != nil {
		t.Fatal(err)
	}
	changed := func(change func(b []byte)) []byte {
		b := bytes.Clone(good)
		change(b)
		return b
	}
	sections := binary.LittleEndian.Uint64(good[40:])
	for name, c := range map[string]struct {
		contents []byte
		want     string
	}{
		"empty":                {nil, "no ELF file"},
		"text":                 {[]byte("#!/bin/sh\necho some text here\n"), "no ELF file"},
		"header cut":           {good[:40], "header"},
		"sections cut":         {good[:sections+10], "sections"},
		"class":                {changed(func(b []byte) { b[4] = 3 }), "class 3"},
		"sections out of file": {changed(func(b []byte) { binary.LittleEndian.PutUint64(b[40:], 1<<63) }), "not in any file"},
		"section size":         {changed(func(b []byte) { binary.LittleEndian.PutUint16(b[58:], 63) }), "entries of 63 bytes, want 64"},
		"stripped": {changed(func(b []byte) {
			for at := sections; at+64 <= uint64(len(b)); at += 64 {
				binary.LittleEndian.PutUint32(b[at+4:], 1)
			}
		}), "stripped"},
		"link": {changed(func(b []byte) {
			for at := sections; at+64 <= uint64(len(b)); at += 64 {
				binary.LittleEndian.PutUint32(b[at+40:], 1<<30)
			}
		}), "names"},
	} {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, c.contents, 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := symbols(path); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	if _, err := symbols(filepath.Join(t.TempDir(), "none")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

func TestArguments(t *testing.T) {
	for _, args := range [][]string{{"a", "b"}, {"-top", "-1"}, {"-nonsense"}} {
		out, err := itself.Command(t.Context(), args...).CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 2 || len(out) == 0 {
			t.Errorf("%q: %v, %s", args, err, out)
		}
	}
}
