package region_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"testing"
	"testing/iotest"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/testenv"
	"github.com/typedmem/typedmem/internal/testkit"
	"github.com/typedmem/typedmem/options"
	"github.com/typedmem/typedmem/region"
)

var (
	_ io.ReadSeeker = (*region.Reader)(nil)
	_ io.ReaderAt   = (*region.Reader)(nil)
	_ io.WriterTo   = (*region.Reader)(nil)
)

// byteAt is byte i of the test data: no page is like another one.
func byteAt(i int) byte { return byte(i ^ i>>8*7 ^ i>>16*13) }

func TestReaderPassesTheStandardTest(t *testing.T) {
	page := os.Getpagesize()
	for _, n := range []int{0, 1, page - 1, page, 3*page + 7} {
		for name, r := range gatherers(t, n, byteAt) {
			want := r.View().CopyTo
			content := make([]byte, n)
			want(content)
			testkit.Check(t, iotest.TestReader(region.NewReader(r.View()), content), name, n)
			testkit.Check(t, iotest.TestReader(region.NewReader(r.View().ReadOnly()), content), name, n, "read-only")
		}
	}
	testkit.Check(t, iotest.TestReader(region.NewReader(region.View[byte]{}), nil))
	testkit.Check(t, iotest.TestReader(new(region.Reader), nil))
}

// A Reader and a bytes.Reader of the same bytes return the same.
func TestReaderAgreesWithBytesReader(t *testing.T) {
	const n = 2<<20 + 123 // several steps of reading ahead
	for name, r := range gatherers(t, n, byteAt) {
		content := make([]byte, n)
		r.View().CopyTo(content)
		ours, model := region.NewReader(r.View()), bytes.NewReader(content)
		rnd := rand.New(rand.NewPCG(3, 4))
		size := func() int { return int(math.Exp(rnd.Float64() * math.Log(2<<20))) }
		for step := range 400 {
			what := fmt.Sprintf("%s, step %d", name, step)
			a, b := make([]byte, size()), []byte(nil)
			b = make([]byte, len(a))
			switch rnd.IntN(4) {
			case 0:
				offset, whence := int64(rnd.IntN(2*n)-n/2), rnd.IntN(5)-1
				x, err := ours.Seek(offset, whence)
				y, want := model.Seek(offset, whence)
				if x != y || (err == nil) != (want == nil) {
					t.Fatalf("%s: Seek(%d, %d) returns %d, %v, want %d, %v", what, offset, whence, x, err, y, want)
				}
			case 1:
				off := int64(rnd.IntN(n + n/10))
				x, err := ours.ReadAt(a, off)
				y, want := model.ReadAt(b, off)
				if x != y || err != want || !bytes.Equal(a, b) {
					t.Fatalf("%s: ReadAt of %d bytes at %d returns %d, %v, want %d, %v", what, len(a), off, x, err, y, want)
				}
			case 2:
				x, err := ours.Read(a)
				y, want := model.Read(b)
				if x != y || err != want || !bytes.Equal(a, b) {
					t.Fatalf("%s: Read of %d bytes returns %d, %v, want %d, %v", what, len(a), x, err, y, want)
				}
			case 3:
				if rnd.IntN(20) > 0 {
					continue
				}
				var to, wanted bytes.Buffer
				x, err := ours.WriteTo(&to)
				y, want := model.WriteTo(&wanted)
				if x != y || err != want || !bytes.Equal(to.Bytes(), wanted.Bytes()) {
					t.Fatalf("%s: WriteTo returns %d, %v, want %d, %v", what, x, err, y, want)
				}
			}
			if ours.Size() != n {
				t.Fatalf("%s: Size is %d", what, ours.Size())
			}
		}
	}
}

