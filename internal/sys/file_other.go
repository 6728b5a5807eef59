//go:build !linux

package sys

import (
	"os"
	"runtime"

	"github.com/typedmem/typedmem/flags"
)

func deviceSize(f *os.File) (int64, error) { return seekSize(f) }

func placeless(os.FileInfo) bool { return false }

// writeBehind: only Linux can begin to write a part of a file.
func writeBehind(*os.File, int64, int64) error { return nil }

// FilePageSize: the system does not tell.
func FilePageSize(*os.File) (p flags.PageSize, known bool, err error) { return 0, false, nil }

// Hole finds none: outside Linux holes matter on NTFS only (see Solid), where files are created
// without them.
func Hole(_ *os.File, _, end int64) int64 { return end }

// Solid: NTFS writes in place; of other file systems it is not known.
func Solid(*os.File) bool { return runtime.GOOS == "windows" }
