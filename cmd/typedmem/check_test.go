package main

import "testing"

func TestCheck(t *testing.T) {
	inFiles(t)
	golden(t, "check", session(t, "check ticks.tm", "check rows.tm empty.tm orders.tm names.tm", "check -q ticks.tm",
		"check cut.tm", "check damaged.tm ticks.tm", "check -q damaged.tm ticks.tm", "check foreign.tm", "check nothing.tm",
		"check missing.tm ticks.tm", "check folder", "check", "check -h"))
}
