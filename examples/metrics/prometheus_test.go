package main

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/region"
	"github.com/typedmem/typedmem/slab"
)

// sample is a line of the text format.
var sample = regexp.MustCompile(`^([a-z_]+)(\{(?:[a-z]+="(?:[^"\\\n]|\\[\\"n])*",?)+\})? (\d+)$`)

// scraped is what the server exposes: a value for each metric with its labels.
func scraped(t *testing.T, r *region.Region[Counters]) map[string]string {
	t.Helper()
	w := httptest.NewRecorder()
	handler(r).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK || !strings.HasPrefix(w.Header().Get("Content-Type"), "text/plain; version=0.0.4") {
		t.Fatalf("%d %v %s", w.Code, w.Header(), w.Body)
	}
	all := map[string]string{}
	for line := range strings.Lines(w.Body.String()) {
		m := sample.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if m == nil {
			t.Fatalf("no sample: %q", line)
		}
		if _, twice := all[m[1]+m[2]]; twice {
			t.Errorf("%s%s stands twice", m[1], m[2])
		}
		all[m[1]+m[2]] = m[3]
	}
	return all
}

// What is exposed is what the file and the library say.
func TestMetrics(t *testing.T) {
	name := `metrics "a\b".tm`
	if runtime.GOOS == "windows" {
		name = "metrics.tm"
	}
	path := filepath.Join(t.TempDir(), name)
	if err := work(path, 7, strings.NewReader("one\nan error\n"), io.Discard); err != nil {
		t.Fatal(err)
	}
	r, err := open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	objects, err := slab.New[Counters](100)
	if err != nil {
		t.Fatal(err)
	}
	defer objects.Close()
	for range 3 {
		if _, err := objects.Alloc(); err != nil {
			t.Fatal(err)
		}
	}
	got, s := scraped(t, r), typedmem.ReadStats()
	want := map[string]string{
		`lines_total{worker="7"}`: "2", `line_bytes_total{worker="7"}`: "13", `line_errors_total{worker="7"}`: "1", `worker_starts_total{worker="7"}`: "1",
		"typedmem_mappings": fmt.Sprint(s.Mappings), "typedmem_mapped_bytes": fmt.Sprint(s.MappedBytes),
		"typedmem_reserved_bytes": fmt.Sprint(s.ReservedBytes), "typedmem_faults_total": fmt.Sprint(s.Faults),
	}
	mappings := typedmem.Mappings()
	for _, m := range mappings {
		label := labels("name", m.Name, "file", m.File, "kind", m.Kind, "addr", fmt.Sprintf("%#x", m.Addr))
		want["typedmem_mapping_bytes"+label] = fmt.Sprint(m.Len)
		want["typedmem_mapping_pins"+label] = "0"
		if bytes, err := m.Resident(0, m.Len); err == nil {
			want["typedmem_mapping_resident_bytes"+label] = fmt.Sprint(bytes)
		}
		if m.Kind == "slab" {
			want["typedmem_slab_objects"+label], want["typedmem_slab_slots"+label] = "3", "100"
		}
	}
	delete(got, "typedmem_held_bytes") // the collector works meanwhile
	for key, value := range want {
		if got[key] != value {
			t.Errorf("%s is %q, want %q", key, got[key], value)
		}
	}
	if len(got) != len(want) || len(mappings) < 4 {
		t.Errorf("%d samples of %d mappings, want %d", len(got), len(mappings), len(want))
	}
}

// The page of package debug is beside the counters.
func TestDebugPage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "counted.tm")
	r, err := open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	w := httptest.NewRecorder()
	handler(r).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/debug/typedmem", nil))
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "counted.tm") || !strings.Contains(w.Body.String(), "region of main.Counters") {
		t.Errorf("%d %s", w.Code, w.Body)
	}
}
