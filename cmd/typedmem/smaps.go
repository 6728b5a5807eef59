package main

import (
	"bufio"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// mapped is how much of one thing a process has mapped, in bytes.
type mapped struct {
	what                    string // a path, or the system's name of other memory
	size, resident, swapped uint64
	dirty                   uint64 // resident, and not written back
	areas                   int
}

// readSmaps reads Linux's list of memory areas with what is resident, /proc/PID/smaps, and adds up
// the areas of each file.
func readSmaps(r io.Reader) ([]mapped, error) {
	var all []mapped
	at := map[string]int{}
	var now *mapped
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		if name, isArea := areaName(line); isArea {
			i, known := at[name]
			if !known {
				i = len(all)
				at[name] = i
				all = append(all, mapped{what: name})
			}
			now = &all[i]
			now.areas++
			continue
		}
		key, value, _ := strings.Cut(line, ":")
		if now == nil {
			return nil, fmt.Errorf("the list of areas begins with %q", line)
		}
		var sum *uint64
		switch key {
		case "Size":
			sum = &now.size
		case "Rss":
			sum = &now.resident
		case "Swap":
			sum = &now.swapped
		case "Shared_Dirty", "Private_Dirty":
			sum = &now.dirty
		default:
			continue
		}
		kib, err := strconv.ParseUint(strings.TrimSuffix(strings.TrimSpace(value), " kB"), 10, 54)
		if err != nil {
			return nil, fmt.Errorf("the list of areas has a line %q", line)
		}
		*sum += kib << 10
	}
	return all, lines.Err()
}

// areaName returns the name in the first line of an area, as in
// "7f12a000-7f12b000 r--s 00010000 08:01 1234   /data/ticks.tm".
func areaName(line string) (name string, ok bool) {
	fields := strings.Fields(line)
	if len(fields) < 5 || !strings.Contains(fields[0], "-") || strings.HasSuffix(fields[0], ":") {
		return "", false
	}
	rest := line
	for _, f := range fields[:5] { // the name may have spaces in it
		_, rest, _ = strings.Cut(rest, f)
	}
	name = strings.TrimLeft(rest, " ")
	if before, removed := strings.CutSuffix(name, " (deleted)"); removed {
		name = before + " (removed)"
	}
	if name == "" {
		name = "anonymous memory"
	}
	return strings.ReplaceAll(name, `\012`, "\n"), true
}
