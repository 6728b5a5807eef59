module github.com/typedmem/typedmem

go 1.24.0

require (
	golang.org/x/exp v0.0.0-20260112195511-716be5621a96
	golang.org/x/sys v0.41.0
)

require github.com/anishathalye/porcupine v1.3.1
