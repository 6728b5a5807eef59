package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
	"time"
)

// load is what the clients ask for.
type load struct {
	clients, queries int // queries of each client
	k, probe         int
}

// figures are what the queries of one way took.
type figures struct {
	resident      int // bytes of the vectors in memory before the first query
	all           time.Duration
	queries, late []time.Duration // of each query and each timer, in ascending order
}

// compareWays prints how long queries take, and how late timers fire meanwhile, in each way of
// reading vectors that are not in memory, and at last with vectors that are.
func compareWays(w io.Writer, s *server, url string, n load) error {
	fmt.Fprintf(w, "%d vectors of %d numbers, %d lists; %d clients ask %d times each\n",
		s.vectors.rows.Len(), s.index.width, len(s.index.lists), n.clients, n.queries)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "way\tin memory before\tall queries\tmedian\tworst\ttimers late, 99 %\tworst")
	size := s.vectors.file.Len() * 4
	for _, c := range []struct {
		way  string
		cold bool
	}{{"loop", true}, {"gather", true}, {"loop", false}, {"gather", false}} {
		if c.cold {
			if err := evict(s.vectors); errors.Is(err, errors.ErrUnsupported) {
				fmt.Fprintln(w, err)
			} else if err != nil {
				return err
			}
		}
		f, err := measure(s, url, c.way, n)
		if err != nil {
			return err
		}
		fmt.Fprintf(t, "%s\t%d %%\t%v\t%v\t%v\t%v\t%v\n", c.way, f.resident*100/size, f.all.Round(time.Millisecond),
			at(f.queries, 0.5), at(f.queries, 1), at(f.late, 0.99), at(f.late, 1))
	}
	return t.Flush()
}

// at returns a quantile of durations in ascending order.
func at(sorted []time.Duration, q float64) time.Duration {
	return sorted[int(q*float64(len(sorted)-1))].Round(10 * time.Microsecond)
}

// measure asks for the neighbours of the centres of lists, one after another.
func measure(s *server, url, way string, n load) (f figures, err error) {
	total := n.clients * n.queries
	if f.resident, err = s.vectors.file.View().Resident(); err != nil {
		return f, err
	}
	var (
		clients sync.WaitGroup
		mu      sync.Mutex
	)
	begin, stop := time.Now(), pulse()
	for c := range n.clients {
		clients.Add(1)
		go func() {
			defer clients.Done()
			for i := c; i < total; i += n.clients {
				q := s.index.centre(i % len(s.index.lists))
				asked := time.Now()
				_, failed := ask(url, Query{q, n.k, n.probe, way})
				mu.Lock()
				err = errors.Join(err, failed)
				f.queries = append(f.queries, time.Since(asked))
				mu.Unlock()
			}
		}()
	}
	clients.Wait()
	f.all, f.late = time.Since(begin), stop()
	slices.Sort(f.queries)
	return f, err
}

// ask sends a query.
func ask(url string, q Query) (found []Hit, err error) {
	body, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	r, err := http.Post(url+"/search", "application/json", bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	if r.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", r.Status, strings.TrimSpace(string(text)))
	}
	return found, json.Unmarshal(text, &found)
}
