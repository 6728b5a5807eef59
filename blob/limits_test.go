package blob

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"testing"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/blobs"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
)

// A Ref has room for the place of every blob that fits, and a word for its length.
func TestWhatFits(t *testing.T) {
	for _, c := range []struct {
		at, n uint64
		says  string // "" if it fits
	}{
		{blobs.First, 1, ""},
		{blobs.First, 1<<36 - 1, ""},
		{blobs.First, 1 << 36, "append it in parts"},
		{blobs.First, math.MaxUint64, "append it in parts"},
		{1<<39 - 8, 1<<36 - 1, ""},
		{1 << 39, 1, "begin another store"},
		{math.MaxUint64 - 7, 1, "begin another store"},
	} {
		err := fits(c.at, c.n)
		if c.says != "" {
			if !errors.Is(err, typedmem.ErrSize) || !strings.Contains(err.Error(), c.says) {
				t.Errorf("%d bytes at %d: %v, want ErrSize that says %q", c.n, c.at, err, c.says)
			}
			continue
		}
		if err != nil {
			t.Errorf("%d bytes at %d: %v", c.n, c.at, err)
		}
		for _, mark := range []uint64{0, 1, 1<<28 - 1} {
			if r := refOf(mark, c.at); r.at() != c.at || r.mark() != mark {
				t.Errorf("the Ref of byte %d with the mark %x says byte %d and %x", c.at, mark, r.at(), r.mark())
			}
		}
		if w := uint64(1<<28-1)<<blobs.LowBits | c.n; w&blobs.Low != c.n || w>>blobs.LowBits != 1<<28-1 {
			t.Errorf("a word has no room for %d bytes", c.n)
		}
	}
}

// A blob of 64 GiB is refused before a byte of it is read, and the store goes on.
func TestABlobOf64GiBIsRefused(t *testing.T) {
	if strconv.IntSize < 64 {
		t.Skip("64 GiB exceed the address space")
	}
	testenv.Differs(t, map[string]string{"qemu-user": "takes ten seconds to map 64 GiB"})
	n := uint64(blobs.MaxLength) + 1
	m, err := options.New(int(n)).Map()
	if err != nil {
		t.Skipf("the system does not map 64 GiB: %v", err)
	}
	testkit.CloseLater(t, m)
	s := testkit.Must(New())(t)
	testkit.CloseLater(t, s)
	size := s.Size()
	_, err = s.Append(m.Bytes())
	testkit.Wants(t, "Append", err, typedmem.ErrSize, "68719476736 bytes", "append it in parts")
	table := testkit.Must(NewTable(s))(t)
	testkit.Check(t, s.Check())
	if s.Size() != size {
		t.Errorf("%d bytes after the refusal, %d before", s.Size(), size)
	}
	r := testkit.Must(table.InternString("after"))(t)
	if !s.Equal(r, "after") {
		t.Errorf("%v is not what was appended after the refusal", r)
	}
}
