package sys

import (
	"encoding/binary"
	"runtime"
	"slices"
	"testing"
	"unsafe"

	"github.com/typedmem/typedmem/flags"
)

// closure is what a Go func value points to. The call puts its address into the processor's context
// register, which the code of storingCode writes through: it needs neither arguments nor results,
// and so no calling convention.
type closure struct {
	code   uintptr
	result uint32
}

// storingCode is the machine code of a function that stores v, at most 127, in its closure's result
// and returns.
func storingCode(t *testing.T, v uint32) []byte {
	at := uint32(unsafe.Offsetof(closure{}.result))
	words := func(ws ...uint32) (code []byte) {
		for _, w := range ws {
			code = binary.NativeEndian.AppendUint32(code, w)
		}
		return code
	}
	switch runtime.GOARCH {
	case "amd64", "386": // movl $v, at(%edx); ret
		return slices.Concat([]byte{0xc7, 0x42, byte(at)}, binary.LittleEndian.AppendUint32(nil, v), []byte{0xc3})
	case "arm64": // movz w0, #v; str w0, [x26, #at]; ret
		return words(0x52800000|v<<5, 0xb9000000|at/4<<10|26<<5, 0xd65f03c0)
	case "arm": // mov r0, #v; str r0, [r7, #at]; bx lr
		return words(0xe3a00000|v, 0xe5870000|at, 0xe12fff1e)
	case "riscv64": // li a0, v; sw a0, at(s10); ret
		return words(v<<20|10<<7|0x13, 10<<20|26<<15|2<<12|at<<7|0x23, 0x00008067)
	case "ppc64", "ppc64le": // li r3, v; stw r3, at(r11); blr
		return words(0x38600000|v, 0x906b0000|at, 0x4e800020)
	case "s390x": // lhi %r1, v; st %r1, at(%r12); br %r14
		return []byte{0xa7, 0x18, 0, byte(v), 0x50, 0x10, 0xc0, byte(at), 0x07, 0xfe}
	case "mips", "mipsle", "mips64", "mips64le": // li v0, v; sw v0, at(s6); jr ra; nop
		return words(0x24020000|v, 0xaec20000|at, 0x03e00008, 0)
	case "loong64": // ori a0, zero, v; st.w a0, s6, at; ret
		return words(0x03800000|v<<10|4, 0x29800000|at<<10|29<<5|4, 0x4c000020)
	}
	t.Fatalf("no machine code for %s", runtime.GOARCH)
	return nil
}

// run calls the machine code at addr and returns what it stored.
func run(addr uintptr) uint32 {
	c := &closure{code: addr}
	// SAFETY: a func value is a pointer to a word with the address of the code, and c is one; the
	// code is mapped, writes c.result only and keeps the stack as it is.
	f := *(*func())(unsafe.Pointer(&c))
	f()
	runtime.KeepAlive(c)
	return c.result
}

// A program that writes code over code it has run before runs the new code once the cache is
// flushed.
func TestFlushInstructionCacheShowsNewCode(t *testing.T) {
	const rx, rw, rwx = flags.Read | flags.Execute, flags.Read | flags.Write, flags.Read | flags.Write | flags.Execute
	for _, c := range []struct {
		name           string
		write, execute flags.Protection
	}{
		{"protection changes between writing and running", rw, rx},
		{"writable and executable at once", rwx, rwx},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := PageSize()
			addr, err := Map(Request{Len: n, Prot: c.write})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := Release(addr, n); err != nil {
					t.Error(err)
				}
			}()
			// At several places: within a line, over the end of one, at the end of the page.
			for _, at := range []int{0, 64 - 8, n - 64} {
				for v := uint32(1); v <= 100; v++ {
					code := storingCode(t, v)
					if err := Protect(addr, n, c.write); err != nil {
						t.Fatal(err)
					}
					copy(bytesAt(addr+uintptr(at), len(code)), code)
					if err := FlushInstructionCache(addr+uintptr(at), len(code)); err != nil {
						t.Fatal(err)
					}
					if err := Protect(addr, n, c.execute); err != nil {
						t.Fatal(err)
					}
					if got := run(addr + uintptr(at)); got != v {
						t.Fatalf("at %d the code that stores %d stored %d", at, v, got)
					}
				}
			}
		})
	}
}

func TestFlushInstructionCacheOfNothing(t *testing.T) {
	n := PageSize()
	addr, err := Map(Request{Len: n, Prot: flags.Read})
	if err != nil {
		t.Fatal(err)
	}
	if err := FlushInstructionCache(addr, 0); err != nil {
		t.Error(err)
	}
	if err := Release(addr, n); err != nil {
		t.Error(err)
	}
}
