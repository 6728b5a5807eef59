package debug

import (
	"encoding/json"
	"errors"
	"expvar"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
	"github.com/typedmem/typedmem/region"
	"github.com/typedmem/typedmem/slab"
)

// ask serves a request for an address.
func ask(target string, header ...string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(http.MethodGet, target, nil)
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, r)
	return w
}

// reported is the report of a request.
func reported(t *testing.T, target string) (r report) {
	t.Helper()
	w := ask(target, "Accept", "application/json")
	if w.Code != http.StatusOK || w.Header().Get("Content-Type") != "application/json" {
		t.Fatalf("%d %v: %s", w.Code, w.Header(), w.Body)
	}
	d := json.NewDecoder(w.Body)
	d.DisallowUnknownFields()
	testkit.Check(t, d.Decode(&r))
	return r
}

// zoo maps memory of several kinds.
func zoo(t *testing.T) {
	t.Helper()
	type tick struct{ A, B uint64 }
	ticks := testkit.Must(region.Create[tick](filepath.Join(t.TempDir(), "ticks & co.tm"), 100_000))(t)
	testkit.CloseLater(t, ticks)
	unpin := testkit.Must(ticks.Pin())(t)
	t.Cleanup(unpin)
	orders := testkit.Must(slab.New[tick](5000))(t)
	testkit.CloseLater(t, orders)
	for range 1234 {
		testkit.Must(orders.Insert(tick{}))(t)
	}
	cache := testkit.Must(options.New(8 << 20).WithCapacity(64 << 20).WithName(`cache <script>alert("x")</script>`).MapMut())(t)
	testkit.CloseLater(t, cache)
	half := cache.Bytes()[:4<<20]
	for i := 0; i < len(half); i += 512 {
		half[i] = 1
	}
	for _, f := range []func() (*typedmem.Mapping, error){
		options.New(1 << 20).WithName("reserved").ReserveMut,
		options.New(1 << 20).WithName("no access").MapNone,
		options.New(0).WithCapacity(1 << 20).WithName("empty").MapMut,
	} {
		testkit.CloseLater(t, testkit.Must(f())(t))
	}
}

// The JSON says what the API says.
func TestJSON(t *testing.T) {
	zoo(t)
	r := reported(t, "/")
	list, stats := typedmem.Mappings(), typedmem.ReadStats()
	stats.HeldBytes = r.Stats.HeldBytes // the collector works meanwhile
	if r.Stats != stats || r.Listed != len(list) || len(r.Mappings) != len(list) || r.PID != os.Getpid() || r.Program == "" || r.Time.IsZero() {
		t.Errorf("%+v for %+v and %d mappings", r, stats, len(list))
	}
	sum := uint64(0)
	for _, e := range r.Mappings {
		i := slices.IndexFunc(list, func(m typedmem.MappingInfo) bool { return m.Addr == e.Addr })
		if i < 0 {
			t.Fatalf("%+v is not mapped", e)
		}
		m := list[i]
		bytes, err := m.Resident(0, m.Len)
		if err == nil != (e.Resident != nil) || (err != nil) != (e.Unknown != "") {
			t.Errorf("%+v: %v", e, err)
		}
		if e.Resident != nil {
			if *e.Resident != bytes || e.Estimated {
				t.Errorf("%+v: %d bytes are in memory, not %d", e, bytes, *e.Resident)
			}
			sum += uint64(*e.Resident)
		}
		want := e
		want.Name, want.File, want.Kind, want.Type, want.Len, want.Cap = m.Name, m.File, m.Kind, m.Type, m.Len, m.Cap
		want.Protection, want.Committed, want.Shared, want.Pins = m.Protection.String(), m.Committed, m.Shared, m.Pins
		want.Objects, want.Slots = m.Objects, m.Slots
		if !reflect.DeepEqual(e, want) {
			t.Errorf("%+v\nis listed for\n%+v", e, m)
		}
	}
	if r.Resident != sum {
		t.Errorf("%d bytes are in memory, the entries have %d", r.Resident, sum)
	}
	if !slices.IsSortedFunc(r.Mappings, func(a, b mapping) int { return b.Len - a.Len }) {
		t.Error("the longest is not first")
	}
}

