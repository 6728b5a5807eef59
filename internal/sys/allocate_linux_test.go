package sys

import (
	"errors"
	"testing"

	"github.com/typedmem/typedmem/internal/testkit"
)

// Space is set aside inside a file that has its length already: ext4 loses stores to a page in
// which fallocate moves the end of the file. A file for which there is no space has the length that
// it had.
func TestAllocateMakesTheFileLongerFirst(t *testing.T) {
	f := newFile(t, make([]byte, 1000))
	full := errors.New("the disk is full")
	for _, answer := range []error{full, nil} {
		asked, size := 0, int64(0)
		restore := Interpose(func(c Call) error {
			if c.Op != OpSetAside {
				return nil
			}
			info, err := f.Stat()
			testkit.Check(t, err)
			asked, size = asked+1, info.Size()
			return answer
		})
		err := Allocate(f, 500, 9000)
		restore()
		if asked != 1 || size != 9500 {
			t.Errorf("space was set aside %d times, in a file of %d bytes", asked, size)
		}
		if !errors.Is(err, answer) && answer != nil || answer == nil && err != nil && !Refused(err) {
			t.Errorf("%v, want %v", err, answer)
		}
		info, e := f.Stat()
		testkit.Check(t, e)
		if want := testkit.Cond(err == nil, int64(9500), 1000); info.Size() != want {
			t.Errorf("the file has %d bytes after %v, want %d", info.Size(), err, want)
		}
	}
}
