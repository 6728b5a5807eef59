// Package slots has the words of the slots of a slab, which say which handles are valid: what their
// bits mean, how they are published, and what the race detector is told about the objects.
package slots
