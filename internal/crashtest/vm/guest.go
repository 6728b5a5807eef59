//go:build linux && amd64

package main

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/typedmem/typedmem/internal/crashtest"
	"golang.org/x/sys/unix"
)

const disk = "/disk"

// guest is the first process of the machine: it mounts the disk and writes files until the machine
// is killed.
func guest() {
	defer func() { // nobody starts the first process again
		fmt.Println("\nerror", recover())
		time.Sleep(time.Hour)
	}()
	check := func(what string, err error) {
		if err != nil {
			panic(fmt.Sprint(what, ": ", err))
		}
	}
	check("folders", os.MkdirAll("/proc", 0o755))
	check("folders", os.MkdirAll("/dev", 0o755))
	check("folders", os.MkdirAll(disk, 0o755))
	check("proc", unix.Mount("proc", "/proc", "proc", 0, ""))
	check("dev", unix.Mount("dev", "/dev", "devtmpfs", 0, ""))
	modules, _ := filepath.Glob("/mod/*") // in the order in which they need each other
	for _, m := range modules {
		b, err := os.ReadFile(m)
		check(m, err)
		if err := unix.InitModule(b, ""); err != nil && err != unix.EEXIST {
			fmt.Println("module", m, err)
		}
	}
	text, err := os.ReadFile("/proc/cmdline")
	check("the command line", err)
	var kind string
	var seed uint64
	for _, f := range strings.Fields(string(text)) {
		_, _ = fmt.Sscanf(f, "fs=%s", &kind)
		_, _ = fmt.Sscanf(f, "seed=%d", &seed)
	}
	for try := 0; ; try++ { // the device comes a little later
		if err = unix.Mount("/dev/vda", disk, kind, 0, ""); err == nil || try > 200 {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	check("mount", err)
	w := crashtest.Work{Dir: disk, Rand: rand.New(rand.NewPCG(seed, 5)), Out: bufio.NewWriter(os.Stdout)}
	panic(w.Run())
}
