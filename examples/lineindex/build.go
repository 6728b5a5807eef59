package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"
)

// input is a file to index.
type input struct {
	path string
	info fs.FileInfo
}

// collect lists the files to index: those named, and those in the folders named. It checks the
// pattern and finds what is missing or unreadable before anything is written.
func collect(names []string, match string) (files []input, err error) {
	if _, err := filepath.Match(match, ""); err != nil {
		return nil, fmt.Errorf("-match %s: %w", match, err)
	}
	for _, name := range names {
		name, err := filepath.Abs(name)
		if err != nil {
			return nil, err
		}
		err = filepath.WalkDir(name, func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				return err
			}
			if ok, _ := filepath.Match(match, entry.Name()); path != name && match != "" && !ok {
				return nil
			}
			info, err := os.Stat(path) // follows a link to a file, as opening it does
			if err != nil || !info.Mode().IsRegular() {
				return err
			}
			files = append(files, input{path, info})
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	if len(files) == 0 {
		return nil, errors.New("there is no file to index")
	}
	return files, nil
}

// build makes the index of the files. On error, or when a signal asks the program to end, nothing
// of it is left.
func build(dir string, files []input) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	x, err := createIndex(dir)
	if err != nil {
		return err
	}
	if err = x.fill(ctx, files); err == nil {
		err = x.finish()
	}
	if err = errors.Join(err, x.Close()); err != nil {
		err = errors.Join(err, removeIndex(dir))
	}
	return err
}

func (x *index) fill(ctx context.Context, files []input) error {
	total := int64(0)
	for _, f := range files {
		total += f.info.Size()
	}
	bar := progressbar.NewOptions64(total,
		progressbar.OptionSetDescription("indexing"),
		progressbar.OptionSetWriter(os.Stderr),
		progressbar.OptionShowBytes(true),
		progressbar.OptionSetVisibility(term.IsTerminal(int(os.Stderr.Fd()))),
		progressbar.OptionThrottle(100*time.Millisecond),
		progressbar.OptionClearOnFinish(),
	)
	var r reader
	for _, f := range files {
		if err := x.add(ctx, f, &r); err != nil {
			return errors.Join(err, bar.Clear())
		}
		if err := bar.Add64(f.info.Size()); err != nil {
			return err
		}
	}
	return bar.Finish()
}

// reader keeps what is used again for each file.
type reader struct {
	text  bytes.Buffer
	lines []Line
}

// add indexes one file. A file with a zero byte in it is no text and is left out.
func (x *index) add(ctx context.Context, in input, r *reader) error {
	if err := r.read(ctx, in.path); err != nil {
		return err
	}
	text := r.text.Bytes()
	if bytes.IndexByte(text, 0) >= 0 {
		return nil
	}
	if uint64(x.files.Len()) == math.MaxUint32 {
		return errors.New("more files than a record can number")
	}
	if err := r.split(in.path, text, uint32(x.files.Len())); err != nil {
		return err
	}
	path, err := x.paths.AppendString(in.path)
	if err != nil {
		return err
	}
	rec := File{path, uint64(x.lines.Len()), uint64(len(text)), in.info.ModTime().UnixNano()}
	if err := x.files.Append(rec); err != nil {
		return err
	}
	return x.lines.Append(r.lines...)
}

// read reads a whole file.
func (r *reader) read(ctx context.Context, path string) (err error) {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	r.text.Reset()
	_, err = io.Copy(&r.text, stoppable{ctx, f})
	return err
}

// stoppable reads until its context ends, which may be in the middle of a long file.
type stoppable struct {
	ctx context.Context
	f   *os.File
}

func (s stoppable) Read(b []byte) (int, error) {
	if s.ctx.Err() != nil {
		return 0, errors.New("stopped by a signal; no index was made")
	}
	return s.f.Read(b)
}

// split finds the lines of a text.
func (r *reader) split(path string, text []byte, file uint32) error {
	r.lines = r.lines[:0]
	for at := 0; at < len(text); {
		end := bytes.IndexByte(text[at:], '\n')
		if end < 0 {
			end = len(text) - at
		}
		if uint64(end) > math.MaxUint32 {
			return fmt.Errorf("%s has a line of %d bytes, a record can hold %d", path, end, uint32(math.MaxUint32))
		}
		r.lines = append(r.lines, Line{Offset: uint64(at), Length: uint32(end), File: file})
		at += end + 1
	}
	return nil
}
