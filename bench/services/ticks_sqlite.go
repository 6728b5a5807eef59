package main

import (
	"database/sql"
	"errors"
	"path/filepath"

	_ "modernc.org/sqlite"
)

// sqliteTicks is a table with the time as its key, written 100,000 rows a transaction.
type sqliteTicks struct {
	db      *sql.DB
	between *sql.Stmt
	tx      *sql.Tx
	insert  *sql.Stmt
	pending int
}

func openTicksSQLite(dir string, create bool) (tickStore, error) {
	db, err := sql.Open("sqlite", filepath.Join(dir, "ticks.db"))
	if err != nil {
		return nil, err
	}
	if create {
		_, err = db.Exec(`CREATE TABLE ticks (time INTEGER PRIMARY KEY, price INTEGER NOT NULL,
			qty INTEGER NOT NULL, symbol INTEGER NOT NULL)`)
		if err != nil {
			return nil, errors.Join(err, db.Close())
		}
	}
	between, err := db.Prepare(`SELECT count(*), coalesce(sum(qty), 0) FROM ticks WHERE time >= ? AND time < ?`)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return &sqliteTicks{db: db, between: between}, nil
}

func (s *sqliteTicks) Append(batch []tick) (err error) {
	if s.tx == nil {
		if s.tx, err = s.db.Begin(); err != nil {
			return err
		}
		if s.insert, err = s.tx.Prepare(`INSERT INTO ticks VALUES (?, ?, ?, ?)`); err != nil {
			return err
		}
	}
	for _, t := range batch {
		if _, err := s.insert.Exec(t.Time, t.Price, t.Qty, int64(t.Symbol)); err != nil {
			return err
		}
	}
	if s.pending += len(batch); s.pending >= 100_000 {
		return s.Sync()
	}
	return nil
}

func (s *sqliteTicks) Sync() error {
	if s.tx == nil {
		return nil
	}
	err := errors.Join(s.insert.Close(), s.tx.Commit())
	s.tx, s.insert, s.pending = nil, nil, 0
	return err
}

func (s *sqliteTicks) Total() (notional, volume int64, err error) {
	err = s.db.QueryRow(`SELECT sum(price * qty), sum(qty) FROM ticks`).Scan(&notional, &volume)
	return notional, volume, err
}

func (s *sqliteTicks) Range(from, to int64) (n, volume int64, err error) {
	err = s.between.QueryRow(from, to).Scan(&n, &volume)
	return n, volume, err
}

func (s *sqliteTicks) Close() error { return errors.Join(s.between.Close(), s.db.Close()) }
