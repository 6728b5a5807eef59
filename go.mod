module github.com/typedmem/typedmem

go 1.24.0

require (
	golang.org/x/exp v0.0.0-20250106191152-7588d65b2ba8
	golang.org/x/sys v0.30.0
)

require github.com/anishathalye/porcupine v1.3.1
