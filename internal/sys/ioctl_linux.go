//go:build linux && !(mips || mipsle || mips64 || mips64le || ppc64 || ppc64le)

package sys

// procmapQueryRequest is _IOWR('f', 17, struct procmap_query) of asm-generic/ioctl.h.
const procmapQueryRequest = 3<<30 | 104<<16 | 'f'<<8 | 17
