//go:build !linux

package main

import "os"

// newFile makes a file under a temporary name.
func newFile(path string) (*os.File, func(failed error) error, error) { return newTemporary(path) }
