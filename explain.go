package typedmem

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/printing"
	"github.com/typedmem/typedmem/internal/sys"
)

// explain says why the system refused to map n bytes as the plan says: the words are
// those that it found when it asked what stands against it. Map, Commit and growth give its errors.
func (p *plan) explain(n int, err error) error {
	switch {
	case errors.Is(err, errNoAreas), errors.Is(err, errNoAddresses) && uint64(p.reserved)>>46 == 0:
		return fmt.Errorf("%d bytes: %w", n, err)
	case errors.Is(err, sys.ErrNotLocked):
		return p.explainLock(err)
	case p.HasFile && (sys.CannotMap(err) || errors.Is(err, os.ErrPermission) || errors.Is(err, errors.ErrUnsupported)):
		if kind := withoutMemory(p.File); kind != "" {
			return fmt.Errorf("%s is %s, which cannot be mapped: %w: %w", p.File.Name(), kind, ErrOperation, err)
		}
		if errors.Is(err, errors.ErrUnsupported) { // it says enough
			return err
		}
		if sys.CannotMap(err) {
			return fmt.Errorf("%s cannot be mapped: %w: %w", p.File.Name(), ErrOperation, err)
		}
		return fmt.Errorf("%s %s: %w", p.File.Name(), p.forbidden(), err)
	case sys.OutOfLocks(err):
		return fmt.Errorf("%d bytes: all that the process maps is locked in memory (mlockall with MCL_FUTURE), "+
			"and so much may not be; raise RLIMIT_MEMLOCK (ulimit -l), or reserve less with WithCapacity: %w", n, err)
	case !sys.OutOfAddresses(err):
		return err
	case uint64(p.reserved)>>46 != 0:
		return fmt.Errorf("%d bytes of address space: %w: %w", p.reserved, ErrSize, err)
	case p.PageSize != 0:
		return fmt.Errorf("%d bytes in huge pages of %v: the system has too few free ones, have the administrator reserve more: %w", n, p.PageSize, err)
	}
	return fmt.Errorf("%d bytes: the system has too little contiguous address space, areas or memory left; reserve less with WithCapacity: %w", n, err)
}

// forbidden says what of a file stands against the plan, as the end of a sentence.
func (p *plan) forbidden() string {
	writes := p.Flags.Has(flags.Shared) && p.Protection.Has(flags.Write)
	facts, err := sys.FactsOf(p.File)
	switch {
	case err != nil:
	case !facts.Read:
		return "is open for writing only; a mapping needs it open for reading"
	case p.Protection.Has(flags.Execute) && facts.NoExec:
		return "is on a file system that is mounted noexec; keep code on another one"
	case writes && !facts.Write:
		return "is open for reading only; a shared mapping that is written needs it open for reading and writing"
	case writes && facts.Sealed:
		return "is sealed against writing; map it without flags.Shared, or read-only"
	}
	return fmt.Sprintf("must be open for what the mapping does with it, protection %v and flags %v", p.Protection, p.Flags)
}

// explainLock says why memory that was mapped could not be locked.
func (p *plan) explainLock(err error) error {
	if p.HasFile {
		if size, _, e := sys.FileSize(p.File); e == nil && p.Offset+int64(p.Size) > size {
			return fmt.Errorf("%s has %d bytes, and pages past its end cannot be locked: %w: %w", p.File.Name(), size, ErrTruncated, err)
		}
	}
	if limit, e := sys.LockLimit(); e == nil && limit == 0 {
		return fmt.Errorf("the process may lock no memory, its limit is 0 (RLIMIT_MEMLOCK, ulimit -l): %w", err)
	}
	return err
}

// withoutMemory names the kind of a file that no system maps, "" for any other.
func withoutMemory(f *os.File) string {
	info, err := f.Stat()
	if err != nil {
		return ""
	}
	if mode := info.Mode(); mode&(fs.ModeDir|fs.ModeNamedPipe|fs.ModeSocket) != 0 {
		return printing.Kind(mode)
	}
	if facts, err := sys.FactsOf(f); err == nil && facts.Made {
		return "a file that the kernel makes up while it is read"
	}
	return ""
}
