package slab_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/typedmem/typedmem/internal/testenv"
)

// TestFastPathsAreInlined asks the compiler. The methods of a Cache are compiled in the packages
// that use it, and each small step of theirs would be a call there if its body was not passed on.
func TestFastPathsAreInlined(t *testing.T) {
	out, err := exec.Command(testenv.GoTool(t), "build", "-gcflags=-m=2", "-o", os.DevNull, "./testdata/inline").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, callee := range []string{
		"slots.(*Magazine).Peek", "slots.(*Magazine).Take", "slots.(*Magazine).HasRoom", "slots.(*Magazine).Put",
		"slots.WordAt", "order.Publish", "slots.Load", "slots.Generation", "slots.Index", "slots.IsLive", "slots.AfterStore",
		"mem.(*Limits).Readable", "mem.(*Limits).Writable",
	} {
		if !strings.Contains(string(out), "inlining call to "+callee+"\n") {
			t.Errorf("%s is not inlined", callee)
		}
	}
}
