//go:build !race

package slab_test

const raceBuild = false
