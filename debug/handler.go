package debug

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// Handler returns a handler that serves the page and the JSON that the package comment describes,
// at any path. It takes GET and HEAD. A parameter that it does not understand is an error 400.
func Handler() http.Handler { return http.HandlerFunc(serve) }

func serve(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "use GET or HEAD", http.StatusMethodNotAllowed)
		return
	}
	ask, err := parse(r.URL.Query())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	report := look(ask.most)
	w.Header().Add("Vary", "Accept")
	if ask.json || ask.format == "" && wantsJSON(r.Header.Values("Accept")) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(report) // an error is the client's: it has gone
		return
	}
	var b bytes.Buffer
	if err := page.Execute(&b, shown{report, ask.refresh}); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'")
	_, _ = w.Write(b.Bytes())
}

// asked is what the parameters of a request say.
type asked struct {
	most    int
	refresh int // seconds, 0 for never
	format  string
	json    bool
}

func parse(q url.Values) (a asked, err error) {
	a = asked{most: mostListed, format: q.Get("format"), json: q.Get("format") == "json"}
	if a.format != "" && !a.json && a.format != "html" {
		return a, fmt.Errorf("format=%q: json and html are known", a.format)
	}
	if a.most, err = number(q, "n", a.most); err != nil {
		return a, err
	}
	a.refresh, err = number(q, "refresh", 0)
	return a, err
}

// number returns a parameter, or otherwise where there is none.
func number(q url.Values, name string, otherwise int) (int, error) {
	if !q.Has(name) {
		return otherwise, nil
	}
	n, err := strconv.Atoi(q.Get(name))
	if err != nil || n < 1 || n > 1<<20 {
		return 0, fmt.Errorf("%s=%q: a number from 1 to %d is wanted", name, q.Get(name), 1<<20)
	}
	return n, nil
}

func wantsJSON(accept []string) bool {
	all := strings.ToLower(strings.Join(accept, ","))
	return strings.Contains(all, "application/json") && !strings.Contains(all, "text/html")
}
