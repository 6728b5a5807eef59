//go:build linux || freebsd || netbsd || openbsd || dragonfly

package sys

// mapJIT is 0: these systems need no flag for memory that is writable and executable at once.
const mapJIT = 0
