//go:build freebsd || netbsd

package sys

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// areaList reads a sysctl that lists a process's areas. x/sys first asks for the size; if the list
// grows before it reads, the error is ENOMEM and areaList tries again.
func areaList(name string, args ...int) (list []byte, err error) {
	for range 16 {
		if list, err = unix.SysctlRaw(name, args...); !errors.Is(err, unix.ENOMEM) {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return list, nil
}
