// Package fuzz holds the fuzz targets of typedmem, with the corpora that go test replays. Each
// reads its input as a program of operations and compares every result with that of a model in
// plain Go.
package fuzz
