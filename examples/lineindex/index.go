package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/typedmem/typedmem/blob"
	"github.com/typedmem/typedmem/region"
)

// Line is the record of one line.
type Line struct {
	Offset uint64 // of its first byte in the file
	Length uint32 // bytes, without the line end
	File   uint32 // index into the file table
}

// File is the record of one file.
type File struct {
	Path      blob.Ref
	FirstLine uint64 // index of its first line
	Size      uint64 // bytes
	Modified  int64  // nanoseconds since 1970
}

// index is an open index. A line refers to a file and a file to a path that were appended before
// it, so that every line is good at every moment, also when the writer is killed. Whether all lines
// are there, the end record says: a writer appends it to the file table last, as a file without a
// path that begins where the lines end.
type index struct {
	dir   string
	lines *region.Region[Line]
	files *region.Region[File]
	paths *blob.Store
}

const (
	linesName = "lines.tm"
	filesName = "files.tm"
	pathsName = "paths.tm"
)

// openIndex opens an index for reading.
func openIndex(dir string) (*index, error) {
	x := &index{dir: dir}
	err := x.each(region.Open[Line], region.Open[File], blob.Open)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%s holds no index (%w)", dir, err)
	}
	return x, err
}

// createIndex makes a new index for writing in a folder that must not exist yet.
func createIndex(dir string) (*index, error) {
	if err := os.Mkdir(dir, 0o777); errors.Is(err, fs.ErrExist) {
		return nil, fmt.Errorf("%w; answer from it with -open, remove it, or choose another place with -o", err)
	} else if err != nil {
		return nil, err
	}
	x := &index{dir: dir}
	err := x.each(create[Line], create[File], blob.Create)
	if err != nil {
		err = errors.Join(err, removeIndex(dir))
	}
	return x, err
}

func create[T any](path string) (*region.Region[T], error) { return region.Create[T](path, 0) }

// each opens the three parts, or none. The lines come first, since all else is appended before
// them: a reader that finds a line finds its file.
func (x *index) each(
	lines func(string) (*region.Region[Line], error),
	files func(string) (*region.Region[File], error),
	paths func(string) (*blob.Store, error),
) (err error) {
	if x.lines, err = lines(filepath.Join(x.dir, linesName)); err == nil {
		if x.files, err = files(filepath.Join(x.dir, filesName)); err == nil {
			x.paths, err = paths(filepath.Join(x.dir, pathsName))
		}
	}
	if err != nil {
		err = errors.Join(err, x.Close())
	}
	return err
}

// Close closes the parts that are open.
func (x *index) Close() error {
	var errs []error
	if x.paths != nil {
		errs = append(errs, x.paths.Close())
	}
	if x.files != nil {
		errs = append(errs, x.files.Close())
	}
	if x.lines != nil {
		errs = append(errs, x.lines.Close())
	}
	return errors.Join(errs...)
}

// removeIndex removes the files of an index and its folder, and nothing else.
func removeIndex(dir string) error {
	for _, name := range []string{linesName, filesName, pathsName} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	if err := os.Remove(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// size returns the bytes that the index takes on disk.
func (x *index) size() (total int64, err error) {
	for _, name := range []string{linesName, filesName, pathsName} {
		info, err := os.Stat(filepath.Join(x.dir, name))
		if err != nil {
			return 0, err
		}
		total += info.Size()
	}
	return total, nil
}

// finish appends the end record.
func (x *index) finish() error {
	return x.files.Append(File{FirstLine: uint64(x.lines.Len())})
}

// fileCount returns how many files there are, and whether the index was finished.
func (x *index) fileCount() (n int, finished bool) {
	n = x.files.Len()
	if n == 0 {
		return 0, false
	}
	last := x.files.At(n - 1)
	if last.Path != 0 {
		return n, false
	}
	return n - 1, last.FirstLine == uint64(x.lines.Len())
}

func (x *index) bytesIndexed() (total uint64) {
	for f := range x.files.Values() {
		total += f.Size
	}
	return total
}

// file returns the file of a line and its path.
func (x *index) file(l Line) (File, string, error) {
	f, err := x.files.Load(int(l.File))
	if err != nil {
		return f, "", fmt.Errorf("%s: a line's file: %w", x.dir, err)
	}
	path, err := x.paths.Text(f.Path)
	return f, path, err
}

// text reads the n-th line, counted from 1, from its file.
func (x *index) text(n int64) (_ []byte, err error) {
	if n > int64(x.lines.Len()) {
		return nil, fmt.Errorf("line %d was asked for, the index has %d", n, x.lines.Len())
	}
	l, err := x.lines.Load(int(n - 1))
	if err != nil {
		return nil, err
	}
	rec, path, err := x.file(l)
	if err != nil {
		return nil, err
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if uint64(info.Size()) != rec.Size || info.ModTime().UnixNano() != rec.Modified {
		return nil, fmt.Errorf("%s has changed since it was indexed; make the index again", path)
	}
	if l.Offset+uint64(l.Length) > rec.Size {
		return nil, fmt.Errorf("%s: line %d lies outside its file; make the index again", x.dir, n)
	}
	text := make([]byte, l.Length)
	_, err = f.ReadAt(text, int64(l.Offset))
	return text, err
}
