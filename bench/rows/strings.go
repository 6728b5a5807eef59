package rows

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"

	bolt "go.etcd.io/bbolt"

	"github.com/typedmem/typedmem/bench/harness"
	"github.com/typedmem/typedmem/blob"
)

// texts returns n strings of 8 to 71 bytes, of which so many are distinct.
func texts(n, distinct int) []string {
	all := make([]string, n)
	for i := range all {
		k := i * 7919 % distinct
		all[i] = fmt.Sprintf("%08d%s", k, strings.Repeat("x", k%64))
	}
	return all
}

var names = []byte("names")

// storedTexts is where strings are appended to and read from by number.
type storedTexts interface {
	append(text []string) error
	get(buf []byte, i int) ([]byte, error)
	close() error
}

type heapTexts struct{ all []string }

func (h *heapTexts) append(text []string) error {
	for _, x := range text {
		h.all = append(h.all, strings.Clone(x))
	}
	return nil
}
func (h *heapTexts) get(buf []byte, i int) ([]byte, error) { return append(buf, h.all[i]...), nil }
func (h *heapTexts) close() error                          { return nil }

type blobTexts struct {
	s    *blob.Store
	refs []blob.Ref
	path string
}

func (b *blobTexts) append(text []string) error {
	for _, x := range text {
		r, err := b.s.AppendString(x)
		if err != nil {
			return err
		}
		b.refs = append(b.refs, r)
	}
	return nil
}
func (b *blobTexts) get(buf []byte, i int) ([]byte, error) { return b.s.AppendTo(buf, b.refs[i]) }
func (b *blobTexts) close() error                          { return errors.Join(b.s.Close(), os.Remove(b.path)) }

type rawTexts struct {
	f    *os.File
	ends []int64
}

func (r *rawTexts) append(text []string) error {
	w := bufio.NewWriterSize(r.f, 64<<10)
	end := int64(0)
	for _, x := range text {
		if _, err := w.WriteString(x); err != nil {
			return err
		}
		end += int64(len(x))
		r.ends = append(r.ends, end)
	}
	return w.Flush()
}
func (r *rawTexts) get(buf []byte, i int) ([]byte, error) {
	at := int64(0)
	if i > 0 {
		at = r.ends[i-1]
	}
	buf = buf[:r.ends[i]-at]
	_, err := r.f.ReadAt(buf, at)
	return buf, err
}
func (r *rawTexts) close() error { return errors.Join(r.f.Close(), os.Remove(r.f.Name())) }

type boltTexts struct {
	db   *bolt.DB
	tx   *bolt.Tx
	path string
}

