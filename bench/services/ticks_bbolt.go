package main

import (
	"bytes"
	"encoding/binary"
	"errors"
	"path/filepath"

	"go.etcd.io/bbolt"
)

// boltTicks is a bucket from time, big-endian, to the rest; 100,000 ticks a transaction.
type boltTicks struct {
	db      *bbolt.DB
	tx      *bbolt.Tx
	pending int
}

var ticksBucket = []byte("ticks")

func openTicksBolt(dir string, create bool) (tickStore, error) {
	db, err := bbolt.Open(filepath.Join(dir, "ticks.bolt"), 0o600, &bbolt.Options{ReadOnly: !create})
	if err != nil {
		return nil, err
	}
	if create {
		err = db.Update(func(tx *bbolt.Tx) error {
			_, err := tx.CreateBucket(ticksBucket)
			return err
		})
		if err != nil {
			return nil, errors.Join(err, db.Close())
		}
	}
	return &boltTicks{db: db}, nil
}

func (s *boltTicks) Append(batch []tick) (err error) {
	if s.tx == nil {
		if s.tx, err = s.db.Begin(true); err != nil {
			return err
		}
	}
	b := s.tx.Bucket(ticksBucket)
	b.FillPercent = 1 // keys ascend
	buf := make([]byte, 0, 32*len(batch))
	for _, t := range batch {
		at := len(buf)
		buf = binary.BigEndian.AppendUint64(buf, uint64(t.Time))
		buf = binary.LittleEndian.AppendUint64(buf, uint64(t.Price))
		buf = binary.LittleEndian.AppendUint64(buf, uint64(t.Qty))
		buf = binary.LittleEndian.AppendUint64(buf, t.Symbol)
		if err := b.Put(buf[at:at+8:at+8], buf[at+8:at+32:at+32]); err != nil {
			return err
		}
	}
	if s.pending += len(batch); s.pending >= 100_000 {
		return s.Sync()
	}
	return nil
}

func (s *boltTicks) Sync() error {
	if s.tx == nil {
		return nil
	}
	err := s.tx.Commit()
	s.tx, s.pending = nil, 0
	return err
}

func (s *boltTicks) Total() (notional, volume int64, err error) {
	err = s.db.View(func(tx *bbolt.Tx) error {
		return tx.Bucket(ticksBucket).ForEach(func(_, v []byte) error {
			price, qty := boltPriceQty(v)
			notional, volume = notional+price*qty, volume+qty
			return nil
		})
	})
	return notional, volume, err
}

func boltPriceQty(v []byte) (price, qty int64) {
	return int64(binary.LittleEndian.Uint64(v)), int64(binary.LittleEndian.Uint64(v[8:]))
}

func (s *boltTicks) Range(from, to int64) (n, volume int64, err error) {
	lo := binary.BigEndian.AppendUint64(nil, uint64(from))
	hi := binary.BigEndian.AppendUint64(nil, uint64(to))
	err = s.db.View(func(tx *bbolt.Tx) error {
		c := tx.Bucket(ticksBucket).Cursor()
		for k, v := c.Seek(lo); k != nil && bytes.Compare(k, hi) < 0; k, v = c.Next() {
			_, qty := boltPriceQty(v)
			n, volume = n+1, volume+qty
		}
		return nil
	})
	return n, volume, err
}

func (s *boltTicks) Close() error { return s.db.Close() }