// What ends a mapping, or takes its memory away, is an error of each way to read, which keeps the
// bytes before it.
func TestReaderOfMemoryThatIsTakenAway(t *testing.T) {
	const n = 200_000
	for _, c := range []struct {
		name string
		take func(r *region.Region[byte]) error
		want error
		left int // bytes that can still be read
	}{
		{"close", func(r *region.Region[byte]) error { return r.Close() }, typedmem.ErrClosed, 0},
		{"shrink", func(r *region.Region[byte]) error { return r.Resize(100_001) }, typedmem.ErrBounds, 100_001},
		{"protect", func(r *region.Region[byte]) error { return r.Mapping().MakeNone() }, typedmem.ErrProtection, 0},
	} {
		for name, r := range gatherers(t, n, byteAt) {
			if name == "file" && c.name == "close" {
				r = testkit.Must(region.New[byte](n))(t) // a file is closed once, by gatherers
			}
			what := c.name + ", " + name
			v := r.View()
			testkit.Check(t, c.take(r), what)
			for how, read := range map[string]func() ([]byte, error){
				"Read":  func() ([]byte, error) { return io.ReadAll(region.NewReader(v)) },
				"small": func() ([]byte, error) { return io.ReadAll(iotest.OneByteReader(region.NewReader(v))) },
				"ReadAt": func() ([]byte, error) {
					p := make([]byte, n)
					k, err := region.NewReader(v).ReadAt(p, 0)
					return p[:k], err
				},
				"WriteTo": func() ([]byte, error) {
					var b bytes.Buffer
					k, err := region.NewReader(v).WriteTo(&b)
					if k != int64(b.Len()) {
						t.Errorf("%s: WriteTo returns %d and writes %d bytes", what, k, b.Len())
					}
					return b.Bytes(), err
				},
			} {
				got, err := read()
				testkit.Wants(t, what+", "+how, err, c.want)
				if len(got) != c.left {
					t.Fatalf("%s, %s: %d bytes, want %d", what, how, len(got), c.left)
				}
				for i, b := range got {
					if b != byteAt(i) {
						t.Fatalf("%s, %s: byte %d is %d", what, how, i, b)
					}
				}
			}
			if c.name == "protect" {
				testkit.Check(t, r.Mapping().MakeMut(), what)
			}
		}
	}
}

// badWriter takes some bytes of each Write, and says so or fails.
type badWriter struct {
	takes int
	err   error
}

func (w badWriter) Write([]byte) (int, error) { return w.takes, w.err }

func TestWriteToAWriterThatFails(t *testing.T) {
	v := numbered(t, 100, byteAt).View()
	broken := errors.New("broken")
	for _, c := range []struct {
		w    badWriter
		n    int64
		want error
	}{
		{badWriter{10, broken}, 10, broken},
		{badWriter{10, nil}, 10, io.ErrShortWrite},
		{badWriter{0, broken}, 0, broken},
	} {
		r := region.NewReader(v)
		n, err := r.WriteTo(c.w)
		if n != c.n || err != c.want {
			t.Errorf("%v: %d, %v", c.w, n, err)
		}
		rest, err := io.ReadAll(r)
		if err != nil || len(rest) != 100-int(c.n) {
			t.Errorf("%v: %d bytes are left: %v", c.w, len(rest), err)
		}
	}
	for _, takes := range []int{-1, 101} {
		if n, err := region.NewReader(v).WriteTo(badWriter{takes, nil}); n != 0 || err == nil {
			t.Errorf("a writer that took %d of 100 bytes: %d, %v", takes, n, err)
		}
	}
}

