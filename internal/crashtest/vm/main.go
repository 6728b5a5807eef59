//go:build linux && amd64

// Command vm kills a virtual machine that writes region and slab files, and looks whether every
// file opens with all that was acknowledged. As the first process of the machine it is what writes.
// See .ci/vm.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	if os.Getpid() == 1 {
		guest()
	}
	var h host
	flag.StringVar(&h.root, "root", "", "folder with a Linux kernel in boot and its modules in lib/modules")
	flag.StringVar(&h.fs, "fs", "ext4-1k", "file system: ext4-1k, ext4-4k, xfs or btrfs")
	flag.IntVar(&h.rounds, "rounds", 1, "how many machines to kill")
	flag.IntVar(&h.cuts, "cuts", 5, "how many disks of each machine's log to open")
	flag.IntVar(&h.most, "seconds", 6, "how long a machine works at the most before it is killed")
	flag.Uint64Var(&h.seed, "seed", 1, "of the random programs")
	flag.Parse()
	if err := h.run(); err != nil {
		fmt.Fprintln(os.Stderr, "vm:", err)
		os.Exit(1)
	}
}