// The strip of a mapping of which the first half was touched is dark there.
func TestParts(t *testing.T) {
	zoo(t)
	for _, e := range reported(t, "/").Mappings {
		if !strings.HasPrefix(e.Name, "cache") {
			continue
		}
		if e.Resident == nil {
			t.Skip("the system does not tell which pages are in memory: ", e.Unknown)
		}
		if len(e.Parts) != mostParts {
			t.Fatalf("%d parts", len(e.Parts))
		}
		for i, share := range e.Parts {
			if want := float64(testkit.Cond(i < mostParts/2, 1, 0)); share != want {
				t.Errorf("%v of part %d are in memory, want %v", share, i, want)
			}
		}
		return
	}
	t.Error("the mapping is not listed")
}

func TestTheLongestAreListed(t *testing.T) {
	zoo(t)
	all := typedmem.ReadStats()
	r := reported(t, "/?n=2")
	all.HeldBytes = r.Stats.HeldBytes // the collector works meanwhile
	if r.Listed != 2 || len(r.Mappings) != 2 || r.Stats != all {
		t.Errorf("%d of %d mappings are listed: %+v", r.Listed, all.Mappings, r.Stats)
	}
	for _, m := range typedmem.Mappings() {
		if m.Len > r.Mappings[1].Len && m.Addr != r.Mappings[0].Addr {
			t.Errorf("%d bytes at %#x are left out", m.Len, m.Addr)
		}
	}
	if body := ask("/?n=2").Body.String(); !strings.Contains(body, "The longest 2 of ") || strings.Count(body, "<article") != 2 {
		t.Error("the page does not say what is left out: ", body)
	}
}

// ranges is memory of which some bytes are present; it notes what is asked.
type ranges struct {
	present func(at int) bool
	asked   int
	page    int
	err     error
}

func (r *ranges) Resident(lo, hi int) (bytes int, err error) {
	for at := lo; at < hi; at += r.page {
		if r.present(at) {
			bytes += min(r.page, hi-at)
		}
		r.asked++
	}
	return bytes, r.err
}

// Whatever the length is, the parts cover all of it, and no more is asked than is allowed.
func TestMeasure(t *testing.T) {
	page := os.Getpagesize()
	for _, n := range []int{0, 1, page - 1, page, page + 1, 63 * page, 64*page + 5, 1000*page - 1, 100_000*page + 1} {
		for name, present := range map[string]func(at int) bool{
			"all": func(int) bool { return true }, "none": func(int) bool { return false }, "half": func(at int) bool { return at < n/2 },
		} {
			m := &ranges{present: present, page: page}
			e := mapping{Len: n}
			e.measure(m, 2000)
			if m.asked > 2000 || e.Estimated != (n > 2000*page) || e.Resident == nil || len(e.Parts) != min((n+page-1)/page, mostParts) {
				t.Fatalf("%d bytes, %s: %d pages asked, %+v", n, name, m.asked, e)
			}
			want := map[string]float64{"all": 1, "none": 0, "half": 0.5}[name]
			if off := math.Abs(float64(*e.Resident) - want*float64(n)); want != 0.5 && off > 0 || off > float64(n)/mostParts/perPart+float64(page) {
				t.Errorf("%d bytes, %s: %d are in memory", n, name, *e.Resident)
			}
		}
	}
	for err, want := range map[error]string{
		errors.ErrUnsupported: "the system does not tell", typedmem.ErrClosed: "changed meanwhile", typedmem.ErrBounds: "changed meanwhile",
		typedmem.ErrProtection: "not readable", typedmem.ErrOperation: "reserved", errors.New("other"): "other",
	} {
		e := mapping{Len: 5 * page}
		if e.measure(&ranges{present: func(int) bool { return true }, page: page, err: err}, 0); e.Unknown != want || e.Resident != nil || e.Parts != nil {
			t.Errorf("%v: %+v", err, e)
		}
	}
}

func TestWhichFormat(t *testing.T) {
	const browser = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
	for _, c := range []struct{ target, accept, want string }{
		{"/", "", "text/html; charset=utf-8"},
		{"/", browser, "text/html; charset=utf-8"},
		{"/", "*/*", "text/html; charset=utf-8"},
		{"/", "application/json, text/html", "text/html; charset=utf-8"},
		{"/", "Application/JSON", "application/json"},
		{"/?format=json", browser, "application/json"},
		{"/?format=html", "application/json", "text/html; charset=utf-8"},
	} {
		w := ask(c.target, "Accept", c.accept)
		if got := w.Header().Get("Content-Type"); got != c.want || w.Code != http.StatusOK || w.Body.Len() == 0 {
			t.Errorf("%q, %q: %d %s", c.target, c.accept, w.Code, got)
		}
	}
}

