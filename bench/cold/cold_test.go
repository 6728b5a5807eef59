//go:build linux

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/typedmem/typedmem/bench/harness"
	"github.com/typedmem/typedmem/bench/slowfs"
)

// TestMain lets the test binary be run itself, as a contender, a file system and the command.
func TestMain(m *testing.M) {
	if os.Getenv("BENCH_AS_PROGRAM") != "" {
		main()
		os.Exit(0)
	}
	for _, child := range []func() (bool, error){slowfs.Child, contenderChild} {
		if was, err := child(); was {
			if err != nil {
				os.Stderr.WriteString(err.Error() + "\n")
				os.Exit(1)
			}
			os.Exit(0)
		}
	}
	os.Exit(m.Run())
}

// Every contender of every row runs, they agree about what they read, and nothing is left. It
// measures nothing.
func TestRows(t *testing.T) {
	for _, r := range allRows() {
		t.Run(r.name, func(t *testing.T) {
			if why := r.missing(); why != "" {
				t.Skip(why)
			}
			dir := t.TempDir()
			res, err := measurement{size: small, rounds: 1, dir: dir}.row(t.Context(), r)
			if err != nil {
				t.Fatal(err)
			}
			for _, c := range res.Cases {
				if c.Err != "" {
					t.Errorf("%s: %s", c.Case.Name, c.Err)
				} else if s := c.Samples[0]; !(s.Wall > 0) || !r.quiet && !(s.More[lateWorst] > 0) {
					t.Errorf("%s: %+v", c.Case.Name, s)
				}
			}
			var out bytes.Buffer
			if err := printRow(&out, r, res); err != nil || strings.Count(out.String(), "\n- ") != len(r.targets) {
				t.Errorf("%d targets and an error of %v in\n%s", len(r.targets), err, &out)
			}
			left(t, dir)
		})
	}
}

