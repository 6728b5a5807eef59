package report

import (
	"bufio"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Machine says where and how results came about.
type Machine struct {
	CPU, Kernel, Go, Memory string
	Date                    time.Time
	Command                 string
}

// ThisMachine asks the system.
func ThisMachine() Machine {
	m := Machine{CPU: fmt.Sprintf("%s × %d", field("/proc/cpuinfo", "model name"), runtime.NumCPU()), Go: runtime.Version(), Date: time.Now(),
		Memory: memory(), Command: "go run ./" + filepath.Base(os.Args[0])}
	flag.Visit(func(f *flag.Flag) {
		if f.Name != "out" && f.Name != "disk" { // they say where, not what
			m.Command += fmt.Sprintf(" -%s=%s", f.Name, f.Value)
		}
	})
	var u unix.Utsname
	if unix.Uname(&u) == nil {
		m.Kernel = unix.ByteSliceToString(u.Sysname[:]) + " " + unix.ByteSliceToString(u.Release[:])
	}
	return m
}

func (m Machine) String() string {
	return fmt.Sprintf("%s, %s, %s of memory, %s/%s, %s; %s; `%s`", m.CPU, m.Kernel, m.Memory, runtime.GOOS, runtime.GOARCH, m.Go,
		m.Date.Format("2006-01-02"), strings.TrimSpace(m.Command))
}

// field returns what a file of "name: value" lines says about name first.
func field(path, name string) string {
	f, err := os.Open(path)
	if err != nil {
		return "unknown"
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if key, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// memory returns how much the machine has.
func memory() string {
	var kib float64
	if _, err := fmt.Sscanf(field("/proc/meminfo", "MemTotal"), "%f kB", &kib); err != nil {
		return "unknown size"
	}
	return fmt.Sprintf("%.3g GiB", kib/(1<<20))
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
