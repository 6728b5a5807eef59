package typedmem_test

import (
	"encoding/binary"
	"os"
	"testing"

	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testkit"
)

// present reports whether the process has a page in memory, by proc_pid_pagemap(5).
func present(t *testing.T, pagemap *os.File, addr uintptr) bool {
	t.Helper()
	var entry [8]byte
	if _, err := pagemap.ReadAt(entry[:], int64(addr/uintptr(sys.PageSize())*8)); err != nil {
		t.Skip("the system does not tell which pages are in memory: ", err)
	}
	return binary.NativeEndian.Uint64(entry[:])>>63 != 0
}

// What Append may write to without a system call is in memory: no store there faults.
func TestRoomOfAFileIsInMemory(t *testing.T) {
	r := growingFile(t, 100)
	base := r.Mapping().Addr()
	if sys.Refused(sys.Prefault(base, sys.PageSize(), false)) {
		t.Skip("the system has no call that brings pages in")
	}
	pagemap := testkit.Must(os.Open("/proc/self/pagemap"))(t)
	defer pagemap.Close()
	l := mem.Of(r.Mapping()).Limits()
	for range 50 {
		testkit.Check(t, r.Append(make([]byte, 100_000)...), "append")
		for at := l.Readable(); at < l.Room(); at += uintptr(sys.PageSize()) {
			if !present(t, pagemap, at) {
				t.Fatalf("after %d bytes the page at %d is not in memory, and %d bytes may be written", r.Len(), at-base, l.Room()-base)
			}
		}
	}
	testkit.Check(t, r.Resize(8<<20), "resize")
	if present(t, pagemap, base+7<<20) {
		t.Error("Resize has brought pages in: the test cannot tell")
	}
}