// left reports what a run left of its files, mounts and control groups.
func left(t *testing.T, dir string) {
	t.Helper()
	if files, err := os.ReadDir(dir); err != nil || len(files) > 0 {
		t.Errorf("%v are left (%v)", files, err)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || strings.Contains(string(mounts), dir) {
		t.Errorf("something is mounted in %s (%v)", dir, err)
	}
}

// An interrupt ends the command in the middle of a row, and leaves nothing.
func TestInterrupt(t *testing.T) {
	if why := slowfs.Missing(); why != "" {
		t.Skip(why)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cmd := exec.Command(self, "-rounds", "1000", "-quick", "-dir", dir, "delayed-64")
	cmd.Env = append(os.Environ(), "BENCH_AS_PROGRAM=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if read, err := filepath.Glob(filepath.Join(dir, "*", "slow", dataName)); err == nil && len(read) == 1 {
			break
		}
		if time.Now().After(deadline) {
			cmd.Process.Kill()
			t.Fatalf("nothing was mounted\n%s", &out)
		}
	}
	// As a terminal does: to the command, the contender and the file system.
	if err := syscall.Kill(-cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(out.String(), "context canceled") {
		t.Errorf("%v\n%s", err, &out)
	}
	left(t, dir)
}

// A row whose contenders read different things is no measurement.
func TestContendersThatDisagree(t *testing.T) {
	r := delayed64()
	if why := r.missing(); why != "" {
		t.Skip(why)
	}
	r.contenders = r.contenders[:2] // one page, and 64
	r.contenders[0].other = false
	_, err := measurement{size: small, rounds: 1, dir: t.TempDir()}.row(t.Context(), r)
	if err == nil || !strings.Contains(err.Error(), "disagree") {
		t.Error(err)
	}
}

func TestArguments(t *testing.T) {
	if _, err := choose([]string{"disk-1", "zzz"}); err == nil || !strings.Contains(err.Error(), `no row "zzz"`) {
		t.Error(err)
	}
	if got, err := choose([]string{"warm", "scan"}); err != nil || len(got) != 2 || got[0].name != "warm" || got[1].name != "scan" {
		t.Error(got, err)
	}
	if got, err := choose(nil); err != nil || len(got) != len(allRows()) {
		t.Error(len(got), err)
	}
	for _, c := range []struct {
		quick, tiny    bool
		rounds         int
		size           size
		roundsOfAnyRow int
	}{{false, false, 0, full, 10}, {true, false, 0, middle, 3}, {true, true, 0, small, 1}, {true, false, 7, middle, 7}} {
		if s, n := sizeOf(c.quick, c.tiny, c.rounds); s != c.size || n != c.roundsOfAnyRow {
			t.Errorf("%+v: %v, %d", c, s, n)
		}
	}
}

// After evict no page is in memory; where pages have to stay it says so.
func TestEvict(t *testing.T) {
	dir := t.TempDir()
	if err := writeData(dir, 1<<17); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, dataName)
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	if st.Type == unix.TMPFS_MAGIC {
		t.Skipf("%s is on a tmpfs, which has no other place for its files than memory", dir)
	}
	if err := evict(path); err != nil {
		t.Error(err)
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := syscall.Mmap(int(f.Fd()), 0, 1<<20, syscall.PROT_READ, syscall.MAP_SHARED|syscall.MAP_POPULATE)
	if err != nil {
		t.Fatal(err)
	}
	if err := evict(path); err == nil || !strings.Contains(err.Error(), "256 of 256 pages") {
		t.Errorf("with all pages mapped: %v", err)
	}
	if err := syscall.Munmap(b); err != nil {
		t.Fatal(err)
	}
	if err := evict(path); err != nil {
		t.Error(err)
	}
}

func TestIndexes(t *testing.T) {
	ix := apart(7, 64, 1<<20)
	pages := map[int]bool{}
	for _, i := range ix {
		if i < 0 || i >= 1<<17 {
			t.Errorf("index %d of %d", i, 1<<17)
		}
		pages[i*8/page] = true
	}
	if len(pages) != 64 {
		t.Errorf("64 indexes in %d pages", len(pages))
	}
	if !slices.Equal(ix, apart(7, 64, 1<<20)) || slices.Equal(ix, apart(8, 64, 1<<20)) {
		t.Error("the indexes do not follow from the seed")
	}
	seen := map[int]int{}
	for _, i := range popular(1, 10000, 4<<20) {
		if i < 0 || i >= 4<<20/blockSize {
			t.Fatalf("record %d", i)
		}
		seen[i]++
	}
	if len(seen) < 500 || len(seen) > 9000 {
		t.Errorf("%d different records of 10,000: no Zipf distribution", len(seen))
	}
}

// The table says what was met, missed and not measured.
func TestVerdicts(t *testing.T) {
	r := row{targets: []target{
		ratio("a", "b", "", harness.Wall, 0.5), ratio("b", "a", "", harness.Wall, 1.5), ratio("a", "none", "", harness.Wall, 1),
		median("a", lateWorst, time.Millisecond), median("b", lateWorst, time.Millisecond),
	}}
	sample := func(wall, late float64) []harness.Sample {
		return []harness.Sample{{Wall: wall, More: map[string]float64{lateWorst: late, "own": 5e6}}}
	}
	res := harness.Result{Cases: []harness.CaseResult{
		{Case: harness.Case{Name: "a", Lib: ours}, Samples: sample(100, 1e6)},
		{Case: harness.Case{Name: "b", Lib: theirs}, Samples: sample(200, 2e6)},
		{Case: harness.Case{Name: "none", Lib: theirs}, Err: "it broke"},
	}}
	var out bytes.Buffer
	if err := printRow(&out, r, res); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"| a | 100 ns | ±0 % | 0.50 × |", "| none | failed: it broke |", " own |", " 5ms |\n",
		"\n- a / b: 0.50 ×, at most 0.50 ×: met\n", "\n- b / a: 2.00 ×, at most 1.50 ×: missed\n", "- a / none: NaN ×, at most 1.00 ×: not measured\n",
		"- a, timer late, worst: 1ms, at most 1ms: met\n", "- b, timer late, worst: 2ms, at most 1ms: missed\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, &out)
		}
	}
}
