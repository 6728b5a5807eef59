package shell

import (
	"fmt"
	"io/fs"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
)

// NewFile are the permission bits of a new file where FileOptions.Perm is 0, as os.Create has them.
const NewFile fs.FileMode = 0o666

// CheckFile returns [typedmem.ErrOperation] for options of a file that region and slab both refuse.
func CheckFile(write, create bool, perm fs.FileMode, f flags.Map) error {
	switch {
	case create && !write:
		return fmt.Errorf("the option Create makes a file to write to; set Write too, or open an existing file without Create: %w", typedmem.ErrOperation)
	case perm&^fs.ModePerm != 0:
		return fmt.Errorf("the option Perm is %v, which has more than permission bits; use those of 0o777: %w", perm, typedmem.ErrOperation)
	case f.Has(flags.HugePages):
		return fmt.Errorf("flags.HugePages, but the file decides which pages it has; leave the flag out: %w", typedmem.ErrOperation)
	}
	return nil
}