func TestRequestsAreRefused(t *testing.T) {
	for _, target := range []string{"/?n=0", "/?n=-1", "/?n=x", "/?n=", "/?n=99999999999999999999", "/?refresh=0", "/?format=xml"} {
		if w := ask(target); w.Code != http.StatusBadRequest || w.Body.Len() < 10 {
			t.Errorf("%s: %d %s", target, w.Code, w.Body)
		}
	}
	for method, want := range map[string]int{"POST": 405, "DELETE": 405, "HEAD": 200, "GET": 200} {
		w := httptest.NewRecorder()
		Handler().ServeHTTP(w, httptest.NewRequest(method, "/", nil))
		if w.Code != want || (want == 405) != (w.Header().Get("Allow") != "") {
			t.Errorf("%s: %d %v", method, w.Code, w.Header())
		}
	}
	if w := ask("/"); w.Header().Get("Cache-Control") != "no-store" || !strings.Contains(w.Header().Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("%v", w.Header())
	}
}

// Names are text, and the page loads nothing.
func TestPageIsSafe(t *testing.T) {
	zoo(t)
	body := ask("/?refresh=7").Body.String()
	for _, bad := range []string{"<script", "src=", "url(", "@import", "<link", "ZgotmplZ"} {
		if strings.Contains(body, bad) {
			t.Errorf("the page has %q", bad)
		}
	}
	for _, part := range []string{"cache &lt;script&gt;", "ticks &amp; co.tm", "region of debug.tick", `http-equiv="refresh" content="7"`} {
		if !strings.Contains(body, part) {
			t.Errorf("the page has no %q", part)
		}
	}
	if strings.Contains(ask("/").Body.String(), "http-equiv") {
		t.Error("the page loads itself again though nobody asked")
	}
}

func TestExpvar(t *testing.T) {
	v := expvar.Get("typedmem")
	if v == nil {
		t.Fatal("nothing is published")
	}
	var got typedmem.Stats
	testkit.Check(t, json.Unmarshal([]byte(v.String()), &got))
	want := typedmem.ReadStats()
	want.HeldBytes = got.HeldBytes // the collector works meanwhile
	if got != want {
		t.Errorf("%+v is published for %+v", got, want)
	}
}

func TestNumbersForPeople(t *testing.T) {
	for n, want := range map[any]string{
		0: "0 B", 1: "1 B", 1023: "1023 B", 1024: "1.00 KiB", 10 << 10: "10.0 KiB", 100 << 10: "100 KiB", 1<<20 - 1: "1.00 MiB",
		3 << 19: "1.50 MiB", uint64(math.MaxUint64): "16.0 EiB", uint64(5): "5 B",
	} {
		if got := size(n); got != want {
			t.Errorf("%v: %q, want %q", n, got, want)
		}
	}
	for _, c := range []struct {
		part, whole int
		want        string
	}{{0, 0, "0 %"}, {0, 9, "0 %"}, {9, 9, "100 %"}, {1, 1 << 30, "1 %"}, {1<<30 - 1, 1 << 30, "99 %"}, {1, 3, "33 %"}, {10, 9, "100 %"}} {
		if got := percent(c.part, c.whole); got != c.want {
			t.Errorf("%d of %d: %q, want %q", c.part, c.whole, got, c.want)
		}
	}
	got := runs([]float64{0, 1, 1, 0.5, 0, 1})
	if want := []run{{1, 2, "1.00"}, {3, 1, "0.57"}, {5, 1, "1.00"}}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestTitle(t *testing.T) {
	path := filepath.Join("x", "y.tm")
	for _, c := range []struct {
		m           mapping
		title, what string
	}{
		{mapping{Name: "orders", File: path, Kind: "region", Type: "T"}, "orders", "region of T, file " + path},
		{mapping{File: path, Kind: "region", Type: "T"}, "y.tm", "region of T, file " + path},
		{mapping{File: path, Kind: "header of a file"}, "y.tm", "header of a file, file " + path},
		{mapping{Kind: "slab", Type: "T"}, "slab of T", "anonymous memory"},
		{mapping{Name: "orders"}, "orders", "anonymous memory"},
		{mapping{}, "anonymous memory", "anonymous memory"},
	} {
		if got, what := title(c.m), describe(c.m); got != c.title || what != c.what {
			t.Errorf("%+v: %q, %q", c.m, got, what)
		}
	}
}
