package sys

import (
	"errors"
	"os"
	"testing"
)

// Every operation has a name, and restore reinstates the earlier hook.
func TestInterpose(t *testing.T) {
	for op := range OpCount {
		if op.String() == "" {
			t.Errorf("operation %d has no name", op)
		}
	}
	first, second := errors.New("first"), errors.New("second")
	restoreFirst := Interpose(func(Call) error { return first })
	restoreSecond := Interpose(func(Call) error { return second })
	f, err := os.Create(t.TempDir() + "/file")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	page := os.Getpagesize()
	for op, call := range map[Op]func() error{
		OpReserve:               func() error { _, err := Reserve(0, page, page, NoFile); return err },
		OpMap:                   func() error { _, err := Map(Request{Len: page}); return err },
		OpHold:                  func() error { return Hold(1, page) },
		OpRelease:               func() error { return Release(1, page) },
		OpDrop:                  func() error { return Drop(1, page) },
		OpProtect:               func() error { return Protect(1, page, 0) },
		OpName:                  func() error { return Name(1, page, "x") },
		OpLock:                  func() error { return Lock(1, page) },
		OpUnlock:                func() error { return Unlock(1, page) },
		OpFlush:                 func() error { return Flush(1, page, f, false) },
		OpAdvise:                func() error { return Advise(1, page, 0) },
		OpPrefault:              func() error { return Prefault(1, page, false) },
		OpWriteBehind:           func() error { return WriteBehind(f, 0, 1) },
		OpPrefetch:              func() error { return Prefetch([]Range{{1, page}}) },
		OpResident:              func() error { return Resident(1, page, make([]byte, 1)) },
		OpFlushInstructionCache: func() error { return FlushInstructionCache(1, page) },
		OpDuplicate:             func() error { _, err := Duplicate(f); return err },
		OpCreateFile:            func() error { _, err := CreateFile("none/none", "none", 0o666); return err },
		OpOpenFile:              func() error { _, err := OpenFile("none", false); return err },
		OpStatFile:              func() error { _, err := StatFile("none"); return err },
		OpNameFile:              func() error { return NameFile(f, "none", "none either") },
		OpReplaceFile:           func() error { return ReplaceFile(f, "none", "none either") },
		OpCloneRange:            func() error { return CloneRange(f, f, 0, 1<<16) },
		OpCopyRange:             func() error { return CopyRange(f, f, 0, 1) },
		OpSyncEntry:             func() error { return SyncEntry(f) },
		OpAllocate:              func() error { return Allocate(f, 0, 1) },
		OpZero:                  func() error { return Zero(f, 0, 1) },
		OpLockFile:              func() error { return LockFile(f) },
		OpLockFileShared:        func() error { return LockFileShared(f) },
		OpUnlockFile:            func() error { return UnlockFile(f) },
		OpSyncFile:              func() error { return SyncFile(f) },
		OpAreas:                 func() error { return Areas(0, 0, 1, func(Area) bool { return true }) },
	} {
		if err := call(); err != second {
			t.Errorf("%v: %v passed the seam by", op, err)
		}
	}
	restoreSecond()
	if err := Hold(1, page); err != first {
		t.Errorf("%v", err)
	}
	restoreFirst()
	if err := SyncFile(f); err != nil {
		t.Error(err)
	}
}
