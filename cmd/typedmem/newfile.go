package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
)

// create makes a new file and lets write fill it. The file gets its name when it is complete: after
// an error, or when the process is killed, no file has that name. What is no regular file, such as
// /dev/stdout, is written to.
func create(path string, write func(w io.Writer) error) error {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() && !info.IsDir() {
		f, err := os.OpenFile(path, os.O_WRONLY, 0)
		if err != nil {
			return err
		}
		return errors.Join(fill(f, write), f.Close())
	}
	if _, err := os.Lstat(path); err == nil {
		return &fs.PathError{Op: "open", Path: path, Err: fs.ErrExist}
	}
	f, name, err := newFile(path)
	if err != nil {
		return err
	}
	return name(fill(f, write))
}

func fill(f *os.File, write func(w io.Writer) error) error {
	w := bufio.NewWriterSize(f, 1<<20)
	if err := write(w); err != nil {
		return err
	}
	return w.Flush()
}

// newTemporary makes the file under a temporary name beside path. The function closes it, and gives
// it the name path, or removes it if it is not complete.
func newTemporary(path string) (*os.File, func(failed error) error, error) {
	dir, base := filepath.Split(path)
	temporary := fmt.Sprintf("%s.%.200s.export-%08x", dir, base, rand.Uint32())
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, nil, asked(err, path)
	}
	return f, func(failed error) error {
		failed = errors.Join(failed, f.Close())
		if failed == nil {
			if failed = rename(temporary, path); failed == nil {
				return nil
			}
			failed = asked(failed, path)
		}
		return errors.Join(failed, os.Remove(temporary))
	}, nil
}

// rename gives a file its name, if nothing has that name.
func rename(temporary, path string) error {
	switch err := os.Link(temporary, path); {
	case err == nil:
		return os.Remove(temporary)
	case errors.Is(err, fs.ErrExist):
		return err
	}
	// The file system has no links.
	if _, err := os.Lstat(path); err == nil {
		return fs.ErrExist
	}
	return os.Rename(temporary, path)
}

// asked makes an error about a temporary name one about the name that was asked for.
func asked(err error, path string) error {
	if err == nil {
		return nil
	}
	if of := (*fs.PathError)(nil); errors.As(err, &of) {
		err = of.Err
	}
	if of := (*os.LinkError)(nil); errors.As(err, &of) {
		err = of.Err
	}
	return &fs.PathError{Op: "open", Path: path, Err: err}
}
