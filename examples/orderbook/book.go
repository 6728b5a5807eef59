package main

import (
	"cmp"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/typedmem/typedmem/blob"
	"github.com/typedmem/typedmem/region"
	"github.com/typedmem/typedmem/slab"
)

// Order is an open order. It is in the queue of its price level, first come first served.
type Order struct {
	ID    int64
	Price int64
	// State holds in its lower half the open size, in its upper half the number of the message that
	// changed it last: one store changes both, so that a process may be killed anywhere and no
	// message counts twice.
	State      uint64
	Arrival    uint64 // number of the message that it came with
	Level      slab.Handle[Level]
	Prev, Next slab.Handle[Order]
	Buy        region.Bool8
	_          [7]byte
}

// Level is all orders of one price on one side.
type Level struct {
	Price       int64
	Size        uint64 // of all its orders
	First, Last slab.Handle[Order]
	Buy         region.Bool8
	_           [7]byte
}

type side struct {
	price int64
	buy   bool
}

// Progress is how far a book has come.
type Progress struct {
	Applied uint64   // messages
	Source  blob.Ref // what they are, in words
}

// Book is a limit order book in four files. What an order says of itself is the truth; levels and
// links are made anew when a book is opened, since its last writer may have been killed between two
// of them.
type Book struct {
	orders   *slab.Slab[Order]
	levels   *slab.Slab[Level]
	progress *region.Region[Progress]
	applied  region.Strided[uint64] // of progress: one store, which no kill leaves in part
	texts    *blob.Store
	open     []io.Closer // all of those
	byID     map[int64]slab.Handle[Order]
	byPrice  map[side]slab.Handle[Level]
}

// openBook opens the book of a folder, or makes it. Without a folder the book is in memory.
func openBook(dir string, capacity int) (b *Book, err error) {
	b = &Book{byID: map[int64]slab.Handle[Order]{}, byPrice: map[side]slab.Handle[Level]{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, b.Close())
			b = nil
		}
	}()
	if dir == "" {
		err = cmp.Or(
			keep(b, &b.orders)(slab.New[Order](capacity)),
			keep(b, &b.levels)(slab.New[Level](capacity)),
			keep(b, &b.texts)(blob.New()),
			keep(b, &b.progress)(region.New[Progress](1)))
	} else {
		progress := region.FileOptions{Write: true, Create: true, Len: 1}
		err = cmp.Or(
			os.MkdirAll(dir, 0o777),
			keep(b, &b.orders)(openSlab[Order](filepath.Join(dir, "orders"), capacity)),
			keep(b, &b.levels)(openSlab[Level](filepath.Join(dir, "levels"), capacity)),
			keep(b, &b.texts)(blob.OpenFile(filepath.Join(dir, "texts"), blob.FileOptions{Write: true, Create: true})),
			keep(b, &b.progress)(region.OpenFile[Progress](filepath.Join(dir, "progress"), progress)))
	}
	if err != nil {
		return b, err
	}
	if b.applied, err = region.FieldByName[uint64](b.progress.View(), "Applied"); err != nil {
		return b, err
	}
	return b, b.relink()
}

// openSlab opens a file with the capacity that it has, or makes it.
func openSlab[T any](path string, capacity int) (*slab.Slab[T], error) {
	s, err := slab.OpenMut[T](path)
	if errors.Is(err, fs.ErrNotExist) {
		return slab.Create[T](path, capacity)
	}
	return s, err
}

// keep returns a function that puts what was opened into the book.
func keep[C io.Closer](b *Book, to *C) func(C, error) error {
	return func(opened C, err error) error {
		if err == nil {
			*to, b.open = opened, append(b.open, opened)
		}
		return err
	}
}

// Close closes the files.
func (b *Book) Close() (err error) {
	for _, c := range b.open {
		err = errors.Join(err, c.Close())
	}
	return err
}

// Applied returns how many messages the book has seen.
func (b *Book) Applied() uint64 { return b.applied.At(0) }

// claim says where the messages come from. A book that has seen others is refused: the numbers of
// messages would mean two things.
func (b *Book) claim(source string) error {
	if b.Applied() == 0 {
		ref, err := b.texts.AppendString(source)
		if err == nil {
			b.progress.Set(0, Progress{Source: ref})
		}
		return err
	}
	first, err := b.texts.Text(b.progress.At(0).Source)
	if err == nil && first != source {
		err = fmt.Errorf("the book was made from %q, not from %q; choose another -dir", first, source)
	}
	return err
}

