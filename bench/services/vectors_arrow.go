package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	arrowmemory "github.com/apache/arrow-go/v18/arrow/memory"
)

// arrowVectors is an Arrow IPC file with a column of lists of fixed size, vectorBatch rows a record
// batch.
type arrowVectors struct {
	f       *os.File
	w       *ipc.FileWriter
	records []arrow.RecordBatch
	values  [][]float32 // of each record batch
	rows    int
	mapped  []byte
}

var arrowSchema = arrow.NewSchema([]arrow.Field{
	{Name: "vector", Type: arrow.FixedSizeListOfNonNullable(vectorWidth, arrow.PrimitiveTypes.Float32)},
}, nil)

func createVectorsArrow(path string) (vectorStore, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, err
	}
	w, err := ipc.NewFileWriter(f, ipc.WithSchema(arrowSchema))
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &arrowVectors{f: f, w: w}, nil
}

func openVectorsArrow(dir string, create bool) (vectorStore, error) {
	return openArrow(dir, create, func(s *arrowVectors) (*ipc.FileReader, error) {
		return ipc.NewFileReader(s.f, ipc.WithSchema(arrowSchema))
	})
}

func openVectorsArrowMapped(dir string, create bool) (vectorStore, error) {
	return openArrow(dir, create, func(s *arrowVectors) (*ipc.FileReader, error) {
		info, err := s.f.Stat()
		if err != nil {
			return nil, err
		}
		s.mapped, err = syscall.Mmap(int(s.f.Fd()), 0, int(info.Size()), syscall.PROT_READ, syscall.MAP_SHARED)
		if err != nil {
			return nil, err
		}
		return ipc.NewMappedFileReader(s.mapped, ipc.WithSchema(arrowSchema))
	})
}

func openArrow(dir string, create bool, reader func(*arrowVectors) (*ipc.FileReader, error)) (vectorStore, error) {
	path := filepath.Join(dir, "vectors.arrow")
	if create {
		return createVectorsArrow(path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	s := &arrowVectors{f: f}
	r, err := reader(s)
	if err == nil {
		err = s.load(r)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *arrowVectors) load(r *ipc.FileReader) error {
	for i := range r.NumRecords() {
		b, err := r.RecordBatchAt(i)
		if err != nil {
			return err
		}
		list, ok := b.Column(0).(*array.FixedSizeList)
		if !ok {
			return fmt.Errorf("column 0 is %s, want a list of fixed size", b.Column(0).DataType())
		}
		values, ok := list.ListValues().(*array.Float32)
		if !ok {
			return fmt.Errorf("the lists hold %s, want float32", list.ListValues().DataType())
		}
		s.records = append(s.records, b)
		s.values = append(s.values, values.Float32Values())
		s.rows += int(b.NumRows())
	}
	return nil
}

func (s *arrowVectors) Append(rows []float32) error {
	b := array.NewRecordBuilder(arrowmemory.DefaultAllocator, arrowSchema)
	defer b.Release()
	lists := b.Field(0).(*array.FixedSizeListBuilder)
	n := len(rows) / vectorWidth
	for range n {
		lists.Append(true)
	}
	lists.ValueBuilder().(*array.Float32Builder).AppendValues(rows, nil)
	batch := b.NewRecordBatch()
	defer batch.Release()
	s.rows += n
	return s.w.Write(batch)
}

func (s *arrowVectors) Save() error {
	err := errors.Join(s.w.Close(), s.f.Sync())
	s.w = nil
	return err
}

func (s *arrowVectors) Len() int { return s.rows }

func (s *arrowVectors) Row(i int) []float32 {
	at := i % vectorBatch * vectorWidth
	return s.values[i/vectorBatch][at : at+vectorWidth]
}

func (s *arrowVectors) Gather(dst []float32, rows []int) error {
	for k, i := range rows {
		copy(dst[k*vectorWidth:], s.Row(i))
	}
	return nil
}

func (s *arrowVectors) Close() (err error) {
	for _, b := range s.records {
		b.Release()
	}
	if s.mapped != nil {
		err = syscall.Munmap(s.mapped)
	}
	return errors.Join(err, s.f.Close())
}
