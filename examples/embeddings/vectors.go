package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/region"
)

// vectors are the rows of a region file. Their width is known when the program runs, not when it is
// compiled.
type vectors struct {
	file  *region.Region[float32]
	path  string
	width int // numbers in a vector
}

func (v vectors) len() int { return v.file.Len() / v.width }

// row returns vector i. Reading it brings its pages in by page faults.
func (v vectors) row(i int) (region.View[float32], error) {
	return v.file.View().Sub(i*v.width, (i+1)*v.width)
}

// gather copies the vectors ids to dst, one after another.
func (v vectors) gather(dst []float32, ids []int) error {
	elements := make([]int, 0, len(ids)*v.width)
	for _, i := range ids {
		for j := range v.width {
			elements = append(elements, i*v.width+j)
		}
	}
	return v.file.View().Gather(dst, elements)
}

// openVectors opens a file of vectors of width numbers, and makes one of n vectors if there is
// none.
func openVectors(path string, n, width int) (vectors, error) {
	// Queries read at random: what lies next to a vector is not needed.
	o := region.FileOptions{Width: width, Flags: flags.RandomAccess}
	file, err := region.OpenFile[float32](path, o)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeVectors(path, n, width); err != nil {
			return vectors{}, err
		}
		file, err = region.OpenFile[float32](path, o)
	}
	if err != nil {
		return vectors{}, err
	}
	v := vectors{file, path, width}
	if v.len() == 0 {
		return vectors{}, errors.Join(fmt.Errorf("%s has no vectors", path), file.Close())
	}
	return v, nil
}

// makeVectors makes a file of n vectors that lie in clusters, as embeddings do. The same n and
// width give the same file.
func makeVectors(path string, n, width int) (err error) {
	file, err := region.OpenFile[float32](path, region.FileOptions{Write: true, Create: true, Width: width})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	random := rand.New(rand.NewPCG(1, 2))
	const clusters = 100
	centres := make([]float32, clusters*width)
	for i := range centres {
		centres[i] = float32(random.NormFloat64())
	}
	row := make([]float32, width)
	for range n {
		centre := centres[random.IntN(clusters)*width:]
		for j := range row {
			row[j] = centre[j] + random.Float32() - 0.5
		}
		if err := file.Append(row...); err != nil {
			return err
		}
	}
	return file.Sync() // only pages that are on the disk can leave memory
}