// relink puts every order into the queue of its level.
func (b *Book) relink() error {
	for h := range b.levels.All() {
		if err := b.levels.Free(h); err != nil {
			return err
		}
	}
	arrival := map[slab.Handle[Order]]uint64{}
	for h, o := range b.orders.All() {
		if uint32(o.State) == 0 { // it was being removed
			if err := b.orders.Free(h); err != nil {
				return err
			}
			continue
		}
		b.byID[o.ID] = h
		arrival[h] = o.Arrival
	}
	byArrival := func(x, y slab.Handle[Order]) int { return cmp.Compare(arrival[x], arrival[y]) }
	for _, h := range slices.SortedFunc(maps.Keys(arrival), byArrival) {
		if err := b.enqueue(h); err != nil {
			return err
		}
	}
	return nil
}

// enqueue puts an order at the end of its level.
func (b *Book) enqueue(h slab.Handle[Order]) error {
	o, err := b.orders.Ptr(h)
	if err != nil {
		return err
	}
	at := side{o.Price, o.Buy.Get()}
	lh, ok := b.byPrice[at]
	if !ok {
		if lh, err = b.levels.Insert(Level{Price: o.Price, Buy: o.Buy}); err != nil {
			return err
		}
		b.byPrice[at] = lh
	}
	l, err := b.levels.Ptr(lh)
	if err != nil {
		return err
	}
	o.Level, o.Prev, o.Next = lh, l.Last, slab.Handle[Order]{}
	if last, err := b.orders.Ptr(l.Last); err == nil {
		last.Next = h
	} else {
		l.First = h
	}
	l.Last = h
	l.Size += uint64(uint32(o.State))
	return nil
}

// Apply carries out message n. One that was carried out before changes nothing.
func (b *Book) Apply(n uint64, m Message) error {
	h, there := b.byID[m.ID]
	switch {
	case m.Type == 1 && !there:
		h, err := b.orders.Insert(Order{ID: m.ID, Price: m.Price, State: n<<32 | uint64(m.Size), Arrival: n, Buy: bool8(m.Buy)})
		if err != nil {
			return fmt.Errorf("order %d: %w", m.ID, err)
		}
		b.byID[m.ID] = h
		if err := b.enqueue(h); err != nil {
			return err
		}
	case m.Type >= 2 && m.Type <= 4 && there:
		o, err := b.orders.Ptr(h)
		if err != nil {
			return err
		}
		size := uint32(o.State)
		gone := min(m.Size, size)
		if m.Type == 3 {
			gone = size
		}
		if o.State>>32 >= n {
			gone = 0
		}
		l, err := b.levels.Ptr(o.Level)
		if err != nil {
			return err
		}
		l.Size -= uint64(gone)
		if gone > 0 {
			o.State = n<<32 | uint64(size-gone)
		}
		if size == gone {
			if err := b.remove(h, o, l); err != nil {
				return err
			}
		}
	}
	b.applied.Set(0, n)
	return nil
}

// remove takes an order out of its level's queue, and the level out of the book with its last
// order.
func (b *Book) remove(h slab.Handle[Order], o *Order, l *Level) error {
	if prev, err := b.orders.Ptr(o.Prev); err == nil {
		prev.Next = o.Next
	} else {
		l.First = o.Next
	}
	if next, err := b.orders.Ptr(o.Next); err == nil {
		next.Prev = o.Prev
	} else {
		l.Last = o.Prev
	}
	if l.First.Uint64() == 0 {
		delete(b.byPrice, side{l.Price, l.Buy.Get()})
		if err := b.levels.Free(o.Level); err != nil {
			return err
		}
	}
	delete(b.byID, o.ID)
	return b.orders.Free(h)
}

func bool8(x bool) (b region.Bool8) {
	b.Set(x)
	return b
}

// Digest walks all levels and queues and returns the number of orders and levels and a hash of
// them.
func (b *Book) Digest() (string, error) {
	var at []side
	for s := range b.byPrice {
		at = append(at, s)
	}
	sortSides(at)
	hash, orders := fnv.New64a(), 0
	for _, s := range at {
		l, err := b.levels.Load(b.byPrice[s])
		if err != nil {
			return "", err
		}
		fmt.Fprintln(hash, s.price, s.buy, l.Size)
		for h := l.First; h.Uint64() != 0; {
			o, err := b.orders.Load(h)
			if err != nil {
				return "", err
			}
			fmt.Fprintln(hash, o.ID, uint32(o.State))
			orders++
			h = o.Next
		}
	}
	return fmt.Sprintf("%d orders in %d levels, %016x", orders, len(at), hash.Sum64()), nil
}

func sortSides(s []side) {
	slices.SortFunc(s, func(x, y side) int {
		if x.buy != y.buy {
			if x.buy {
				return -1
			}
			return 1
		}
		return cmp.Compare(x.price, y.price)
	})
}
