package sys

import (
	"strings"
	"testing"
)

func TestLabelOf(t *testing.T) {
	long := strings.Repeat("long ", 20)
	for name, want := range map[string]string{
		"":               "",
		"order book":     "order book",
		"a\\b`c$d[e]f":   "a_b_c_d_e_f",
		"tab\there\x00!": "tab_here_!",
		"größe":          "gr____e",
		"~ ":             "~ ",
		long:             long[:79],
	} {
		if got := labelOf(name); got != want {
			t.Errorf("%q becomes %q, want %q", name, got, want)
		}
	}
}
