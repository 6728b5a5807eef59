package main

import (
	"os"
	"testing"
	"unsafe"

	"github.com/typedmem/typedmem/blob"
	"github.com/typedmem/typedmem/region"
)

func TestSnapshot(t *testing.T) {
	inFiles(t)
	golden(t, "snapshot", session(t, "snapshot ticks.tm saved.tm", "cat --head 2 saved.tm", "snapshot orders.tm saved-orders.tm",
		"cat saved-orders.tm", "snapshot names.tm saved-names.tm", "cat saved-names.tm", "check saved.tm saved-orders.tm saved-names.tm",
		"snapshot ticks.tm saved.tm", "snapshot cut.tm new.tm", "snapshot foreign.tm new.tm", "snapshot missing.tm new.tm", "snapshot ticks.tm no/new.tm",
		"snapshot ticks.tm", "snapshot a b c", "snapshot -h"))
	if _, err := os.Stat("new.tm"); err == nil {
		t.Error("a snapshot that failed has left a file")
	}
}

// A file that a writer has open is saved with what the writer has appended.
func TestSnapshotOfAFileInUse(t *testing.T) {
	inFiles(t)
	r, err := region.OpenMut[Tick]("ticks.tm")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Append(tick(12)); err != nil {
		t.Fatal(err)
	}
	golden(t, "snapshot-in-use", session(t, "snapshot ticks.tm saved.tm", "cat --tail 1 --fields @index,ID saved.tm"))
}

func TestRecover(t *testing.T) {
	inFiles(t)
	// A blob file that ends inside its third blob.
	all, err := os.ReadFile("names.tm")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("cut-names.tm", all[:65536+16+16+24+10], 0o666); err != nil {
		t.Fatal(err)
	}
	// One that ends there, and whose last whole blob is damaged.
	all[65536+16+16+8] ^= 1
	if err := os.WriteFile("cut-damaged.tm", all[:65536+16+16+24+10], 0o666); err != nil {
		t.Fatal(err)
	}
	// A slab that has its first slot only.
	orders, err := os.ReadFile("orders.tm")
	if err != nil {
		t.Fatal(err)
	}
	const words = 65536 // of a slab of 100 objects, see FORMAT.md
	if err := os.WriteFile("cut-orders.tm", orders[:65536+words+int(unsafe.Sizeof(Side{}))], 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile("cut-header.tm", orders[:100], 0o666); err != nil {
		t.Fatal(err)
	}
	golden(t, "recover", session(t, "recover cut.tm left.tm", "cat --fields ID left.tm", "recover ticks.tm whole.tm", "recover damaged.tm repaired.tm",
		"recover cut-names.tm left-names.tm", "cat left-names.tm", "check left.tm whole.tm repaired.tm left-names.tm", "recover cut.tm left.tm",
		"recover orders.tm whole-orders.tm", "cat whole-orders.tm", "check cut-orders.tm", "recover cut-orders.tm left-orders.tm", "cat left-orders.tm", "check left-orders.tm", "recover foreign.tm new.tm", "recover nothing.tm new.tm", "recover missing.tm new.tm", "recover cut.tm no/new.tm",
		"recover cut-damaged.tm new.tm", "cat cut-header.tm", "recover cut-header.tm new.tm", "recover cut.tm", "recover -h"))
	if _, err := os.Stat("new.tm"); err == nil {
		t.Error("a recovery that failed has left a file")
	}
	s, err := blob.OpenMut("left-names.tm")
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.AppendString("more"); err != nil {
		t.Error(err)
	}
}
