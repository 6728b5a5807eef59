package sys

import (
	"os"
	"sync/atomic"
)

// Op names a function of this package that asks the system for something.
type Op uint8

const (
	OpReserve Op = iota
	OpMap
	OpHold
	OpRelease
	OpDrop
	OpProtect
	OpName
	OpLock
	OpUnlock
	OpFlush
	OpAdvise
	OpPrefault
	OpPrefetch
	OpResident
	OpFlushInstructionCache
	OpDuplicate
	OpCreateFile
	OpOpenFile
	OpStatFile
	OpNameFile
	OpReplaceFile
	OpAllocate
	OpSetAside // the last step of Allocate on Linux
	OpZero
	OpCloneRange
	OpCopyRange
	OpLockFile
	OpLockFileShared
	OpUnlockFile
	OpWriteBehind
	OpSyncFile
	OpSyncEntry
	OpAreas
	OpCount // the number of operations
)

var opNames = [OpCount]string{
	"reserve", "map", "hold", "release", "drop", "protect", "name", "lock", "unlock", "flush", "advise", "prefault", "prefetch", "resident",
	"flush instruction cache", "duplicate", "create file", "open file", "stat file", "name file", "replace file", "allocate", "set aside", "zero", "clone range", "copy range", "lock file", "share file", "unlock file", "write behind", "sync file", "sync entry", "areas",
}

func (op Op) String() string { return opNames[op] }

// Call is one call of this package, as a test sees it. Fields that do not apply are zero.
type Call struct {
	Op     Op
	Addr   uintptr
	Len    int
	File   *os.File
	Offset int64
	Path   string
}

var interposed atomic.Pointer[func(Call) error]

// Interpose has f called before each call of this package. An error that f returns becomes the
// result, without a system call. It returns a function that restores the former state. Tests use it
// to make calls fail and to record their order.
func Interpose(f func(Call) error) (restore func()) {
	old := interposed.Swap(&f)
	return func() { interposed.Store(old) }
}

// FailCall returns a function for [Interpose] by which call number n of an operation, from 0, fails
// with err. Calls come from the collector's goroutines, too, at any time.
func FailCall(op Op, n int, err error) func(Call) error {
	var calls atomic.Int64
	return func(c Call) error {
		if c.Op == op && calls.Add(1) == int64(n)+1 {
			return err
		}
		return nil
	}
}

func before(c Call) error {
	if f := interposed.Load(); f != nil {
		return (*f)(c)
	}
	return nil
}

// do makes a call, unless a test has it fail.
func do(c Call, call func() error) error {
	if err := before(c); err != nil {
		return err
	}
	return call()
}

// get is do for a call with a result.
func get[T any](c Call, call func() (T, error)) (result T, err error) {
	if err = before(c); err == nil {
		result, err = call()
	}
	return result, err
}

// onRange is do for a call on a range of addresses.
func onRange(op Op, addr uintptr, n int, call func(addr uintptr, n int) error) error {
	return do(Call{Op: op, Addr: addr, Len: n}, func() error { return call(addr, n) })
}

// onFile is do for a call on a file.
func onFile(op Op, f *os.File, call func(*os.File) error) error {
	return do(Call{Op: op, File: f}, func() error { return call(f) })
}
