//go:build linux && amd64

package main

import (
	"encoding/binary"
	"io"
	"math/rand/v2"
	"os"
)

// The log of qemu's blklogwrites, as that of the kernel's dm-log-writes: a sector with the mark,
// then for each request a sector that describes it, and its data.
const (
	sector     = 512
	flagFlush  = 1
	flagFUA    = 2
	flagErased = 4 // a discard: it has no data
)

type request struct {
	at     int64 // in the log, of its end
	sector int64
	data   []byte
	flags  uint64
}

// readLog returns the requests of a log, as far as it was written.
func readLog(path string) (all []request, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	le := binary.LittleEndian
	var head [sector]byte
	for at := int64(sector); ; {
		if _, err := f.ReadAt(head[:], at); err == io.EOF {
			return all, nil
		} else if err != nil {
			return nil, err
		}
		r := request{sector: int64(le.Uint64(head[:])), flags: le.Uint64(head[16:])}
		n := int64(le.Uint64(head[8:])) * sector
		if n == 0 && r.flags == 0 {
			return all, nil
		}
		at += sector
		if r.flags&flagErased == 0 && n > 0 {
			r.data = make([]byte, n)
			if _, err := f.ReadAt(r.data, at); err == io.EOF {
				return all, nil
			} else if err != nil {
				return nil, err
			}
			at += n
		}
		r.at = at
		all = append(all, r)
	}
}

// replay makes of a fresh disk the one that is left when the power fails after the first n
// requests: what was written since the last flush is there in part.
func replay(f *os.File, requests []request, n int, r *rand.Rand) error {
	flushed := 0
	for i, q := range requests[:n] {
		if q.flags&flagFlush != 0 {
			flushed = i
		}
	}
	keep := r.IntN(101)
	for i, q := range requests[:n] {
		if i >= flushed && q.flags&flagFUA == 0 && r.IntN(100) >= keep {
			continue
		}
		if _, err := f.WriteAt(q.data, q.sector*sector); err != nil {
			return err
		}
	}
	return nil
}
