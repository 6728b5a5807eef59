//go:build !openbsd

package sys

// WritesShowInMappings says whether a mapping shows what a call writes to its file.
const WritesShowInMappings = true
