package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/arrowio"
	"github.com/typedmem/typedmem/region"
)

// Trade is what the region files hold.
type Trade struct {
	ID    uint64
	Price float64
	Qty   uint32
	Venue [4]byte
}

// server serves the region files of a folder. A file's name without .tm is the path of a flight.
type server struct {
	flight.BaseFlightServer
	folder string
}

const suffix = ".tm"

// open opens the file of a name. Another process may write to it meanwhile.
func (s *server) open(name string) (*region.Region[Trade], error) {
	if name == "" || name != filepath.Base(name) {
		return nil, status.Errorf(codes.InvalidArgument, "%q is no name of a table", name)
	}
	trades, err := region.Open[Trade](filepath.Join(s.folder, name+suffix))
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, status.Errorf(codes.NotFound, "there is no table %q", name)
	case errors.Is(err, typedmem.ErrLayout):
		return nil, status.Error(codes.FailedPrecondition, err.Error())
	case err != nil:
		return nil, status.Error(codes.Internal, err.Error())
	}
	return trades, nil
}

// info describes a table as it is now.
func (s *server) info(name string) (*flight.FlightInfo, error) {
	trades, err := s.open(name)
	if err != nil {
		return nil, err
	}
	defer trades.Close()
	schema, err := arrowio.Schema[Trade]()
	if err != nil {
		return nil, err
	}
	return &flight.FlightInfo{
		Schema:           flight.SerializeSchema(schema, memory.DefaultAllocator),
		FlightDescriptor: &flight.FlightDescriptor{Type: flight.DescriptorPATH, Path: []string{name}},
		Endpoint:         []*flight.FlightEndpoint{{Ticket: &flight.Ticket{Ticket: []byte(name)}}},
		TotalRecords:     int64(trades.Len()),
		TotalBytes:       -1,
	}, nil
}

// ListFlights lists the tables.
func (s *server) ListFlights(_ *flight.Criteria, stream flight.FlightService_ListFlightsServer) error {
	files, err := filepath.Glob(filepath.Join(s.folder, "*"+suffix))
	if err != nil {
		return status.Error(codes.Internal, err.Error())
	}
	sort.Strings(files)
	for _, file := range files {
		info, err := s.info(strings.TrimSuffix(filepath.Base(file), suffix))
		if err != nil {
			continue // removed meanwhile, or of another type
		}
		if err := stream.Send(info); err != nil {
			return err
		}
	}
	return nil
}

// GetFlightInfo describes one table.
func (s *server) GetFlightInfo(_ context.Context, d *flight.FlightDescriptor) (*flight.FlightInfo, error) {
	if len(d.GetPath()) != 1 {
		return nil, status.Error(codes.InvalidArgument, "the path of a table is its name")
	}
	return s.info(d.GetPath()[0])
}

// DoGet sends the rows that a table has when the call begins.
func (s *server) DoGet(ticket *flight.Ticket, stream flight.FlightService_DoGetServer) error {
	trades, err := s.open(string(ticket.GetTicket()))
	if err != nil {
		return err
	}
	defer trades.Close() // after Release, which ends the reader's pin
	records, err := arrowio.NewPinnedReader(trades, 0)
	if err != nil {
		return status.Error(codes.Internal, err.Error())
	}
	defer records.Release()
	w := flight.NewRecordWriter(stream, ipc.WithSchema(records.Schema()))
	defer w.Close()
	for records.Next() {
		if err := w.Write(records.RecordBatch()); err != nil {
			return err
		}
	}
	if err := records.Err(); err != nil {
		return status.Error(codes.DataLoss, err.Error())
	}
	return nil
}

// DoPut appends the rows that a client sends to a table, and makes it if there is none.
func (s *server) DoPut(stream flight.FlightService_DoPutServer) error {
	records, err := flight.NewRecordReader(stream)
	if err != nil {
		return status.Error(codes.InvalidArgument, err.Error())
	}
	defer records.Release()
	path := records.LatestFlightDescriptor().GetPath()
	if len(path) != 1 || path[0] == "" || path[0] != filepath.Base(path[0]) {
		return status.Error(codes.InvalidArgument, "the path of a table is its name")
	}
	trades, err := region.OpenFile[Trade](filepath.Join(s.folder, path[0]+suffix), region.FileOptions{Write: true, Create: true})
	if errors.Is(err, typedmem.ErrBusy) {
		return status.Error(codes.Unavailable, err.Error())
	} else if err != nil {
		return status.Error(codes.Internal, err.Error())
	}
	_, err = arrowio.Append(trades, records)
	if err == nil {
		err = trades.Sync() // the client's rows are on the device before it is told
	}
	if err = errors.Join(err, trades.Close()); err != nil {
		return status.Error(codes.InvalidArgument, err.Error())
	}
	return stream.Send(&flight.PutResult{})
}
