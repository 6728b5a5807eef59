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

	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
	"github.com/typedmem/typedmem/slab"
)

const variable = "TYPEDMEM_KILLED_IN" // the folder, in the process that is killed

func TestMain(m *testing.M) {
	if dir := os.Getenv(variable); dir != "" {
		w := Work{Dir: dir, Rand: rand.New(rand.NewPCG(rand.Uint64(), 0)), Out: bufio.NewWriter(os.Stdout), Every: true}
		w.say("error %v", w.Run())
		os.Exit(1)
	}
	if dir := os.Getenv(blobVariable); dir != "" {
		fmt.Println("error", appendNamed(dir))
		os.Exit(1)
	}
	if path := os.Getenv(followed); path != "" {
		fmt.Println("error", appendForever(path))
		os.Exit(1)
	}
	if path := os.Getenv(opensVariable); path != "" {
		os.Exit(opens(path))
	}
	if path := os.Getenv(sharingVariable); path != "" {
		if err := sharing(path); err != nil {
			fmt.Println("error", err)
			os.Exit(exitOfSharing)
		}
		os.Exit(0)
	}
	if how, dir, found := strings.Cut(os.Getenv(savingVariable), " "); found {
		fmt.Println("error", saving(how, dir))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// A process that creates, opens, grows, shrinks, syncs and closes region and slab files is killed,
// again and again. Anyone who opens a file meanwhile finds it whole; each opens afterwards, with
// all that was done; and the next Create of a name removes what a killed one left.
// TYPEDMEM_KILLS says how often.
func TestKilledProcesses(t *testing.T) {
	testenv.Processes(t)
	kills := 20
	if testing.Short() {
		kills = 5
	}
	if n, err := strconv.Atoi(os.Getenv("TYPEDMEM_KILLS")); err == nil {
		kills = n
	}
	dir := t.TempDir()
	promises := Promises{}
	lines, files, unfinished := 0, 0, 0
	for range kills {
		said := killed(t, dir)
		for _, text := range said {
			if strings.HasPrefix(text, "error ") {
				t.Fatal(text)
			}
			if err := promises.Take(text, true); err != nil {
				t.Fatal(err)
			}
		}
		opened, err := promises.Check(dir)
		if err != nil {
			t.Fatal(err)
		}
		lines, files = lines+len(said), files+opened/2
		for _, name := range testkit.Names(t, dir) {
			switch whole := strings.TrimSuffix(strings.TrimPrefix(name, "."), ".typedmem-0"); {
			case whole != name:
				unfinished++
				err = again(filepath.Join(dir, whole))
			case rand.IntN(3) == 0: // there are new ones
				delete(promises, name)
				err = os.Remove(filepath.Join(dir, name))
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
			t.Fatalf("%q are left", left)
		}
	}
	t.Logf("%d kills, %d lines of acknowledgement, %d files, %d left by Create", kills, lines, files, unfinished)
}

// killed runs the process until it is killed, and returns the lines it printed.
func killed(t *testing.T, dir string) (said []string) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), variable+"="+dir)
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	out := bufio.NewReader(pipe)
	if first, err := out.ReadString('\n'); err != nil || strings.TrimSpace(first) != "ready" {
		t.Fatalf("the process says %q (%v)", first, err)
	}
	all := make(chan []byte)
	go func() {
		b, _ := io.ReadAll(out)
		all <- b
	}()
	for deadline := time.Now().Add(time.Duration(rand.IntN(20_000)) * time.Microsecond); time.Now().Before(deadline); {
		for _, name := range testkit.Names(t, dir) {
			if err := open(filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Process.Kill()
	text := string(<-all)
	said = strings.Split(text, "\n")
	return said[:len(said)-1] // the last line may be cut short: it says nothing
}

// open opens a file, if it has its name, and closes it.
func open(path string) error {
	switch filepath.Base(path)[0] {
	case 'r':
		return closed(region.Open[object](path))
	case 's':
		return closed(slab.Open[object](path))
	}
	return nil
}

// again creates the file that a killed process had begun to create.
func again(path string) error {
	var err error
	if filepath.Base(path)[0] == 'r' {
		err = closed(region.Create[object](path, 0))
	} else {
		err = closed(slab.Create[object](path, 10))
	}
	return errors.Join(err, os.Remove(path))
}

func closed[C io.Closer](c C, err error) error {
	if err != nil {
		return err
	}
	return c.Close()
}
