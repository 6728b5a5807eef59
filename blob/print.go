package blob

import (
	"fmt"
	"log/slog"

	"github.com/typedmem/typedmem/internal/printing"
)

// String says how many bytes the store takes and in which file it is. It shows no blob:
//
//	blob.Store(4096 bytes, file "names.tm")
func (s *Store) String() string {
	switch {
	case s == nil:
		return "blob.Store(nil)"
	case s.closed():
		return "blob.Store(closed)"
	case s.file == "":
		return fmt.Sprintf("blob.Store(%d bytes)", s.Size())
	}
	return fmt.Sprintf("blob.Store(%d bytes, file %q)", s.Size(), s.file)
}

// Format prints String under every verb of fmt.
func (s *Store) Format(f fmt.State, verb rune) { printing.Text(f, verb, s.String()) }

// LogValue makes log/slog write String, also as JSON.
func (s *Store) LogValue() slog.Value { return slog.StringValue(s.String()) }

func (s *Store) closed() bool {
	r, err := s.open()
	if err == nil {
		_, err = r.Sub(0, 0)
	}
	return err != nil
}

// String says how many strings the table has indexed, and of which store.
func (t *Table) String() string {
	switch {
	case t == nil:
		return "blob.Table(nil)"
	case t.store == nil:
		return "blob.Table(closed)"
	}
	return fmt.Sprintf("blob.Table(%d blobs of %v)", t.Len(), t.store)
}

// Format prints String under every verb of fmt.
func (t *Table) Format(f fmt.State, verb rune) { printing.Text(f, verb, t.String()) }

// LogValue makes log/slog write String, also as JSON.
func (t *Table) LogValue() slog.Value { return slog.StringValue(t.String()) }
