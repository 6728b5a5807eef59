//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly || windows)

package sys

import (
	"errors"
	"io/fs"
	"os"

	"github.com/typedmem/typedmem/flags"
)

// No implementation: every call returns errors.ErrUnsupported.

const (
	FlushNeedsFile  = false
	HasFixed        = false
	EntriesNeedSync = true
)

var ErrNoRoom = errors.ErrUnsupported

func OutOfAddresses(error) bool { return false }
func OutOfLocks(error) bool     { return false }

func granularity() int { return os.Getpagesize() }

func reserve(uintptr, int, int, int64) (uintptr, error)        { return 0, errors.ErrUnsupported }
func reserveJIT(uintptr, int, int) (uintptr, error)            { return 0, errors.ErrUnsupported }
func mapMemory(Request) (uintptr, error)                       { return 0, errors.ErrUnsupported }
func hold(uintptr, int) error                                  { return errors.ErrUnsupported }
func drop(uintptr, int) error                                  { return errors.ErrUnsupported }
func release(uintptr, int) error                               { return errors.ErrUnsupported }
func freesAtOnce(uintptr, int) bool                            { return true }
func protect(uintptr, int, flags.Protection) error             { return errors.ErrUnsupported }
func lock(uintptr, int) error                                  { return errors.ErrUnsupported }
func unlock(uintptr, int) error                                { return errors.ErrUnsupported }
func flush(uintptr, int, *os.File, bool) error                 { return errors.ErrUnsupported }
func advise(uintptr, int, flags.Map) error                     { return errors.ErrUnsupported }
func prefault(uintptr, int, bool) error                        { return errors.ErrUnsupported }
func flushInstructionCache(uintptr, int) error                 { return errors.ErrUnsupported }
func duplicate(*os.File) (*os.File, error)                     { return nil, errors.ErrUnsupported }
func createFile(string, string, fs.FileMode) (*os.File, error) { return nil, errors.ErrUnsupported }
func openFile(string, bool) (*os.File, error)                  { return nil, errors.ErrUnsupported }
func nameFile(string, string) error                            { return errors.ErrUnsupported }
func syncEntry(*os.File) error                                 { return errors.ErrUnsupported }
func allocate(*os.File, int64, int64) error                    { return errors.ErrUnsupported }
func zero(*os.File, int64, int64) error                        { return errors.ErrUnsupported }
func lockFile(*os.File, bool) error                            { return errors.ErrUnsupported }
func unlockFile(*os.File) error                                { return errors.ErrUnsupported }
func syncFile(*os.File) error                                  { return errors.ErrUnsupported }
func pageSizes() (flags.PageSizes, error)                      { return 0, errors.ErrUnsupported }
func hugePageSize() (flags.PageSize, error)                    { return 0, errors.ErrUnsupported }
func bootID() (id [16]byte, ok bool)                           { return id, false }

func areas(int, uintptr, uintptr, func(Area) bool) error { return errors.ErrUnsupported }
