// Package testenv fits the tests to where they run; test packages import it for its effect.
//
// TYPEDMEM_SMALL_SPACE, set to anything, has regions set aside 64 MiB of addresses for growth instead of 64 GiB: qemu's user mode keeps a record
// of every page of them in memory.
package testenv

import (
	"os"

	"github.com/typedmem/typedmem/internal/container"
)

func init() {
	if os.Getenv("TYPEDMEM_SMALL_SPACE") != "" {
		container.Spare = 64 << 20
	}
}
