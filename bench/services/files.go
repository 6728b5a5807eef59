package main

import (
	"bufio"
	"encoding/binary"
	"encoding/gob"
	"errors"
	"io"
	"iter"
	"math"
	"os"
)

// saveGob writes objects one after the other, for caches that hold pointers to them.
func saveGob(path string, all iter.Seq[*object]) error {
	return saveFile(path, func(w io.Writer) error {
		enc := gob.NewEncoder(w)
		for o := range all {
			if err := enc.Encode(o); err != nil {
				return err
			}
		}
		return nil
	})
}

func loadGob(path string, put func(*object) error) error {
	return loadFile(path, func(r io.Reader) error {
		for dec := gob.NewDecoder(r); ; {
			o := new(object)
			if err := dec.Decode(o); errors.Is(err, io.EOF) {
				return nil
			} else if err != nil {
				return err
			}
			if err := put(o); err != nil {
				return err
			}
		}
	})
}

// saveFile writes and syncs a file.
func saveFile(path string, write func(io.Writer) error) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return closing(f, func() error {
		w := bufio.NewWriterSize(f, 1<<20)
		return errors.Join(write(w), w.Flush(), f.Sync())
	})
}

func loadFile(path string, read func(io.Reader) error) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return closing(f, func() error { return read(bufio.NewReaderSize(f, 1<<20)) })
}

// objectSize is the size of an encoded object.
const objectSize = 96

// encode appends an object to b, for caches that hold bytes.
func (o *object) encode(b []byte) []byte {
	b = binary.LittleEndian.AppendUint64(b, o.ID)
	b = binary.LittleEndian.AppendUint64(b, uint64(o.Stamp))
	b = binary.LittleEndian.AppendUint64(b, math.Float64bits(o.Score))
	b = append(b, o.Name[:]...)
	for _, tag := range o.Tags {
		b = binary.LittleEndian.AppendUint32(b, tag)
	}
	return b
}

func decodeObject(b []byte) (o object) {
	_ = b[objectSize-1]
	o.ID = binary.LittleEndian.Uint64(b)
	o.Stamp = int64(binary.LittleEndian.Uint64(b[8:]))
	o.Score = math.Float64frombits(binary.LittleEndian.Uint64(b[16:]))
	copy(o.Name[:], b[24:])
	for i := range o.Tags {
		o.Tags[i] = binary.LittleEndian.Uint32(b[56+4*i:])
	}
	return o
}
