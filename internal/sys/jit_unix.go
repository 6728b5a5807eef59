//go:build linux || freebsd || netbsd || openbsd || dragonfly

package sys

// mapJIT is nothing: these systems have no flag of their own for memory that is writable and
// executable at once.
const mapJIT = 0
