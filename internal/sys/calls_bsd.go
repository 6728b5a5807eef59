//go:build darwin || freebsd || netbsd || openbsd || dragonfly

package sys

import (
	"errors"

	"github.com/typedmem/typedmem/flags"
	"golang.org/x/sys/unix"
)

// What macOS, iOS and the BSDs have in common. Sources: mmap(2), madvise(2), msync(2), fsync(2) of
// each.

// FlushNeedsFile says whether Flush must be given a handle of the mapped file. msync(2) hands the
// pages to the file system; only fsync(2) writes them and the file's length to the device.
const FlushNeedsFile = true

// paging is the advice that all of them have under the same names.
var paging = []advice{
	{flag: flags.Sequential, advice: unix.MADV_SEQUENTIAL},
	{flag: flags.RandomAccess, advice: unix.MADV_RANDOM},
	{flag: flags.WillNeed, advice: unix.MADV_WILLNEED},
	{flag: flags.DontNeed, advice: unix.MADV_DONTNEED},
}

// populate asks for the pages ahead of their use. It is a hint, so a refusal is ignored.
func populate(addr uintptr, r Request) { _ = unix.Madvise(bytesAt(addr, r.Len), unix.MADV_WILLNEED) }

// prefault: none of these systems can bring pages in and report those that fail.
func prefault(uintptr, int, bool) error { return errors.ErrUnsupported }
