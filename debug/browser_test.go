package debug

import (
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/testkit"
)

// chromium is a browser that is run without a window.
type chromium struct{ path, profile string }

// findChromium skips the test where there is no Chromium.
func findChromium(t *testing.T) chromium {
	t.Helper()
	if testing.Short() && os.Getenv("TYPEDMEM_SCREENSHOTS") == "" {
		t.Skip("a browser takes seconds to start, and this is a short run")
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return chromium{path, t.TempDir()}
		}
	}
	t.Skip("no Chromium is installed")
	return chromium{}
}

// run opens an address and returns what Chromium prints.
func (c chromium) run(t *testing.T, url string, flags ...string) string {
	t.Helper()
	args := append([]string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars",
		"--user-data-dir=" + c.profile, "--timeout=20000", "--virtual-time-budget=5000",
	}, flags...)
	cmd := exec.CommandContext(t.Context(), c.path, append(args, url)...)
	var errors strings.Builder
	cmd.Stderr = &errors
	cmd.WaitDelay = time.Minute // of Chromium's processes the first ends first; the others can be late
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("Chromium: %v\n%s", err, errors.String())
	}
	return string(out)
}

// colors are the settings that choose a light or dark page.
var colors = map[string]string{"light": "--blink-settings=preferredColorScheme=1", "dark": "--blink-settings=preferredColorScheme=0"}

// serving serves the page, and at /phone a page that shows it as narrow as a phone does, and writes
// down what it measures.
func serving(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.Handle("/debug/typedmem", Handler())
	mux.HandleFunc("/phone", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(`<!DOCTYPE html><iframe id="page" src="/debug/typedmem" width="320" height="700"></iframe><pre id="found"></pre>
<script>document.getElementById("page").onload = function() {
	const page = this.contentDocument, root = page.documentElement, style = e => this.contentWindow.getComputedStyle(e);
	const wide = [...page.querySelectorAll("body *")].filter(e => e.getBoundingClientRect().right > root.clientWidth + 0.5).length;
	const small = [...page.querySelectorAll("body *")].filter(e => e.innerText && parseFloat(style(e).fontSize) < 11.5).length;
	document.getElementById("found").textContent = ["width", root.clientWidth, root.scrollWidth, "wide", wide, "small", small,
		"paper", style(page.body).backgroundColor, "ink", style(page.body).color, "boxes", page.querySelectorAll("article").length].join(" ");
}</script>`))
	})
	s := httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s.URL
}

var (
	article = regexp.MustCompile(`(?s)<article id="(0x[0-9a-f]+)">(.*?)</article>`)
	data    = regexp.MustCompile(`<data class="([a-z]+)" value="([^"]*)">`)
)

// values returns the values that a part of a page has.
func values(page string) map[string]string {
	found := map[string]string{}
	for _, m := range data.FindAllStringSubmatch(page, -1) {
		if _, twice := found[m[1]]; !twice {
			found[m[1]] = html.UnescapeString(m[2])
		}
	}
	return found
}

// What a browser shows is what the API says.
func TestPageInABrowser(t *testing.T) {
	browser := findChromium(t)
	zoo(t)
	dom := browser.run(t, serving(t)+"/debug/typedmem", "--dump-dom")
	list, stats := typedmem.Mappings(), typedmem.ReadStats()
	totals := values(dom)
	for class, want := range map[string]uint64{
		"mappings": uint64(stats.Mappings), "mapped": stats.MappedBytes, "reserved": stats.ReservedBytes, "faults": stats.Faults,
	} {
		if totals[class] != fmt.Sprint(want) {
			t.Errorf("%s: the page has %q, want %d", class, totals[class], want)
		}
	}
	shown := map[string]string{}
	for _, m := range article.FindAllStringSubmatch(dom, -1) {
		shown[m[1]] = m[2]
	}
	if len(shown) != len(list) || len(list) < 6 {
		t.Errorf("the page has %d mappings, want %d", len(shown), len(list))
	}
	in := 0
	for _, m := range list {
		box := shown[fmt.Sprintf("%#x", m.Addr)]
		want := map[string]string{"len": fmt.Sprint(m.Len), "cap": fmt.Sprint(m.Cap), "protection": m.Protection.String(), "pins": fmt.Sprint(m.Pins)}
		if bytes, err := m.Resident(0, m.Len); err == nil {
			want["resident"] = fmt.Sprint(bytes)
			in += bytes
		}
		if m.Slots > 0 {
			want["objects"], want["slots"] = fmt.Sprint(m.Objects), fmt.Sprint(m.Slots)
		}
		got := values(box)
		for class := range got {
			if _, known := want[class]; !known {
				t.Errorf("%s of %+v is on the page", class, m)
			}
		}
		for class, want := range want {
			if got[class] != want {
				t.Errorf("%s of %+v: the page has %q, want %q", class, m, got[class], want)
			}
		}
		for _, name := range []string{m.Name, m.File, m.Type} {
			if !strings.Contains(html.UnescapeString(box), name) {
				t.Errorf("%+v: the page has no %q", m, name)
			}
		}
		if m.Name != "" && m.Len == 8<<20 && !strings.Contains(box, `<rect x="0" width="32" height="1" opacity="1.00"`) {
			t.Errorf("the strip of a mapping of which one half is in memory: %s", box)
		}
	}
	if totals["in"] != strconv.Itoa(in) {
		t.Errorf("the page has %s bytes in memory, want %d", totals["in"], in)
	}
}

// The page fits a phone, and is light or dark as the reader likes it.
func TestPageOnAPhone(t *testing.T) {
	browser := findChromium(t)
	zoo(t)
	url := serving(t)
	boxes := fmt.Sprint("boxes ", len(typedmem.Mappings()))
	for scheme, want := range map[string]string{
		"light": "paper rgb(246, 247, 249) ink rgb(28, 39, 51) ",
		"dark":  "paper rgb(18, 23, 29) ink rgb(228, 233, 239) ",
	} {
		dom := browser.run(t, url+"/phone", "--dump-dom", colors[scheme])
		_, found, _ := strings.Cut(dom, `<pre id="found">`)
		found, _, _ = strings.Cut(found, "</pre>")
		if found != "width 320 320 wide 0 small 0 "+want+boxes {
			t.Errorf("%s: %q, want %q", scheme, found, want+boxes)
		}
	}
}

// Pictures of the page, for people to look at.
func TestScreenshots(t *testing.T) {
	dir := os.Getenv("TYPEDMEM_SCREENSHOTS")
	if dir == "" {
		t.Skip("TYPEDMEM_SCREENSHOTS names no folder for pictures")
	}
	browser := findChromium(t)
	zoo(t)
	url := serving(t) + "/debug/typedmem"
	testkit.Check(t, os.MkdirAll(dir, 0o777))
	for scheme, flag := range colors {
		file := filepath.Join(dir, "debug-"+scheme+".png")
		_ = os.Remove(file)
		browser.run(t, url, flag, "--window-size=900,1000", "--screenshot="+file)
		picture := testkit.Must(os.ReadFile(file))(t)
		if len(picture) < 10_000 || string(picture[1:4]) != "PNG" {
			t.Errorf("%s has %d bytes", file, len(picture))
		}
	}
}
