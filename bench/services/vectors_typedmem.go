package main

import (
	"path/filepath"

	"github.com/typedmem/typedmem/region"
)

type typedmemVectors struct {
	*region.Region[float32]
	rows region.Rows[float32]
}

func openVectorsTypedmem(dir string, create bool) (vectorStore, error) {
	r, err := region.OpenFile[float32](filepath.Join(dir, "vectors.tm"),
		region.FileOptions{Write: create, Create: create, Width: vectorWidth})
	if err != nil {
		return nil, err
	}
	return typedmemVectors{r, r.Rows()}, nil
}

func (s typedmemVectors) Append(rows []float32) error { return s.Region.Append(rows...) }
func (s typedmemVectors) Save() error                 { return s.Sync() }
func (s typedmemVectors) Len() int                    { return s.rows.Len() }
func (s typedmemVectors) Row(i int) []float32         { return s.rows.Row(i).Slice() }

func (s typedmemVectors) Gather(dst []float32, rows []int) error { return s.rows.Gather(dst, rows) }
