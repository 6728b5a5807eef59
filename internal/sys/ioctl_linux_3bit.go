//go:build linux && (mips || mipsle || mips64 || mips64le || ppc64 || ppc64le)

package sys

// procmapQueryRequest is _IOWR('f', 17, struct procmap_query) where the direction has three bits.
const procmapQueryRequest = 6<<29 | 104<<16 | 'f'<<8 | 17
