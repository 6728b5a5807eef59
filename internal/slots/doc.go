// Package slots holds the words of a slab's slots, which tell valid handles from stale ones: their
// bits, how they are published, and what the race detector is told about the objects.
package slots
