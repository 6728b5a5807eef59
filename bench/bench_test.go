// Package bench_test runs the rows as standard Go benchmarks, for comparing two revisions with
// benchstat: see the script compare. Sizes are those of -quick; rows whose contenders need
// processes of their own are left to ./run.
package bench_test

import (
	"strings"
	"testing"
	"time"

	"github.com/typedmem/typedmem/bench/harness"
	"github.com/typedmem/typedmem/bench/rows"
)

func BenchmarkRows(b *testing.B) {
	for _, row := range rows.All() {
		if row.Own || strings.HasPrefix(row.Name, "scaling") {
			continue
		}
		b.Run(name(row.Name), func(b *testing.B) {
			for _, c := range row.Cases {
				if c.Lib == harness.Ours {
					b.Run(name(c.Name), func(b *testing.B) { harness.Benchmark(b, c) })
				}
			}
		})
	}
}

func name(s string) string { return strings.NewReplacer(" ", "_", "/", "_", ",", "").Replace(s) }

// TestRows runs every contender once, so that a change that breaks one shows in a test and not in a
// long run. It measures nothing.
func TestRows(t *testing.T) {
	for _, row := range rows.All() {
		if strings.HasPrefix(row.Name, "scaling") || row.Fresh || row.Own {
			continue
		}
		t.Run(name(row.Name), func(t *testing.T) {
			res, err := harness.Measure(t.Context(), row, harness.Config{Quick: true, Rounds: 1, Length: time.Microsecond, Disk: t.TempDir(), Step: func(string, string) {}})
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range res.Cases {
				if c.Err != "" {
					t.Errorf("%s: %s", c.Case.Name, c.Err)
				}
			}
		})
	}
}
