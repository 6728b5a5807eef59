package harness

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// Sample is what one round of one case took. Times are nanoseconds an operation.
type Sample struct {
	Wall, CPU float64
	Allocs    float64 // an operation
	Faults    float64 // page faults of the whole round
	Peak      float64 // resident memory at its greatest, bytes; 0 where the process is shared
	Bytes     float64 // of data
	More      map[string]float64
}

// round runs n repetitions and says what they took.
func round(b Bench, n int) (Sample, error) {
	if b.Reset != nil {
		if err := b.Reset(); err != nil {
			return Sample{}, err
		}
	}
	var before, after runtime.MemStats
	var from, to syscall.Rusage
	runtime.ReadMemStats(&before)
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &from); err != nil {
		return Sample{}, err
	}
	start := time.Now()
	err := b.Run(n)
	wall := time.Since(start)
	if err != nil {
		return Sample{}, err
	}
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &to); err != nil {
		return Sample{}, err
	}
	runtime.ReadMemStats(&after)
	ops := float64(b.Ops) * float64(n)
	s := Sample{
		Wall:   float64(wall.Nanoseconds()) / ops,
		CPU:    float64(cpu(&to)-cpu(&from)) / ops,
		Allocs: float64(after.Mallocs-before.Mallocs) / ops,
		Faults: float64(to.Minflt + to.Majflt - from.Minflt - from.Majflt),
		Bytes:  float64(b.Bytes),
	}
	if b.More != nil {
		s.More = b.More()
	}
	return s, nil
}

func cpu(r *syscall.Rusage) int64 { return r.Utime.Nano() + r.Stime.Nano() }

// peak returns the greatest resident memory of this process so far, in bytes.
func peak() (float64, error) {
	f, err := os.Open("/proc/self/status")
	if err != nil {
		return 0, err
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		if rest, ok := strings.CutPrefix(lines.Text(), "VmHWM:"); ok {
			var kb float64
			_, err := fmt.Sscanf(rest, "%f kB", &kb)
			return kb * 1024, err
		}
	}
	return 0, fmt.Errorf("no VmHWM in /proc/self/status")
}

// repetitions finds how many repetitions make a round of about the given length.
func repetitions(b Bench, length time.Duration) (int, error) {
	if b.Once {
		return 1, nil
	}
	if b.Reset == nil { // what is done for the first time takes longer
		if err := b.Run(1); err != nil {
			return 0, err
		}
	}
	for n := 1; ; {
		if b.Reset != nil {
			if err := b.Reset(); err != nil {
				return 0, err
			}
		}
		start := time.Now()
		if err := b.Run(n); err != nil {
			return 0, err
		}
		took := time.Since(start)
		if took >= length/2 {
			return max(1, int(float64(n)*float64(length)/float64(took))), nil
		}
		n = max(n*2, int(float64(n)*float64(length)/float64(took+1)/2))
	}
}