func TestReaderRefusesPositions(t *testing.T) {
	r := region.NewReader(numbered(t, 100, byteAt).View())
	for _, c := range []struct {
		offset int64
		whence int
	}{{-1, io.SeekStart}, {-101, io.SeekEnd}, {-1, io.SeekCurrent}, {math.MaxInt64, io.SeekEnd}, {0, 3}, {math.MinInt64, io.SeekEnd}} {
		at, err := r.Seek(c.offset, c.whence)
		testkit.Wants(t, fmt.Sprint("Seek", c), err, typedmem.ErrBounds)
		if at != 0 {
			t.Errorf("Seek(%d, %d) returns %d", c.offset, c.whence, at)
		}
	}
	for _, off := range []int64{-1, math.MinInt64} {
		_, err := r.ReadAt(make([]byte, 3), off)
		testkit.Wants(t, fmt.Sprint("ReadAt ", off), err, typedmem.ErrBounds)
	}
	if n, err := r.ReadAt(make([]byte, 3), math.MaxInt64); n != 0 || err != io.EOF {
		t.Errorf("ReadAt past the end: %d, %v", n, err)
	}
	if at, err := r.Seek(math.MaxInt64, io.SeekStart); at != math.MaxInt64 || err != nil {
		t.Errorf("Seek past the end: %d, %v", at, err)
	}
	if n, err := r.Read(make([]byte, 3)); n != 0 || err != io.EOF {
		t.Errorf("Read past the end: %d, %v", n, err)
	}
	if n, err := r.WriteTo(io.Discard); n != 0 || err != nil {
		t.Errorf("WriteTo past the end: %d, %v", n, err)
	}
}

// Pages that a file lost are an error, warm or cold, and what is left can be read.
func TestReaderOfACutFile(t *testing.T) {
	testenv.Differs(t, map[string]string{"windows": "a file cannot be made shorter under a view"})
	testenv.FaultAddresses(t)
	testenv.PartialPages(t)
	page := os.Getpagesize()
	pages, left := 2<<20/page, 1<<20/page+3
	content := make([]byte, pages*page)
	for i := range content {
		content[i] = byteAt(i)
	}
	for _, first := range []int{0, 1, 100_000, (left - 1) * page} {
		f := testkit.File(t, content)
		m := testkit.Must(region.Map[byte](options.New(len(content)).WithFile(f, 0)))(t)
		r := region.NewReader(m.View())
		_, err := r.Seek(int64(first), io.SeekStart)
		testkit.Check(t, err)
		half := make([]byte, 10)
		_, err = io.ReadFull(r, half) // brings in more, which goes
		testkit.Check(t, err)
		testkit.Check(t, f.Truncate(int64(left*page)))
		rest, err := io.ReadAll(r)
		testkit.Wants(t, "Read", err, typedmem.ErrTruncated)
		if got := append(half, rest...); !bytes.Equal(got, content[first:left*page]) {
			t.Errorf("from byte %d on %d bytes are read, want %d", first, len(got), left*page-first)
		}
		at := make([]byte, len(content)-first)
		n, err := r.ReadAt(at, int64(first))
		testkit.Wants(t, "ReadAt", err, typedmem.ErrTruncated)
		if !bytes.Equal(at[:n], content[first:left*page]) {
			t.Errorf("from byte %d on ReadAt reads %d bytes, want %d", first, n, left*page-first)
		}
		n, err = r.ReadAt(at[:8], int64(left*page-4))
		testkit.Wants(t, "ReadAt of 8 bytes", err, typedmem.ErrTruncated)
		if n != 4 {
			t.Errorf("ReadAt of 8 bytes reads %d", n)
		}
		_, err = r.Seek(int64(first), io.SeekStart)
		testkit.Check(t, err)
		var to bytes.Buffer
		_, err = io.Copy(&to, r)
		testkit.Wants(t, "io.Copy", err, typedmem.ErrTruncated)
		if !bytes.HasPrefix(content[first:left*page], to.Bytes()) || to.Len() != left*page-first {
			t.Errorf("from byte %d on io.Copy copies %d bytes, want %d", first, to.Len(), left*page-first)
		}
		testkit.Check(t, m.Close())
	}
}

func TestReaderAllocatesNothing(t *testing.T) {
	for name, m := range gatherers(t, 1<<20, byteAt) {
		r := region.NewReader(m.View())
		buf := make([]byte, 10_000)
		testkit.AllocatesNothing(t, name+", Read", 50, func() {
			if _, err := r.Read(buf); err == io.EOF {
				_, _ = r.Seek(0, io.SeekStart)
			}
		})
		testkit.AllocatesNothing(t, name+", ReadAt", 50, func() { _, _ = r.ReadAt(buf, 77_777) })
	}
}
