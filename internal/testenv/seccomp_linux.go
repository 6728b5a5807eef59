package testenv

import (
	"runtime"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Seccomp skips a test that needs a filter of system calls, where the kernel has none.
func Seccomp(t testing.TB) {
	t.Helper()
	Processes(t)
	action := uint32(unix.SECCOMP_RET_ERRNO)
	if _, _, err := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_GET_ACTION_AVAIL, 0, uintptr(unsafe.Pointer(&action))); err != 0 {
		t.Skip("no seccomp here: ", err)
	}
}

// Refuse lets the kernel fail a system call of this process with errno from now on, as sandboxes
// do: every one with that number, or with a command that is not zero those whose second argument it
// is. For a [Child]: a filter stays.
func Refuse(t testing.TB, call, command uintptr, errno syscall.Errno) {
	t.Helper()
	const number, second = 0, 16 + 8 // offsets in struct seccomp_data of linux/seccomp.h
	load := func(offset uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}
	}
	unlessAllow := func(value uintptr, rest uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, Jf: rest, K: uint32(value)}
	}
	end := func(action uint32) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: action}
	}
	filter := []unix.SockFilter{load(number), unlessAllow(call, 1)}
	if command != 0 {
		low := uint32(second)
		if one := uint16(1); *(*byte)(unsafe.Pointer(&one)) == 0 { // SAFETY: a byte of a variable; big-endian here
			low += 4
		}
		filter = []unix.SockFilter{load(number), unlessAllow(call, 3), load(low), unlessAllow(command, 1)}
	}
	filter = append(filter, end(unix.SECCOMP_RET_ERRNO|uint32(errno)), end(unix.SECCOMP_RET_ALLOW))
	program := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	runtime.LockOSThread() // the privileges of this thread go with the filter to all others
	defer runtime.UnlockOSThread()
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		t.Fatal("no_new_privs: ", err)
	}
	if thread, _, err := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&program))); err != 0 || thread != 0 {
		t.Fatalf("seccomp: thread %d, %v", thread, err)
	}
	if _, _, err := unix.Syscall6(call, ^uintptr(0), command, 0, 0, 0, 0); err != errno {
		t.Fatalf("system call %d gives %v in the sandbox, it should be %v", call, err, errno)
	}
}
