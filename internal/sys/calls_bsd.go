//go:build darwin || freebsd || netbsd || openbsd || dragonfly

package sys

import (
	"errors"
	"os"

	"github.com/typedmem/typedmem/flags"
	"golang.org/x/sys/unix"
)

// What macOS, iOS and the BSDs have in common. Sources: mmap(2), madvise(2), minherit(2), msync(2),
// fsync(2), sync(2) of each.

// FlushNeedsFile says whether Flush must be given a handle of the mapped file. msync(2) hands the
// pages to the file system; only fsync(2) writes them and the file's length to the device.
const FlushNeedsFile = true

// mapNoReplace is 0: the address is a hint, which the system takes if it is free.
const mapNoReplace = 0

// paging is the advice that all of them have under the same names.
var paging = []advice{
	{flag: flags.Sequential, advice: unix.MADV_SEQUENTIAL},
	{flag: flags.RandomAccess, advice: unix.MADV_RANDOM},
	{flag: flags.WillNeed, advice: unix.MADV_WILLNEED},
	{flag: flags.DontNeed, advice: unix.MADV_DONTNEED},
	{flag: flags.Free, advice: unix.MADV_FREE},
	{flag: flags.DontFork, advice: noInherit},
}

// noInherit stands for minherit(2) with INHERIT_NONE among the numbers of madvise(2).
const noInherit = -1

func giveAdvice(addr uintptr, n, advice int) error {
	if advice == noInherit {
		return minheritNone(addr, n)
	}
	return unix.Madvise(bytesAt(addr, n), advice)
}

// populate asks for the pages ahead of their use. It is a hint, so a refusal is ignored.
func populate(addr uintptr, r Request) { _ = unix.Madvise(bytesAt(addr, r.Len), unix.MADV_WILLNEED) }

// prefault: none of these systems can bring pages in and report those that fail.
func prefault(uintptr, int, bool) error { return errors.ErrUnsupported }

// drop: MADV_DONTNEED may leave the contents on these systems.
func drop(uintptr, int) error { return errors.ErrUnsupported }

// syncEntry is sync(2), which hands the directory to the device, then a sync of the file, which
// empties the device's cache.
func syncEntry(f *os.File) error {
	_ = unix.Sync()
	return syncFile(f)
}

func moreFacts(int, *FileFacts) {}

func lockLimit() (uint64, error) { return 0, errors.ErrUnsupported }
