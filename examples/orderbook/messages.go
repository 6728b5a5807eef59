package main

import (
	"bufio"
	"fmt"
	"iter"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
)

// Message is one change of the book, as a line of a LOBSTER message file says it (lobsterdata.com):
// time, type, order, size, price, direction.
type Message struct {
	Type  int   // 1 new order, 2 part of it cancelled, 3 all of it cancelled, 4 executed; others do not change the visible book
	ID    int64 // of the order
	Size  uint32
	Price int64
	Buy   bool
}

// fromFile reads a LOBSTER message file.
func fromFile(path string) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		f, err := os.Open(path)
		if err != nil {
			yield(Message{}, err)
			return
		}
		defer f.Close() // it was only read
		lines := bufio.NewScanner(f)
		n := 1
		for ; lines.Scan(); n++ {
			m, err := parse(lines.Text())
			if err != nil {
				yield(m, fmt.Errorf("%s, line %d: %w", path, n, err))
				return
			}
			if !yield(m, nil) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(Message{}, fmt.Errorf("%s, line %d: %w", path, n, err))
		}
	}
}

func parse(line string) (m Message, err error) {
	fields := strings.Split(strings.TrimSpace(line), ",")
	if len(fields) < 6 {
		return m, fmt.Errorf("%d fields, a message has 6", len(fields))
	}
	var n [5]int64
	for i, f := range fields[1:6] {
		if n[i], err = strconv.ParseInt(f, 10, 64); err != nil {
			return m, err
		}
	}
	if n[2] < 0 || n[2] >= 1<<32 {
		return m, fmt.Errorf("a size of %d", n[2])
	}
	return Message{Type: int(n[0]), ID: n[1], Size: uint32(n[2]), Price: n[3], Buy: n[4] == 1}, nil
}

// generated makes n messages, the same ones for the same seed, with about so many orders in the
// book.
func generated(seed uint64, n, book int) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		r := rand.New(rand.NewPCG(seed, 0))
		var open []Message
		mid := int64(1_000_000)
		for id := int64(1); id <= int64(n); id++ {
			mid += int64(r.IntN(3)) - 1
			if len(open) == 0 || r.IntN(2*book) >= len(open) && len(open) < 2*book {
				m := Message{Type: 1, ID: id, Size: 1 + uint32(r.IntN(1000)), Buy: r.IntN(2) == 0}
				if away := int64(r.IntN(500)); m.Buy {
					m.Price = mid - 1 - away
				} else {
					m.Price = mid + 1 + away
				}
				open = append(open, m)
				if !yield(m, nil) {
					return
				}
				continue
			}
			i := r.IntN(len(open))
			m := open[i]
			m.Type = 2 + r.IntN(3)
			if part := uint32(r.IntN(int(open[i].Size))); m.Type != 3 && part > 0 {
				m.Size = part
				open[i].Size -= part
			} else {
				m.Type = 3
				open[i] = open[len(open)-1]
				open = open[:len(open)-1]
			}
			if !yield(m, nil) {
				return
			}
		}
	}
}