func (b *boltTexts) append(text []string) error {
	for at := 0; at < len(text); at += 10_000 {
		err := b.db.Update(func(tx *bolt.Tx) error {
			bucket, err := tx.CreateBucketIfNotExists(names)
			if err != nil {
				return err
			}
			bucket.FillPercent = 1
			for i := at; i < min(at+10_000, len(text)); i++ {
				if err := bucket.Put(binary.BigEndian.AppendUint64(nil, uint64(i)), []byte(text[i])); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
func (b *boltTexts) get(buf []byte, i int) ([]byte, error) {
	if b.tx == nil {
		tx, err := b.db.Begin(false)
		if err != nil {
			return nil, err
		}
		b.tx = tx
	}
	var key [8]byte
	binary.BigEndian.PutUint64(key[:], uint64(i))
	return append(buf, b.tx.Bucket(names).Get(key[:])...), nil
}
func (b *boltTexts) close() (err error) {
	if b.tx != nil {
		err = b.tx.Rollback()
	}
	return errors.Join(err, b.db.Close(), os.Remove(b.path))
}

// textCases returns the contenders, each as use makes a case of it.
func textCases(use func(name, lib, note string, open func(e *harness.Env) (storedTexts, error)) harness.Case) []harness.Case {
	return []harness.Case{
		use("[]string on the heap", "Go", "in memory only", func(*harness.Env) (storedTexts, error) { return &heapTexts{}, nil }),
		use("blob.Store in a file", harness.Ours, "", func(e *harness.Env) (storedTexts, error) {
			path := filepath.Join(e.Fast, "blobs")
			s, err := blob.Create(path)
			return &blobTexts{s: s, path: path}, err
		}),
		use("raw file, offsets on the heap", "", "checks nothing", func(e *harness.Env) (storedTexts, error) {
			f, err := os.Create(filepath.Join(e.Fast, "raw texts"))
			return &rawTexts{f: f}, err
		}),
		use("bbolt, 10,000 in a transaction, NoSync", "bbolt", "a sorted map, with transactions", func(e *harness.Env) (storedTexts, error) {
			path := filepath.Join(e.Fast, "bolt")
			db, err := bolt.Open(path, 0o666, &bolt.Options{NoSync: true, NoFreelistSync: true})
			return &boltTexts{db: db, path: path}, err
		}),
	}
}

// textCase is appendCase for strings, of 40 bytes on average.
func textCase(name, lib, note string, full, quick int, start func(e *harness.Env, n int) (do func() error, end func() error, err error)) harness.Case {
	c := appendCase(name, lib, note, full, quick, start)
	setup := c.Setup
	c.Setup = func(e *harness.Env) (harness.Bench, error) {
		b, err := setup(e)
		b.Bytes *= 5
		return b, err
	}
	return c
}

func stringRows() []harness.Row {
	const full, quick, distinct = 1 << 20, 1 << 15, 50_000
	writes := textCases(func(name, lib, note string, open func(*harness.Env) (storedTexts, error)) harness.Case {
		return textCase(name, lib, note, full, quick, func(e *harness.Env, n int) (func() error, func() error, error) {
			s, err := open(e)
			all := texts(n, n)
			return func() error { return s.append(all) }, s.close, err
		})
	})
	reads := textCases(func(name, lib, note string, open func(*harness.Env) (storedTexts, error)) harness.Case {
		return harness.Case{Name: name, Lib: lib, Note: note, Setup: func(e *harness.Env) (harness.Bench, error) {
			n := e.Size(full, quick)
			s, err := open(e)
			if err == nil {
				err = s.append(texts(n, n))
			}
			if err != nil {
				return harness.Bench{}, err
			}
			order := rand.New(rand.NewPCG(1, 2)).Perm(n)
			var buf [128]byte
			return harness.Bench{Ops: n, Close: s.close, Run: repeat(func(int) error {
				for _, i := range order {
					b, err := s.get(buf[:0], i)
					if err != nil {
						return err
					}
					sink += uint64(len(b))
				}
				return nil
			})}, nil
		}}
	})
	intern := []harness.Case{
		textCase("map[string]uint32", "Go", "in memory only", full, quick, func(_ *harness.Env, n int) (func() error, func() error, error) {
			all := texts(n, distinct)
			return func() error {
				m := map[string]uint32{}
				for _, x := range all {
					k, ok := m[x]
					if !ok {
						k = uint32(len(m))
						m[strings.Clone(x)] = k
					}
					sink += uint64(k)
				}
				return nil
			}, func() error { return nil }, nil
		}),
		textCase("blob.Table over a file", harness.Ours, "", full, quick, func(e *harness.Env, n int) (func() error, func() error, error) {
			path := filepath.Join(e.Fast, "interned")
			s, err := blob.Create(path)
			if err != nil {
				return nil, nil, err
			}
			table, err := blob.NewTable(s)
			all := texts(n, distinct)
			return func() error {
				for _, x := range all {
					r, err := table.InternString(x)
					if err != nil {
						return err
					}
					sink += uint64(r)
				}
				return nil
			}, func() error { return errors.Join(s.Close(), os.Remove(path)) }, err
		}),
	}
	return []harness.Row{
		{Name: "strings: append 1 M of 40 bytes, nobody syncs", Unit: "string", Floor: "raw file, offsets on the heap", Own: true, Fresh: true, Cases: writes},
		{Name: "strings: read 1 M of 40 bytes, random order", Unit: "string", Floor: "[]string on the heap", Own: true, Cases: reads},
		{Name: "intern: 1 M strings, 50,000 distinct", Unit: "string", Floor: "map[string]uint32", Own: true, Fresh: true, Cases: intern},
	}
}
