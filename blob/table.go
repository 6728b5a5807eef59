package blob

import (
	"cmp"
	"fmt"
	"hash/maphash"
	"slices"
	"sync"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/internal/blobs"
	"github.com/typedmem/typedmem/internal/shell"
	"github.com/typedmem/typedmem/region"
)

// Table finds the blob with given bytes, so that each distinct string is stored once (interning).
// It is in memory, 12 bytes for each place of a hash table that is at most three quarters full, and
// holds no copies of the blobs. [NewTable] builds it from the store, which reads all of that.
//
// All methods may be called from several goroutines at the same time, also beside the store's own:
// a Table indexes what others have appended, or a Refresh has made known, at its next call. Of
// equal blobs it returns the first. An Append, or another Table, that adds the same bytes at the
// same moment as Intern may make a second one.
type Table struct {
	_     shell.NoCopy
	store *Store
	hash  maphash.Seed

	mu    sync.RWMutex
	refs  []Ref    // open addressing; 0 is free
	tags  []uint32 // the hash of each
	count int
	next  int // the place in the store from which on nothing is indexed
}

// NewTable makes a table of the blobs of a store. If one of them cannot be read, it returns an
// error of [Store.Check].
func NewTable(s *Store) (*Table, error) {
	t := &Table{store: s, hash: maphash.MakeSeed(), next: blobs.First}
	_, err := s.View(0) // of a closed store nothing is left to index
	if err == nil {
		err = t.follow()
	}
	if err != nil {
		return nil, s.failed("new table", err)
	}
	return t, nil
}

// Len returns the number of distinct blobs that the table has indexed.
func (t *Table) Len() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.count
}

// Intern returns the Ref of the blob with the bytes of b, and appends it to the store if there is
// none. It allocates only when something grows. It returns the errors of [Store.Append], and those
// of [Store.Check] if a blob that others have appended cannot be read.
func (t *Table) Intern(b []byte) (Ref, error) { return intern(t, b, maphash.Bytes) }

// InternString is [Table.Intern] for the bytes of a string.
func (t *Table) InternString(text string) (Ref, error) { return intern(t, text, maphash.String) }

// Lookup returns the Ref of the blob with the bytes of b, and whether there is one. It allocates
// nothing.
func (t *Table) Lookup(b []byte) (r Ref, ok bool) { return lookup(t, b, maphash.Bytes) }

// LookupString is [Table.Lookup] for the bytes of a string.
func (t *Table) LookupString(text string) (r Ref, ok bool) { return lookup(t, text, maphash.String) }

func intern[T string | []byte](t *Table, x T, hash func(maphash.Seed, T) uint64) (Ref, error) {
	if t.store == nil {
		return 0, shell.Fail("intern", errZeroTable)
	}
	if len(x) == 0 {
		return add(t.store, x)
	}
	tag := uint32(hash(t.hash, x))
	if r, ok, err := search(t, x, tag); ok || err != nil {
		return r, t.store.failed("intern", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.followLocked(); err != nil {
		return 0, t.store.failed("intern", err)
	}
	if r, ok := find(t, x, tag); ok { // another Intern was faster
		return r, nil
	}
	r, err := add(t.store, x)
	if err == nil && r.at() == uint64(t.next) { // else followLocked finds it after what others have appended
		t.put(r, tag)
		t.next += blobs.Unit + int(blobs.Filled(uint64(len(x))))
	}
	return r, err
}

func lookup[T string | []byte](t *Table, x T, hash func(maphash.Seed, T) uint64) (Ref, bool) {
	if t.store == nil || len(x) == 0 {
		return 0, len(x) == 0
	}
	r, ok, _ := search(t, x, uint32(hash(t.hash, x)))
	return r, ok
}

var errZeroTable = fmt.Errorf("the table was made by no constructor: %w", typedmem.ErrClosed)

// search finds x in what the store has now.
func search[T string | []byte](t *Table, x T, tag uint32) (r Ref, ok bool, err error) {
	r, ok, all := searchIndexed(t, x, tag)
	if ok || all {
		return r, ok, nil
	}
	if err := t.follow(); err != nil {
		return 0, false, err
	}
	r, ok, _ = searchIndexed(t, x, tag)
	return r, ok, nil
}

// searchIndexed finds x in what is indexed, and says whether that is all there is.
func searchIndexed[T string | []byte](t *Table, x T, tag uint32) (r Ref, ok, all bool) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	r, ok = find(t, x, tag)
	return r, ok, t.next >= t.store.Size()
}

// find finds x among what is indexed. It does not compare the bytes with the mark: they are those
// of x.
func find[T string | []byte](t *Table, x T, tag uint32) (r Ref, ok bool) {
	if t.count == 0 {
		return 0, false
	}
	mask := len(t.refs) - 1
	for i := int(tag) & mask; t.refs[i] != 0; i = (i + 1) & mask {
		if t.tags[i] != tag {
			continue
		}
		err := caught(func() error {
			v, err := t.store.find(t.refs[i])
			ok = err == nil && same(v, x)
			return err
		})
		if ok && err == nil {
			return t.refs[i], true
		}
	}
	return 0, false
}

// follow indexes what was appended since.
func (t *Table) follow() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.followLocked()
}

func (t *Table) followLocked() error {
	end := t.store.settled()
	if t.next >= end {
		return nil
	}
	var buf []byte
	var failed error
	err := t.store.walk(t.next, func(r Ref, v region.View[byte], next int) bool {
		if next > end {
			return false
		}
		buf = slices.Grow(buf[:0], v.Len())[:v.Len()]
		if failed = caught(func() error { v.CopyTo(buf); return nil }); failed != nil {
			return false
		}
		tag := uint32(maphash.Bytes(t.hash, buf))
		if _, ok := find(t, buf, tag); !ok {
			t.put(r, tag)
		}
		t.next = next
		return true
	})
	return cmp.Or(err, failed)
}

// put adds a blob that is not indexed yet.
func (t *Table) put(r Ref, tag uint32) {
	if 4*(t.count+1) > 3*len(t.refs) {
		refs, tags := t.refs, t.tags
		n := max(16, 2*len(refs))
		t.refs, t.tags, t.count = make([]Ref, n), make([]uint32, n), 0
		for i, r := range refs {
			if r != 0 {
				t.put(r, tags[i])
			}
		}
	}
	mask := len(t.refs) - 1
	i := int(tag) & mask
	for t.refs[i] != 0 {
		i = (i + 1) & mask
	}
	t.refs[i], t.tags[i] = r, tag
	t.count++
}
