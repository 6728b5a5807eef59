//go:build freebsd || netbsd

package sys

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// areaList reads a sysctl that lists a process's areas. The list is measured first and read then;
// when it grew in between, the system says ENOMEM and it is read again.
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
