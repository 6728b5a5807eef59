package region_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/typedmem/typedmem/internal/testenv"
)

// TestAccessorsAreInlined asks the compiler. An inlined accessor costs a compare and a load; what
// is not costs several times that.
func TestAccessorsAreInlined(t *testing.T) {
	out, err := exec.Command(testenv.GoTool(t), "build", "-gcflags=-m=2", "-o", os.DevNull, "./testdata/inline").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, shape := range []string{"View[go.shape.%]", "(*Region[go.shape.%])", "Strided[go.shape.%]", "Rows[go.shape.%]"} {
		for _, elem := range []string{"uint64", "struct { A uint64; B uint64; C uint64; D uint64 }"} {
			for _, method := range []string{"At", "Set", "Load", "Store"} {
				call := "inlining call to region." + strings.ReplaceAll(shape, "%", elem) + "." + method
				if !strings.Contains(string(out), call+"\n") {
					t.Errorf("no %q", call)
				}
			}
			if call := "inlining call to region." + strings.ReplaceAll("Rows[go.shape.%]", "%", elem) + ".Row"; !strings.Contains(string(out), call+"\n") {
				t.Errorf("no %q", call)
			}
		}
	}
	if t.Failed() {
		for line := range strings.Lines(string(out)) {
			if strings.Contains(line, "cannot inline region.") {
				t.Log(strings.TrimSpace(line))
			}
		}
	}
}

// TestVetReportsCopies: a copy would go on with the addresses that the region had then.
func TestVetReportsCopies(t *testing.T) {
	out, err := exec.Command(testenv.GoTool(t), "vet", "./testdata/copies").CombinedOutput()
	if n := strings.Count(string(out), "assignment copies lock value"); err == nil || n != 1 {
		t.Errorf("%d copies reported: %v: %s", n, err, out)
	}
}
