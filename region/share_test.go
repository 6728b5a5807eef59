package region_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/container"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
)

var shared = region.FileOptions{Write: true, Create: true, Shared: true, Len: 10}

// Writers that share a file see each other's stores, whichever of them made the file.
func TestSharedWritersSeeEachOther(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r")
	var all []*region.Region[atomic.Uint32]
	for range 5 {
		r := testkit.Must(region.OpenFile[atomic.Uint32](path, shared))(t)
		testkit.CloseLater(t, r)
		all = append(all, r)
	}
	reader := testkit.Must(region.Open[atomic.Uint32](path))(t)
	testkit.CloseLater(t, reader)
	for i, r := range all {
		r.Ptr(3).Add(uint32(i) + 1)
		if n := all[0].Ptr(3).Load(); r.Len() != 10 || r.Cap() < 10 || n != uint32((i+1)*(i+2)/2) {
			t.Fatalf("%d elements, a sum of %d after %d", r.Len(), n, i)
		}
		testkit.Check(t, r.Sync())
		testkit.Check(t, r.Flush())
	}
	n, err := reader.Refresh()
	if n != 10 || err != nil || reader.Ptr(3).Load() != 15 {
		t.Errorf("a reader has %d elements (%v), the sum %d", n, err, reader.Ptr(3).Load())
	}
	for _, r := range all {
		testkit.Check(t, r.Close())
	}
	last := testkit.Must(region.OpenMut[atomic.Uint32](path))(t)
	testkit.CloseLater(t, last)
	if last.Len() != 10 || last.Ptr(3).Load() != 15 {
		t.Errorf("afterwards %d elements, the sum %d", last.Len(), last.Ptr(3).Load())
	}
}

// The length that several writers share is fixed, and an Append that is refused writes nothing.
func TestASharedLengthIsFixed(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r")
	_, err := region.OpenFile[uint64](path, region.FileOptions{Write: true, Create: true, Shared: true})
	testkit.Wants(t, "a new file without Len", err, typedmem.ErrSize, path)
	if left := testkit.Names(t, filepath.Dir(path)); len(left) > 0 {
		t.Fatalf("%q are left", left)
	}
	for _, o := range []region.FileOptions{shared, {CopyOnWrite: true}} {
		r := testkit.Must(region.OpenFile[uint64](path, o))(t)
		before := testkit.Must(os.ReadFile(path))(t)
		refused := func() {
			t.Helper()
			testkit.Wants(t, "Append", r.Append(7), typedmem.ErrOperation, path)
			testkit.Wants(t, "Append of many", r.Append(make([]uint64, 1<<20)...), typedmem.ErrOperation, path)
			testkit.Wants(t, "Resize to more", r.Resize(11), typedmem.ErrOperation, path)
			testkit.Wants(t, "Resize to less", r.Resize(9), typedmem.ErrOperation, path)
		}
		refused()
		testkit.Check(t, errors.Join(r.Mapping().MakeReadOnly(), r.Mapping().MakeMut()))
		refused()
		if n, err := r.Refresh(); n != 10 || err != nil || r.Len() != 10 {
			t.Errorf("%d elements, %v", n, err)
		}
		testkit.Check(t, r.Close())
		if after := testkit.Must(os.ReadFile(path))(t); !bytes.Equal(before, after) {
			t.Errorf("%+v: the file has changed", o)
		}
	}
}

// A writer alone and several writers exclude each other, and each is told of the other.
func TestSharedWritersExcludeASingleOne(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r")
	several := testkit.Must(region.OpenFile[uint64](path, shared))(t)
	testkit.CloseLater(t, several)
	_, err := region.OpenMut[uint64](path)
	testkit.Wants(t, "OpenMut beside several", err, typedmem.ErrBusy, path, "writer with FileOptions.Shared")
	testkit.Check(t, several.Close())

	alone := testkit.Must(region.OpenMut[uint64](path))(t)
	testkit.CloseLater(t, alone)
	_, err = region.OpenFile[uint64](path, shared)
	words := []string{path, "alone"}
	if strings.Contains(fmt.Sprint(testkit.Must(region.OpenFile[uint64](path, region.FileOptions{CopyOnWrite: true}))(t).Close()), "process") {
		t.Fatal("a private copy minds the writer")
	}
	if _, known := sys.BootID(); known {
		words = append(words, fmt.Sprintf("process %d ", os.Getpid()))
	}
	testkit.Wants(t, "several beside OpenMut", err, typedmem.ErrBusy, words...)
	testkit.Check(t, alone.Close())
	testkit.Check(t, testkit.Must(region.OpenFile[uint64](path, shared))(t).Close())
}

