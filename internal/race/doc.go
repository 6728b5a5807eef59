// Package race tells the race detector what happens to mapped memory. The detector knows the Go
// heap only: it neither sees accesses to mapped memory nor takes an atomic there for
// synchronisation. Each mapping therefore has a Shadow on the heap, a byte for a byte, and the
// checked accessors of the public packages report to that. Ordinary builds have none of this.
package race
