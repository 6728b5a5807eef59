//go:build linux && amd64

package main

import (
	"bytes"
	"debug/elf"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// needed are the modules that the machine asks for; what these depend on comes with them.
var needed = []string{"virtio_pci", "virtio_blk", "crc32c_generic", "sha256_generic", "xxhash_generic", "blake2b_generic", "ext4", "xfs", "btrfs"}

// modules returns the files of the modules in the order in which they are loaded.
func modules(root string) ([]string, error) {
	files := map[string]string{}
	err := filepath.WalkDir(filepath.Join(root, "lib/modules"), func(path string, d fs.DirEntry, err error) error {
		if name, ok := strings.CutSuffix(filepath.Base(path), ".ko"); ok {
			files[strings.ReplaceAll(name, "-", "_")] = path
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	var order []string
	var add func(name string) error
	add = func(name string) error {
		path := files[name]
		if path == "" || slices.Contains(order, path) { // what is built into the kernel has no file
			return nil
		}
		f, err := elf.Open(path)
		if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		defer f.Close()
		info := f.Section(".modinfo")
		if info == nil {
			return fmt.Errorf("%s: it says nothing of what it needs", path)
		}
		text, err := info.Data()
		if err != nil {
			return err
		}
		for _, entry := range strings.Split(string(text), "\x00") {
			if list, ok := strings.CutPrefix(entry, "depends="); ok {
				for _, d := range strings.Split(list, ",") {
					if err := add(strings.ReplaceAll(d, "-", "_")); err != nil {
						return err
					}
				}
			}
		}
		order = append(order, path)
		return nil
	}
	for _, name := range needed {
		if err := add(name); err != nil {
			return nil, err
		}
	}
	return order, nil
}

// initramfs writes a cpio archive of this program as /init and of the modules.
func initramfs(path, root string) error {
	list, err := modules(root)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	entry := func(name string, mode int, data []byte) {
		fmt.Fprintf(&b, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", b.Len()+1, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name)+1, 0)
		pad := func() { b.Write(make([]byte, -b.Len()&3)) }
		b.WriteString(name + "\x00")
		pad()
		b.Write(data)
		pad()
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	program, err := os.ReadFile(self)
	if err != nil {
		return err
	}
	entry("init", 0o100755, program)
	entry("mod", 0o040755, nil)
	for i, m := range list {
		data, err := os.ReadFile(m)
		if err != nil {
			return err
		}
		entry(fmt.Sprintf("mod/%03d-%s", i, filepath.Base(m)), 0o100644, data)
	}
	entry("TRAILER!!!", 0, nil)
	return os.WriteFile(path, b.Bytes(), 0o666)
}