// A file that a killed writer left, with a length that it had not synced, is repaired before
// several write to it: its length does not hang on a live record any more.
func TestSharedWritersAfterAKilledOne(t *testing.T) {
	if _, known := sys.BootID(); !known {
		t.Skip("this system has no boot ID, and a killed writer leaves the synced length")
	}
	dir := t.TempDir()
	w := testkit.Must(region.Create[uint64](filepath.Join(dir, "w"), 2))(t)
	testkit.CloseLater(t, w)
	testkit.Check(t, w.Append(1, 2, 3))
	path := filepath.Join(dir, "killed")
	testkit.Check(t, os.WriteFile(path, testkit.Must(os.ReadFile(filepath.Join(dir, "w")))(t), 0o666))

	r := testkit.Must(region.OpenFile[uint64](path, shared))(t)
	testkit.CloseLater(t, r)
	r.Set(4, 30)
	if record := testkit.Must(os.ReadFile(path))(t)[32<<10:][:48]; !bytes.Equal(record, make([]byte, 48)) {
		t.Errorf("the live record is still %x", record)
	}
	// As it is now, all of them are killed.
	again := filepath.Join(dir, "again")
	testkit.Check(t, os.WriteFile(again, testkit.Must(os.ReadFile(path))(t), 0o666))
	for _, o := range []region.FileOptions{{}, {CopyOnWrite: true}, {Write: true}} {
		after := testkit.Must(region.OpenFile[uint64](again, o))(t)
		if after.Len() != 5 || after.At(3) != 2 || after.At(4) != 30 {
			t.Errorf("%+v: %d elements, %v", o, after.Len(), after.Slice())
		}
		testkit.Check(t, after.Close())
	}
}

// One that opens a file for several writers while another one repairs it, after its writer was
// killed, waits for the repair, however long that takes.
func TestSharedWritersWaitForARepair(t *testing.T) {
	path, _ := leftByDead(t)

	second := make(chan error, 1)
	var repairs atomic.Int32
	restore := sys.Interpose(func(c sys.Call) error {
		if (c.Op == sys.OpFlush || c.Op == sys.OpSyncFile) && repairs.Add(1) == 1 {
			go func() {
				r, err := region.OpenFile[uint64](path, shared)
				if err == nil {
					err = r.Close()
				}
				second <- err
			}()
			time.Sleep(300 * time.Millisecond)
		}
		return nil
	})
	defer restore()
	r, err := region.OpenFile[uint64](path, shared)
	testkit.Check(t, errors.Join(err, <-second))
	if repairs.Load() == 0 || r.Len() != 5 {
		t.Errorf("%d repairs, %d elements", repairs.Load(), r.Len())
	}
	testkit.Check(t, r.Close())
}

// A writer that finds the lock taken does not name the dead process of the live record.
func TestABusyFileNamesNoDeadProcess(t *testing.T) {
	path, pid := leftByDead(t)
	f := testkit.Must(os.OpenFile(path, os.O_RDWR, 0))(t)
	defer f.Close()
	testkit.Check(t, sys.LockFile(f))
	_, err := region.OpenMut[uint64](path)
	testkit.Wants(t, "OpenMut", err, typedmem.ErrBusy, path, "another writer")
	if strings.Contains(err.Error(), strconv.Itoa(pid)) {
		t.Error(err)
	}
}

