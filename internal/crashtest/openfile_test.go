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

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/sys"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/region"
	"github.com/typedmem/typedmem/slab"
)

// opensVariable holds the file, in a process that opens or creates it when it is told to.
const opensVariable = "TYPEDMEM_OPENS"

const elements = 2000 // of a new file

// openAny opens or creates the file in the way that its name says, and checks that it is whole.
func openAny(path string) (io.Closer, error) {
	if filepath.Base(path)[0] == 's' {
		s, err := slab.OpenFile[object](path, slab.FileOptions{Write: true, Create: true, Capacity: elements, Perm: 0o644})
		if err == nil && (s.Cap() != elements || s.Len() != 0) {
			err = fmt.Errorf("%d of %d objects", s.Len(), s.Cap())
		}
		return s, err
	}
	o := region.FileOptions{Write: true, Create: true, Shared: strings.Contains(path, "shared"), Len: elements, Perm: 0o644}
	r, err := region.OpenFile[object](path, o)
	if err == nil && (r.Len() != elements || r.At(elements-1) != object{}) {
		err = fmt.Errorf("%d elements", r.Len())
	}
	return r, err
}

// opens waits for a line, opens the file and closes it after another line.
func opens(path string) int {
	in := bufio.NewReader(os.Stdin)
	fmt.Println("ready")
	if _, err := in.ReadString('\n'); err != nil {
		return 1
	}
	c, err := openAny(path)
	if err != nil {
		fmt.Println("error", err, errors.Is(err, typedmem.ErrBusy))
		return 0
	}
	fmt.Println("opened")
	if rand.IntN(2) == 0 {
		_, _ = in.ReadString('\n')
	}
	if err := c.Close(); err != nil {
		fmt.Println("error", err)
	}
	return 0
}

// Four processes open or create one file at the same time, and some of them are killed. They get
// one file, whole. Where they do not share it, the others are told who has it. Afterwards there is
// nothing but the file. TYPEDMEM_OPEN_KILLS says how many rounds there are.
func TestFourProcessesOpenOrCreateOneFile(t *testing.T) {
	testenv.Processes(t)
	rounds := 12
	if testing.Short() {
		rounds = 6
	}
	if n, err := strconv.Atoi(os.Getenv("TYPEDMEM_OPEN_KILLS")); err == nil {
		rounds = n
	}
	_, named := sys.BootID()
	var opened, busy, killed, unfinished int
	for round := range rounds {
		dir := t.TempDir()
		name := []string{"region", "region-shared", "slab"}[round%3]
		path := filepath.Join(dir, name)
		var all []*opener
		for range 4 {
			all = append(all, start(t, path))
		}
		pids := map[string]bool{}
		for _, o := range all {
			pids[strconv.Itoa(o.cmd.Process.Pid)] = true
			_, _ = io.WriteString(o.in, "\n")
		}
		at := rand.Perm(len(all))[:rand.IntN(3)]
		time.Sleep(time.Duration(rand.IntN(12_000)) * time.Microsecond) // the instant of the kills is what is random
		for _, i := range at {
			_ = all[i].cmd.Process.Kill()
			killed++
		}
		for _, o := range all {
			_ = o.in.Close()
			out := testkit.Must(io.ReadAll(o.out))(t)
			_ = o.cmd.Wait()
			switch said := strings.TrimSpace(string(out)); {
			case said == "opened":
				opened++
			case said == "": // killed
			case strings.HasPrefix(said, "error") && strings.HasSuffix(said, "true") && !strings.Contains(name, "shared"):
				busy++
				_, after, _ := strings.Cut(said, "process ")
				pid, _, _ := strings.Cut(after, " ")
				if named && !pids[pid] && !strings.Contains(said, "another writer") {
					t.Fatalf("round %d, %s: %s; the processes are %v", round, name, said, pids)
				}
			default:
				t.Fatalf("round %d, %s: %s", round, name, said)
			}
		}
		unfinished += len(testkit.Names(t, dir))
		c := testkit.Must(openAny(path))(t)
		testkit.Check(t, c.Close())
		if left := testkit.Names(t, dir); len(left) != 1 || left[0] != name {
			t.Fatalf("round %d: %q are left", round, left)
		}
	}
	t.Logf("%d rounds: %d opened, %d busy, %d killed, %d files", rounds, opened, busy, killed, unfinished)
}

// opener is a process that opens the file when it reads a line.
type opener struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

func start(t *testing.T, path string) *opener {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), opensVariable+"="+path)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	testkit.Check(t, err)
	out, err := cmd.StdoutPipe()
	testkit.Check(t, err)
	testkit.Check(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	o := &opener{cmd, in, bufio.NewReader(out)}
	if said, err := o.out.ReadString('\n'); err != nil || strings.TrimSpace(said) != "ready" {
		t.Fatalf("the process says %q, %v", said, err)
	}
	return o
}
