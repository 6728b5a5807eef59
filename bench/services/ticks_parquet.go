package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/parquet-go/parquet-go"
)

// parquetTicks is a Parquet file. Its column indexes say in which page a time is.
type parquetTicks struct {
	f     *os.File
	w     *parquet.GenericWriter[tick]
	r     *parquet.GenericReader[tick]
	pages []parquetPage
	batch []tick
}

// parquetPage is a page of the column of times: the last time in it and its first row.
type parquetPage struct{ last, row int64 }

func openTicksParquet(dir string, create bool) (tickStore, error) {
	path := filepath.Join(dir, "ticks.parquet")
	if create {
		f, err := os.Create(path)
		if err != nil {
			return nil, err
		}
		return &parquetTicks{f: f, w: parquet.NewGenericWriter[tick](f, parquet.MaxRowsPerRowGroup(1_000_000))}, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	s := &parquetTicks{f: f, batch: make([]tick, 4096)}
	if err := s.open(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return s, nil
}

func (s *parquetTicks) open() error {
	info, err := s.f.Stat()
	if err != nil {
		return err
	}
	file, err := parquet.OpenFile(s.f, info.Size())
	if err != nil {
		return err
	}
	var row int64
	for _, group := range file.RowGroups() {
		times := group.ColumnChunks()[0]
		values, err := times.ColumnIndex()
		if err != nil {
			return err
		}
		offsets, err := times.OffsetIndex()
		if err != nil {
			return err
		}
		for i := range values.NumPages() {
			s.pages = append(s.pages, parquetPage{values.MaxValue(i).Int64(), row + offsets.FirstRowIndex(i)})
		}
		row += group.NumRows()
	}
	s.r = parquet.NewGenericReader[tick](file)
	return nil
}

func (s *parquetTicks) Append(batch []tick) error {
	_, err := s.w.Write(batch)
	return err
}

func (s *parquetTicks) Sync() error { return errors.Join(s.w.Close(), s.f.Sync()) }

// each calls f for all ticks from a row on until f returns false.
func (s *parquetTicks) each(row int64, f func(tick) bool) error {
	if err := s.r.SeekToRow(row); err != nil {
		return err
	}
	for {
		n, err := s.r.Read(s.batch)
		for _, t := range s.batch[:n] {
			if !f(t) {
				return nil
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (s *parquetTicks) Total() (notional, volume int64, err error) {
	err = s.each(0, func(t tick) bool {
		notional += t.Price * t.Qty
		volume += t.Qty
		return true
	})
	return notional, volume, err
}

func (s *parquetTicks) Range(from, to int64) (n, volume int64, err error) {
	row := int64(-1)
	for _, p := range s.pages {
		if p.last >= from {
			row = p.row
			break
		}
	}
	if row < 0 {
		return 0, 0, nil
	}
	err = s.each(row, func(t tick) bool {
		if t.Time >= from && t.Time < to {
			n, volume = n+1, volume+t.Qty
		}
		return t.Time < to
	})
	return n, volume, err
}

func (s *parquetTicks) Close() error {
	if s.r != nil {
		return errors.Join(s.r.Close(), s.f.Close())
	}
	return s.f.Close()
}
