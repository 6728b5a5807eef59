package power

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"

	"github.com/typedmem/typedmem"
)

// maps knows where in which file addresses lie; it asks again after something was mapped.
type maps struct{ areas []area }

type area struct{ start, end, offset, inode uint64 }

func (m *maps) forget() { m.areas = nil }

// find returns where in the file an address lies, and whether it is in it at all.
func (m *maps) find(addr uintptr, file os.FileInfo, names ...string) (at int, mine bool, err error) {
	if file == nil {
		return 0, false, nil
	}
	if runtime.GOOS != "linux" {
		a, ok, err := typedmem.AreaAt(typedmem.Self, addr)
		if err != nil || !ok {
			return 0, false, fmt.Errorf("this system does not tell what is mapped where: %w", err)
		}
		return int(a.Offset) + int(addr-a.Start), slices.ContainsFunc(names, func(n string) bool { return filepath.Base(n) == filepath.Base(a.Path) }), nil
	}
	if m.areas == nil {
		if err := m.read(); err != nil {
			return 0, false, err
		}
	}
	for _, a := range m.areas {
		if uint64(addr) >= a.start && uint64(addr) < a.end {
			return int(a.offset + uint64(addr) - a.start), a.inode == inode(file), nil
		}
	}
	return 0, false, fmt.Errorf("%#x is not mapped", addr)
}

// read reads the list of the process. The name there is that under which a file was opened, which
// it may have lost or got later; its number stays.
func (m *maps) read() error {
	text, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return err
	}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		f := strings.Fields(lines.Text()) // start-end, protection, offset, device, inode, name
		if len(f) < 6 || f[4] == "0" {
			continue
		}
		lo, hi, _ := strings.Cut(f[0], "-")
		m.areas = append(m.areas, area{number(lo, 16), number(hi, 16), number(f[2], 16), number(f[4], 10)})
	}
	return nil
}

// number reads a number of the list, which the kernel has written.
func number(s string, base int) uint64 {
	n, _ := strconv.ParseUint(s, base, 64)
	return n
}

// inode is the number of a file, on systems that have one.
func inode(info os.FileInfo) uint64 {
	if v := reflect.Indirect(reflect.ValueOf(info.Sys())); v.Kind() == reflect.Struct && v.FieldByName("Ino").IsValid() {
		return v.FieldByName("Ino").Uint()
	}
	return 0
}
