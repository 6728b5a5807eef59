// Package race tells the race detector what happens to mapped memory. The detector knows the Go
// heap only: it neither sees accesses to mapped memory nor takes an atomic there for
// synchronisation. So each mapping has a Shadow on the heap, one byte for each of its bytes, and
// checked accesses are reported for the shadow. Ordinary builds have none.
package race
