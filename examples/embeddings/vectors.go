package main

import (
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"

	"github.com/typedmem/typedmem/flags"
	"github.com/typedmem/typedmem/region"
)

// vectors are the rows of a region file. The file says how wide they are.
type vectors struct {
	file *region.Region[float32]
	path string
	rows region.Rows[float32]
}

// openVectors opens a file of vectors, and makes one of n vectors of width numbers if there is
// none.
func openVectors(path string, n, width int) (vectors, error) {
	// Queries read at random: what lies next to a vector is not needed.
	o := region.FileOptions{Flags: flags.RandomAccess}
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
	v := vectors{file, path, file.Rows()}
	if v.rows.Len() == 0 {
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
