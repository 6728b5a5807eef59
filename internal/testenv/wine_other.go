//go:build !windows

package testenv

import "testing"

// Placeholders skips a test under Wine.
func Placeholders(testing.TB) {}