// leftByDead returns the path of a file of 5 elements that a process wrote, in this boot, and did
// not close before it ended, and the ID of that process. Two of the elements are synced.
func leftByDead(t *testing.T) (path string, pid int) {
	t.Helper()
	if _, known := sys.BootID(); !known {
		t.Skip("this system has no boot ID, and a killed writer leaves nothing to repair")
	}
	dead := exec.Command(testkit.Must(os.Executable())(t), "-test.run=^$")
	if err := dead.Run(); err != nil {
		t.Skipf("this system starts no process: %v", err)
	}
	pid = dead.Process.Pid
	dir := t.TempDir()
	w := testkit.Must(region.Create[uint64](filepath.Join(dir, "w"), 2))(t)
	testkit.CloseLater(t, w)
	testkit.Check(t, w.Append(1, 2, 3))
	b := testkit.Must(os.ReadFile(filepath.Join(dir, "w")))(t)
	record := b[32<<10:]
	binary.LittleEndian.PutUint64(record[16:], uint64(pid))
	binary.LittleEndian.PutUint32(record[44:], crc32.ChecksumIEEE(record[:44]))
	path = filepath.Join(dir, "left")
	testkit.Check(t, os.WriteFile(path, b, 0o666))
	return path, pid
}

// Whichever call fails, opening a shared file leaves nothing open, locked or half-made.
func TestAFailedSharedOpenLeavesNothing(t *testing.T) {
	failed := errors.New("failed")
	for fails, more := 1, true; more; fails++ {
		dir := t.TempDir()
		path := filepath.Join(dir, "r")
		calls := 0
		restore := sys.Interpose(func(c sys.Call) error {
			switch c.Op {
			case sys.OpCreateFile, sys.OpLockFile, sys.OpLockFileShared, sys.OpAllocate, sys.OpMap, sys.OpFlush, sys.OpSyncFile, sys.OpNameFile, sys.OpOpenFile:
				if calls++; calls == fails {
					return failed
				}
			}
			return nil
		})
		r, err := region.OpenFile[uint64](path, shared)
		restore()
		if more = err != nil; more {
			testkit.Is(t, err, failed)
			r = testkit.Must(region.OpenFile[uint64](path, region.FileOptions{Write: true, Create: true, Len: 10}))(t) // alone: no lock is left
		}
		if r.Len() != 10 {
			t.Errorf("%d elements", r.Len())
		}
		testkit.Check(t, r.Close())
		if left := testkit.Names(t, dir); len(left) != 1 {
			t.Fatalf("call %d: %q are there", fails, left)
		}
	}
}

// The file of shared writers that several processes were told of is on the device, its entry too.
func TestSharedSyncMakesTheEntryDurable(t *testing.T) {
	if !sys.EntriesNeedSync {
		t.Skip("this system logs directory entries")
	}
	path := filepath.Join(t.TempDir(), "r")
	r := testkit.Must(region.OpenFile[uint64](path, shared))(t)
	testkit.CloseLater(t, r)
	r.Set(1, 1)
	var ops []sys.Op
	restore := sys.Interpose(func(c sys.Call) error {
		if c.Op == sys.OpFlush || c.Op == sys.OpSyncFile {
			ops = append(ops, c.Op)
		}
		return nil
	})
	err := errors.Join(r.Sync(), r.Sync())
	restore()
	if fmt.Sprint(ops) != "[flush sync file flush]" || err != nil {
		t.Errorf("two Syncs do %v, %v", ops, err)
	}
	testkit.Check(t, os.Truncate(path, container.DataOffset))
	testkit.Wants(t, "Sync of a file that was cut off", r.Sync(), typedmem.ErrTruncated, path)
}

// A process may be killed while it makes a file for several writers: the others must not take the
// file for that of a writer that is alone.
func TestASharedCreateHasNoLiveRecord(t *testing.T) {
	path := filepath.Join(t.TempDir(), "r")
	looked := 0
	restore := sys.Interpose(func(c sys.Call) error {
		if c.Op == sys.OpNameFile || c.Op == sys.OpUnlockFile {
			record := make([]byte, 48)
			_, err := c.File.ReadAt(record, 32<<10)
			if looked++; err != nil || !bytes.Equal(record, make([]byte, 48)) {
				t.Errorf("at %v the live record is %x, %v", c.Op, record, err)
			}
		}
		return nil
	})
	r, err := region.OpenFile[uint64](path, shared)
	restore()
	testkit.Check(t, err)
	testkit.Check(t, r.Close())
	if looked == 0 {
		t.Error("nothing was looked at")
	}
}
