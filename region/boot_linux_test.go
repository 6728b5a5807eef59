package region_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/region"
)

func init() { roles["shorten"] = childShortens }

// childShortens opens a file for writing, says how long it is and leaves 10 elements.
func childShortens(path string) int {
	r, err := region.OpenMut[pair](path)
	if err != nil {
		fmt.Println(err)
		return 1
	}
	fmt.Println(r.Len())
	if err = r.Resize(10); err == nil {
		err = r.Close()
	}
	if err != nil {
		fmt.Println(err)
		return 1
	}
	return 0
}

// inContainer returns a command that runs the test program in a role, with a boot ID of its own for
// each name, as systemd-nspawn and LXC give containers; "" is no container. A name that begins with
// "time" has a time namespace too, whose CLOCK_BOOTTIME is another one.
func inContainer(t *testing.T, name, role, path string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Skip("the test binary does not know its name: ", err)
	}
	args := []string{self}
	if name != "" {
		id := filepath.Join(t.TempDir(), "id")
		sum := uint32(0)
		for _, c := range name {
			sum = sum*31 + uint32(c)
		}
		if err := os.WriteFile(id, []byte(fmt.Sprintf("%08x-1111-4222-8333-444444444444\n", sum)), 0o666); err != nil {
			t.Fatal(err)
		}
		args = []string{"unshare", "--mount", "--propagation", "private"}
		if strings.HasPrefix(name, "time") {
			args = append(args, "--time", "--boottime", "100000", "--fork", "--kill-child")
		}
		args = append(args, "sh", "-c", `mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$1"`, id, self)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "TYPEDMEM_ROLE="+role, "TYPEDMEM_REGION="+path)
	cmd.Stderr = os.Stderr
	return cmd
}

// Containers that have boot IDs of their own share one page cache: what a killed writer of one had
// written and not synced is there for the others and for the system outside, and nobody takes a
// live writer for one of another run.
func TestContainersWithBootIDsOfTheirOwn(t *testing.T) {
	testenv.Processes(t)
	if os.Geteuid() != 0 {
		t.Skip("needs root, to mount a boot ID")
	}
	for _, kind := range [][]string{nil, {"--time"}} {
		if out, err := exec.Command("unshare", append(kind, "--mount", "true")...).CombinedOutput(); err != nil {
			t.Skipf("no mount or time namespaces: %v: %s", err, out)
		}
	}
	for _, c := range [][2]string{{"", ""}, {"a", "b"}, {"a", "a"}, {"a", ""}, {"", "b"}, {"time a", ""}, {"", "time b"}, {"time a", "b"}, {"a", "time b"}} {
		t.Run(c[0]+" then "+c[1], func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "r")
			r, err := region.Create[pair](path, 0)
			if err == nil {
				err = r.Close()
			}
			if err != nil {
				t.Fatal(err)
			}
			writer := inContainer(t, c[0], "writer", path)
			in, err := writer.StdinPipe()
			if err != nil {
				t.Fatal(err)
			}
			defer in.Close()
			pipe, err := writer.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := writer.Start(); err != nil {
				t.Fatal(err)
			}
			for out := bufio.NewScanner(pipe); ; {
				if !out.Scan() {
					t.Fatal("the writer ended")
				}
				if out.Text() == "done" {
					break
				}
				if out.Text() != "open" {
					t.Fatal(out.Text())
				}
			}
			reader, err := region.Open[pair](path)
			if err != nil {
				t.Fatal(err)
			}
			defer reader.Close()
			if n, err := reader.Refresh(); n != childTotal || err != nil {
				t.Errorf("beside the live writer: %d elements, %v", n, err)
			}
			_ = writer.Process.Kill()
			_ = writer.Wait()
			for { // the lock goes with the process, of which unshare may be the parent
				out, err := inContainer(t, c[1], "shorten", path).Output()
				if strings.Contains(string(out), "busy") {
					continue
				}
				if got := strings.TrimSpace(string(out)); err != nil || got != fmt.Sprint(childTotal) {
					t.Errorf("after the writer was killed: %s elements, %v", got, err)
				}
				break
			}
			if err := typedmem.Guard(func() error { _ = reader.At(childTotal - 1); return nil }); err != nil {
				t.Errorf("the file was cut off under a reader: %v", err)
			}
		})
	}
}
