package main

import (
	"fmt"
	"hash/fnv"
)

// heapBook is Book with pointers on the Go heap.
type heapBook struct {
	byID    map[int64]*heapOrder
	byPrice map[side]*heapLevel
}

type heapOrder struct {
	id         int64
	size       uint32
	level      *heapLevel
	prev, next *heapOrder
}

type heapLevel struct {
	at          side
	size        uint64
	first, last *heapOrder
}

func newHeapBook() *heapBook {
	return &heapBook{map[int64]*heapOrder{}, map[side]*heapLevel{}}
}

func (b *heapBook) Apply(_ uint64, m Message) error {
	o := b.byID[m.ID]
	switch {
	case m.Type == 1 && o == nil:
		at := side{m.Price, m.Buy}
		l := b.byPrice[at]
		if l == nil {
			l = &heapLevel{at: at}
			b.byPrice[at] = l
		}
		o = &heapOrder{id: m.ID, size: m.Size, level: l, prev: l.last}
		b.byID[m.ID] = o
		if l.last != nil {
			l.last.next = o
		} else {
			l.first = o
		}
		l.last = o
		l.size += uint64(m.Size)
	case m.Type >= 2 && m.Type <= 4 && o != nil:
		gone := min(m.Size, o.size)
		if m.Type == 3 {
			gone = o.size
		}
		o.size -= gone
		l := o.level
		l.size -= uint64(gone)
		if o.size > 0 {
			return nil
		}
		if o.prev != nil {
			o.prev.next = o.next
		} else {
			l.first = o.next
		}
		if o.next != nil {
			o.next.prev = o.prev
		} else {
			l.last = o.prev
		}
		if l.first == nil {
			delete(b.byPrice, l.at)
		}
		delete(b.byID, o.id)
	}
	return nil
}

func (b *heapBook) Digest() (string, error) {
	var at []side
	for s := range b.byPrice {
		at = append(at, s)
	}
	sortSides(at)
	hash, orders := fnv.New64a(), 0
	for _, s := range at {
		l := b.byPrice[s]
		fmt.Fprintln(hash, s.price, s.buy, l.size)
		for o := l.first; o != nil; o = o.next {
			fmt.Fprintln(hash, o.id, o.size)
			orders++
		}
	}
	return fmt.Sprintf("%d orders in %d levels, %016x", orders, len(at), hash.Sum64()), nil
}
