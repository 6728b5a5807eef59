package crashtest

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/typedmem/typedmem/blob"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
)

const blobVariable = "TYPEDMEM_BLOBS_IN" // the folder, in the process that is killed

// named is a record with a string in a store: the string of textOf(Number).
type named struct {
	Name   blob.Ref
	Number uint64
}

// textOf returns the string of a record; every third one is interned and comes again.
func textOf(number uint64) string {
	if number%3 == 0 {
		return "common " + strconv.FormatUint(number%97, 10)
	}
	return strings.Repeat(strconv.FormatUint(number, 36), 1+int(number%200))
}

// TestKilledBlobWriters kills a process that appends strings to a store, and records with their
// Refs to a region, again and again. Everything that it reported is there afterwards, each record
// finds its string, and a reader finds that at any time. TYPEDMEM_BLOB_KILLS says how often.
func TestKilledBlobWriters(t *testing.T) {
	testenv.Processes(t)
	kills := 15
	if testing.Short() {
		kills = 4
	}
	if n, err := strconv.Atoi(os.Getenv("TYPEDMEM_BLOB_KILLS")); err == nil {
		kills = n
	}
	dir := testkit.FastDir(t)
	records := 0
	for kill := range kills {
		if kill%40 == 0 { // so that opening does not read ever more
			for _, name := range testkit.Names(t, dir) {
				testkit.Check(t, os.Remove(filepath.Join(dir, name)))
			}
			records = 0
		}
		reported := killedBlobWriter(t, dir)
		for _, write := range []bool{false, true} {
			n, err := checkNamed(dir, write)
			testkit.Check(t, err, "after kill ", kill)
			if n < max(records, reported) {
				t.Fatalf("%d records, %d were reported", n, max(records, reported))
			}
			records = n
		}
	}
	t.Logf("%d kills, %d records at the end", kills, records)
}

// killedBlobWriter runs the process until it is killed, reads beside it, and returns how many
// records it reported.
func killedBlobWriter(t *testing.T, dir string) (reported int) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), blobVariable+"="+dir)
	cmd.Stderr = os.Stderr
	pipe := testkit.Must(cmd.StdoutPipe())(t)
	testkit.Check(t, cmd.Start())
	defer cmd.Wait()
	defer cmd.Process.Kill()
	out := bufio.NewReader(pipe)
	if ready, err := out.ReadString('\n'); err != nil || ready != "0\n" {
		t.Fatalf("the process says %q (%v)", ready, err)
	}
	all := make(chan []byte)
	go func() {
		b, _ := io.ReadAll(out)
		all <- b
	}()
	for deadline := time.Now().Add(time.Duration(rand.IntN(20_000)) * time.Microsecond); time.Now().Before(deadline); {
		if rand.IntN(3) == 0 {
			_, err := checkNamed(dir, false)
			testkit.Check(t, err, "beside the writer")
		}
	}
	_ = cmd.Process.Kill()
	lines := strings.Split(string(<-all), "\n")
	for _, line := range lines[:len(lines)-1] {
		n, err := strconv.Atoi(line)
		testkit.Check(t, err, line)
		reported = max(reported, n)
	}
	return reported
}

// checkNamed opens both files and compares each record with its string.
func checkNamed(dir string, write bool) (records int, err error) {
	r, err := region.OpenFile[named](filepath.Join(dir, "records"), region.FileOptions{Write: write})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	s, err := blob.OpenFile(filepath.Join(dir, "names"), blob.FileOptions{Write: write}) // after the records
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	for i, x := range r.All() {
		if x.Number != uint64(i) {
			return 0, fmt.Errorf("record %d has the number %d", i, x.Number)
		}
		if !s.Equal(x.Name, textOf(x.Number)) {
			text, err := s.Text(x.Name)
			return 0, fmt.Errorf("record %d of %d has %.50q, want %.50q: %w", i, r.Len(), text, textOf(x.Number), err)
		}
	}
	return r.Len(), s.Check()
}

// appendNamed appends records until it is killed or fails, and reports how many there are.
func appendNamed(dir string) error {
	for ready := false; ; ready = true {
		s, err := blob.OpenFile(filepath.Join(dir, "names"), blob.FileOptions{Write: true, Create: true})
		if err != nil {
			return err
		}
		table, err := blob.NewTable(s)
		if err != nil {
			return err
		}
		r, err := region.OpenFile[named](filepath.Join(dir, "records"), region.FileOptions{Write: true, Create: true})
		if err != nil {
			return err
		}
		if !ready {
			fmt.Println(0)
		}
		for range 200 + rand.IntN(500) {
			n := uint64(r.Len())
			add := s.AppendString
			if n%3 == 0 {
				add = table.InternString
			}
			ref, err := add(textOf(n))
			if err == nil {
				err = r.Append(named{ref, n})
			}
			if err == nil && rand.IntN(50) == 0 {
				err = s.SyncBefore(r.Sync)
			}
			if err != nil {
				return err
			}
			fmt.Println(n + 1)
		}
		if err := errors.Join(s.Close(), r.Close()); err != nil {
			return err
		}
	}
}
