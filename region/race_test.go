package region_test

import (
	"testing"

	"github.com/typedmem/typedmem/internal/testenv"
)

// TestRaceDetectorSeesMappedMemory: races through the checked accessors are reported, and nothing
// else is.
func TestRaceDetectorSeesMappedMemory(t *testing.T) {
	testenv.RaceCases(t, 20)
}
