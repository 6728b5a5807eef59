package main

import (
	"encoding/gob"
	"io"
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
	return s, loadFile(s.path, func(r io.Reader) error { return gob.NewDecoder(r).Decode(&s.rows) })
}

func (s *gobVectors) Append(rows []float32) error {
	for row := range slices.Chunk(rows, vectorWidth) {
		s.rows = append(s.rows, slices.Clone(row))
	}
	return nil
}

func (s *gobVectors) Save() error {
	return saveFile(s.path, func(w io.Writer) error { return gob.NewEncoder(w).Encode(s.rows) })
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
