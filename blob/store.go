package blob

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/internal/blobs"
	"github.com/typedmem/typedmem/internal/mem"
	"github.com/typedmem/typedmem/internal/printing"
	"github.com/typedmem/typedmem/internal/shell"
	"github.com/typedmem/typedmem/region"
)

// Store owns blobs in memory or in a file. Make one with a constructor, release it with Close. The
// zero value is a closed Store. Do not copy a Store.
//
// All methods may be called from several goroutines at the same time; [Store.Close] says what
// becomes of the others then.
type Store struct {
	_      shell.NoCopy
	region *region.Region[byte]
	file   string        // "" for memory
	key    atomic.Uint64 // of the header, 0 while the file has none
	pages  pages

	appending sync.Mutex // held by Append
	scratch   []byte     // what Append writes at once: a word and the bytes
	ordered   int        // how many SyncBefore are at work
	unsettled int        // from here on an Append beside one could not make its blob durable; 0: all did
}

// FileOptions says how [OpenFile] opens a blob file. The zero value opens it for reading. Create
// without Write is [typedmem.ErrOperation].
type FileOptions struct {
	// Write opens the file for reading and writing, as its only writer.
	Write bool

	// Create, with Write, makes the file if there is none.
	Create bool

	// Capacity is how many bytes the reserved addresses can hold at least, words and filling
	// included; 0 lets package region choose.
	Capacity int

	// Perm has the permission bits of a new file, before the umask; 0 means 0o666.
	Perm fs.FileMode

	// Flags says how the file is mapped. flags.HugePages is refused.
	Flags flags.Map
}

// New makes a store in anonymous memory.
func New() (*Store, error) {
	r, err := region.New[byte](0)
	if err != nil {
		return nil, shell.Fail("new", err)
	}
	return show("new", "", r, true)
}

// Create makes a new blob file and opens it for writing. If the file exists it returns an error
// that wraps [fs.ErrExist]; [OpenFile] opens it then. On error no file is left.
func Create(path string) (*Store, error) {
	r, err := region.Create[byte](path, 0)
	if err != nil {
		return nil, shell.Fail("create", err)
	}
	return show("create", path, r, true)
}

// Open opens a blob file for reading. Any number of readers and one writer may have it open;
// [Store.Refresh] follows the writer. Open never changes the file, and takes the same time whatever
// the file holds.
//
//   - [typedmem.ErrLayout]: the file is a region of other elements, or of bytes that are no blobs.
//   - [typedmem.ErrCorrupt], [typedmem.ErrTruncated]: it is damaged, or was cut off.
func Open(path string) (*Store, error) { return OpenFile(path, FileOptions{}) }

// OpenMut opens a blob file for reading and writing: [OpenFile] with Write.
func OpenMut(path string) (*Store, error) { return OpenFile(path, FileOptions{Write: true}) }

// OpenFile opens a blob file as o says, and with Create makes it if there is none. After a crash of
// a writer all blobs are there whose Append has returned; after a system crash, those of the last
// [Store.Sync].
//
// A file that is opened for writing must end with a whole blob. One that another program cut short,
// at a place that is no end of a blob, is [typedmem.ErrCorrupt]: Open still reads the blobs that
// are left, and [Store.All] yields them, for a new file. OpenFile looks for the last blob from the
// end, so it reads as many bytes as that blob has.
//
//   - The errors of [Open], and with Create those of [Create] except [fs.ErrExist].
//   - [typedmem.ErrBusy]: the file has another writer.
//   - [fs.ErrNotExist]: there is no file, and Create is not set.
//
// A failed call leaves the file as it was.
func OpenFile(path string, o FileOptions) (*Store, error) {
	ask := region.FileOptions{Width: 1, Capacity: o.Capacity, Flags: o.Flags}
	if o.Write { // First for reading: to open a region for writing changes the file
		s, err := openAs(path, ask)
		if err == nil {
			err = errors.Join(caught(s.endsWhole), s.Close())
		}
		if err != nil && !(o.Create && errors.Is(err, fs.ErrNotExist)) {
			return nil, shell.Fail("open", printing.Named(path, err))
		}
	}
	ask.Write, ask.Create, ask.Perm = o.Write, o.Create, o.Perm
	return openAs(path, ask)
}

func openAs(path string, o region.FileOptions) (*Store, error) {
	r, err := region.OpenFile[byte](path, o)
	if err != nil {
		return nil, shell.Fail("open", err)
	}
	return show("open", path, r, o.Write)
}

// show makes a store of a region. A writer gives an empty one its header.
func show(op, path string, r *region.Region[byte], write bool) (*Store, error) {
	s := &Store{region: r, file: path}
	s.pages.fromFile = path != ""
	err := caught(func() error {
		if r.Len() > 0 || !write {
			return s.readHeader()
		}
		key := rand.Uint64() | 1 // 0 stands for none
		if err := r.Append(blobs.Header(key)...); err != nil {
			return err
		}
		s.key.Store(key)
		return nil
	})
	if err != nil {
		return nil, shell.Fail(op, printing.Named(path, errors.Join(err, r.Close())))
	}
	mem.Of(r.Mapping()).SetUse(&mem.Use{Kind: "blob store"})
	return s, nil
}

// Size returns the bytes that the store takes, words and filling included; 0 after Close.
func (s *Store) Size() int {
	if s.region == nil {
		return 0
	}
	return s.region.Len()
}

// Refresh makes the blobs known that the writer of the file has appended, in this or another
// process. A store that was not opened for reading knows all of them. See [region.Region.Refresh]
// for the errors, such as [typedmem.ErrReplaced].
//
// Refresh what holds Refs first, then the store: then each of those Refs names a blob that is
// known.
func (s *Store) Refresh() error {
	r, err := s.open()
	if err != nil {
		return shell.Fail("refresh", err)
	}
	_, err = r.Refresh()
	if err == nil || errors.Is(err, typedmem.ErrReplaced) {
		err = errors.Join(caught(s.readHeader), err)
	}
	return s.failed("refresh", err)
}

// Snapshot saves the store as a new file at path, complete and durable, while other goroutines read
// and append. All Refs are valid in the copy. See [region.Region.Snapshot].
func (s *Store) Snapshot(path string) error {
	r, err := s.open()
	if err != nil {
		return shell.Fail("snapshot", err)
	}
	return r.Snapshot(path)
}

// open returns the region, or [typedmem.ErrClosed] for the zero Store.
func (s *Store) open() (*region.Region[byte], error) {
	if s.region == nil {
		return nil, fmt.Errorf("the store was made by no constructor: %w", typedmem.ErrClosed)
	}
	return s.region, nil
}

// failed returns the error of an operation, which names the file, nil where err is nil.
func (s *Store) failed(op string, err error) error {
	return shell.Fail(op, printing.Named(s.file, err))
}

// caught calls f. A memory fault, and a panic of a checked access to memory that was closed
// meanwhile, become errors.
func caught(f func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			refused, ok := r.(*typedmem.Error)
			if !ok {
				panic(r)
			}
			err = refused
		}
	}()
	return typedmem.Guard(f)
}
