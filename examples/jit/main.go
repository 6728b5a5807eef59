// Command jit writes machine code into memory, makes it executable and calls it: a function that
// triples its argument. The memory is never writable and executable at once; with -rwx it is, which
// needs flags.JIT and some systems refuse.
//
//	go run ./examples/jit
//	go run ./examples/jit -rwx
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"unsafe"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/options"
)

// triple is a function of one uintptr in the calling convention of Go's compiler, for each
// processor.
var triple = map[string][]byte{
	// lea rax, [rax+rax*2]; ret
	"amd64": {0x48, 0x8d, 0x04, 0x40, 0xc3},
	// mov eax, [esp+4]; lea eax, [eax+eax*2]; mov [esp+8], eax; ret
	"386": {0x8b, 0x44, 0x24, 0x04, 0x8d, 0x04, 0x40, 0x89, 0x44, 0x24, 0x08, 0xc3},
	// add x0, x0, x0, lsl #1; ret
	"arm64": {0x00, 0x04, 0x00, 0x8b, 0xc0, 0x03, 0x5f, 0xd6},
	// slli t0, a0, 1; add a0, a0, t0; ret
	"riscv64": {0x93, 0x12, 0x15, 0x00, 0x33, 0x05, 0x55, 0x00, 0x67, 0x80, 0x00, 0x00},
}

func main() {
	rwx := flag.Bool("rwx", false, "memory that is writable and executable at once")
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "jit: it takes no arguments, not %q\n", flag.Args())
		os.Exit(2)
	}
	result, err := run(14, *rwx)
	if err == nil {
		_, err = fmt.Println("3 * 14 =", result)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "jit:", err)
		os.Exit(1)
	}
}

// run makes the function and calls it with x.
func run(x uintptr, rwx bool) (uintptr, error) {
	code, ok := triple[runtime.GOARCH]
	if !ok {
		return 0, fmt.Errorf("no machine code for %s here: %w", runtime.GOARCH, errors.ErrUnsupported)
	}
	m, err := write(code, rwx)
	if err != nil {
		return 0, err
	}
	defer m.Close()
	unpin, err := m.Pin() // nobody closes the code while it runs
	if err != nil {
		return 0, err
	}
	defer unpin()
	// A func value points to a word that holds the address of the code.
	entry := m.Addr()
	closure := &entry
	// SAFETY: the word and the pinned, executable mapping outlive the call; the code is a leaf that
	// needs no stack and keeps to the calling convention of func(uintptr) uintptr.
	f := *(*func(uintptr) uintptr)(unsafe.Pointer(&closure))
	result := f(x)
	runtime.KeepAlive(closure)
	return result, nil
}

// write puts code into a mapping that can be executed.
func write(code []byte, rwx bool) (*typedmem.Mapping, error) {
	o := options.New(len(code))
	if rwx {
		m, err := o.WithUnsafeFlags(flags.JIT).MapExecMut()
		if err != nil {
			return nil, err
		}
		copy(m.Bytes(), code)
		return m, closeUnless(m, m.FlushInstructionCache())
	}
	m, err := o.MapMut()
	if err != nil {
		return nil, err
	}
	copy(m.Bytes(), code)
	return m, closeUnless(m, m.MakeExec()) // flushes the instruction cache
}

// closeUnless closes m when a step after mapping has failed.
func closeUnless(m *typedmem.Mapping, err error) error {
	if err != nil {
		return errors.Join(err, m.Close())
	}
	return nil
}
