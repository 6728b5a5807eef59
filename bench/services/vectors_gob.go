package main

import (
	"bufio"
	"encoding/gob"
	"errors"
	"os"
	"path/filepath"
	"slices"
)

// gobVectors is a slice of slices on the heap.
type gobVectors struct {
	rows [][]float32
	path string
}

func openVectorsGob(dir string, create bool) (vectorStore, error) {
	s := &gobVectors{path: filepath.Join(dir, "vectors.gob")}
	if create {
		return s, nil
	}
	f, err := os.Open(s.path)
	if err != nil {
		return nil, err
	}
	return s, closing(f, func() error {
		return gob.NewDecoder(bufio.NewReaderSize(f, 1<<20)).Decode(&s.rows)
	})
}

func (s *gobVectors) Append(rows []float32) error {
	for row := range slices.Chunk(rows, vectorWidth) {
		s.rows = append(s.rows, slices.Clone(row))
	}
	return nil
}

func (s *gobVectors) Save() error {
	f, err := os.Create(s.path)
	if err != nil {
		return err
	}
	return closing(f, func() error {
		w := bufio.NewWriterSize(f, 1<<20)
		return errors.Join(gob.NewEncoder(w).Encode(s.rows), w.Flush(), f.Sync())
	})
}

func (s *gobVectors) Len() int            { return len(s.rows) }
func (s *gobVectors) Row(i int) []float32 { return s.rows[i] }
func (s *gobVectors) Close() error        { return nil }

func (s *gobVectors) Gather(dst []float32, rows []int) error {
	for k, i := range rows {
		copy(dst[k*vectorWidth:], s.rows[i])
	}
	return nil
}
