// Command matrix fits a linear model to observations in a region file. gonum reads the memory of
// the file as a matrix, and writes to that of a region; nothing is copied on the way.
//
//	go run ./examples/matrix                       10,000 random observations, in a temporary file
//	go run ./examples/matrix -file FILE [-n N]     those of a file, which is made if there is none
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"

	"github.com/typedmem/typedmem/region"
)

func main() {
	file := flag.String("file", "", "the `file` of observations; without it, a temporary one")
	n := flag.Int("n", 10_000, "how many observations a new file gets")
	flag.Parse()
	var err error
	switch {
	case flag.NArg() > 0:
		err = errors.New("it takes flags only")
	case *n < 0:
		err = errors.New("-n takes no negative number")
	default:
		err = run(os.Stdout, *file, *n)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "matrix:", err)
		os.Exit(1)
	}
}

func run(w io.Writer, path string, n int) (err error) {
	if path == "" {
		dir, err := os.MkdirTemp("", "matrix")
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir) // it may stay in the folder for temporary files
		path = filepath.Join(dir, "observations.tm")
	}
	file, err := region.Open[float64](path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := observe(path, n); err != nil {
			return err
		}
		file, err = region.Open[float64](path)
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	model, err := fit(file.Rows())
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	_, err = fmt.Fprint(w, model)
	return err
}

// observe makes a file of n rows: three numbers, and what they add up to with the weights 2, -1 and
// 0.5 and some noise. The same n gives the same file.
func observe(path string, n int) (err error) {
	file, err := region.OpenFile[float64](path, region.FileOptions{Write: true, Create: true, Width: 4})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	random := rand.New(rand.NewPCG(1, 2))
	for range n {
		a, b, c := random.NormFloat64(), random.NormFloat64(), random.NormFloat64()
		if err := file.Append(a, b, c, 2*a-b+0.5*c+0.1*random.NormFloat64()); err != nil {
			return err
		}
	}
	return nil
}
