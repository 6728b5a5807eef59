package main

import (
	"encoding/binary"
	"errors"
	"path/filepath"

	"go.etcd.io/bbolt"
)

// boltObjects is a bucket of encoded objects, changed 100,000 a transaction.
type boltObjects struct {
	db      *bbolt.DB
	tx      *bbolt.Tx
	pending int
}

var objectsBucket = []byte("objects")

func openObjectsBolt(dir string, _ int, create bool) (objectCache, error) {
	db, err := bbolt.Open(filepath.Join(dir, "objects.bolt"), 0o600, nil)
	if err != nil {
		return nil, err
	}
	if create {
		err = db.Update(func(tx *bbolt.Tx) error {
			_, err := tx.CreateBucket(objectsBucket)
			return err
		})
	}
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &boltObjects{db: db}, nil
}

func boltKey(key uint64) []byte { return binary.BigEndian.AppendUint64(nil, key) }

// change calls f in the transaction under way, and commits a full one.
func (c *boltObjects) change(f func(*bbolt.Bucket) error) (err error) {
	if c.tx == nil {
		if c.tx, err = c.db.Begin(true); err != nil {
			return err
		}
	}
	if err := f(c.tx.Bucket(objectsBucket)); err != nil {
		return err
	}
	if c.pending++; c.pending == 100_000 {
		return c.Flush()
	}
	return nil
}

func (c *boltObjects) Put(o *object) error {
	return c.change(func(b *bbolt.Bucket) error { return b.Put(boltKey(o.ID), o.encode(nil)) })
}

func (c *boltObjects) Evict(key uint64) error {
	return c.change(func(b *bbolt.Bucket) error { return b.Delete(boltKey(key)) })
}

func (c *boltObjects) Get(key uint64) (o object, found bool, err error) {
	err = c.db.View(func(tx *bbolt.Tx) error {
		if b := tx.Bucket(objectsBucket).Get(boltKey(key)); b != nil {
			o, found = decodeObject(b), true
		}
		return nil
	})
	return o, found, err
}

func (c *boltObjects) Flush() error {
	if c.tx == nil {
		return nil
	}
	err := c.tx.Commit()
	c.tx, c.pending = nil, 0
	return err
}

func (c *boltObjects) Save() error  { return c.Flush() }
func (c *boltObjects) Close() error { return c.db.Close() }
