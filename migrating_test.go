package typedmem_test

import (
	"os"
	"strings"
	"testing"

	"github.com/typedmem/typedmem/internal/testkit"
)

// Around the functions of MIGRATING.md: a program that calls each.
const migrated = `package main

import (
	"fmt"
	"log"
	"os"

	"github.com/typedmem/typedmem/npy"
	"github.com/typedmem/typedmem/options"
	"github.com/typedmem/typedmem/region"
)

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	check(os.WriteFile("raw", make([]byte, 32), 0o600))
	fmt.Println(sumFile("raw"))
	check(record("ticks", Tick{1, 2.5}))
	check(record("ticks", Tick{2, 3.5}))
	r, err := region.Open[Tick]("ticks")
	check(err)
	fmt.Println(price(r, 0))
	fmt.Println(price(r, 2))
	check(r.Close())
	a, err := npy.Create[float64]("a.npy", 3)
	check(err)
	a.Set(0, 4)
	check(a.Close())
	check(double("a.npy"))
	b, _, err := npy.Open[float64]("a.npy")
	check(err)
	fmt.Println(b.At(0))
	check(b.Close())
}
`

// The code that MIGRATING.md tells people to write compiles and runs.
func TestMigratingRuns(t *testing.T) {
	text, err := os.ReadFile("MIGRATING.md")
	testkit.Check(t, err, "MIGRATING.md")
	program := migrated
	parts := strings.Split(string(text), "```go\n")
	for i, part := range parts[1:] {
		code, _, _ := strings.Cut(part, "```")
		before := strings.TrimSpace(parts[i])
		lead := before[strings.LastIndexByte(before, '\n')+1:]
		if i == 0 || strings.HasPrefix(lead, "After") { // the type, then what comes after
			program += "\n" + code
		}
	}
	const want = "0 <nil>\n2.5\n3.5\n2.5 <nil>\n0 no tick 2\n[3]\n8\n"
	if out := built(t, program)(); out != want {
		t.Errorf("%q, want %q", out, want)
	}
}
