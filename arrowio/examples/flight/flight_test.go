package main

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/flight"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/typedmem/typedmem/arrowio"
	"github.com/typedmem/typedmem/region"
)

// connect serves a folder and returns a client.
func connect(t *testing.T, folder string) flight.Client {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	addr, ended := make(chan string, 1), make(chan error, 1)
	go func() { ended <- run(ctx, "localhost:0", folder, func(at string) { addr <- at }) }()
	t.Cleanup(func() {
		stop()
		check(t, <-ended)
	})
	select {
	case err := <-ended:
		ended <- err
		t.Fatal(err)
		return nil
	case at := <-addr:
		client, err := flight.NewClientWithMiddleware(at, nil, nil, grpc.WithTransportCredentials(insecure.NewCredentials()))
		check(t, err)
		t.Cleanup(func() { check(t, client.Close()) })
		return client
	}
}

func trade(i int) Trade {
	return Trade{uint64(i), float64(i) / 8, uint32(i % 7), [4]byte{'A', byte(i), 'C', 'D'}}
}

// A client lists the tables, reads one whole, and what it appends is there for the next reader.
func TestClientReadsAndAppends(t *testing.T) {
	folder := t.TempDir()
	client := connect(t, folder)
	const n = 200_000 // several batches
	file, err := region.Create[Trade](filepath.Join(folder, "trades.tm"), n)
	check(t, err)
	for i := range n {
		file.Set(i, trade(i))
	}
	defer file.Close() // the writer has it open while clients read

	list, err := client.ListFlights(context.Background(), &flight.Criteria{})
	check(t, err)
	info, err := list.Recv()
	check(t, err)
	if info.TotalRecords != n || info.FlightDescriptor.Path[0] != "trades" {
		t.Errorf("the list has %v", info)
	}
	if _, err := list.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("the list goes on: %v", err)
	}
	info, err = client.GetFlightInfo(context.Background(), info.FlightDescriptor)
	check(t, err)
	if got := get(t, client, info.Endpoint[0].Ticket); got.Len() != n {
		t.Errorf("%d trades, want %d", got.Len(), n)
	} else {
		for i, x := range got.All() {
			if x != trade(i) {
				t.Fatalf("trade %d is %v, want %v", i, x, trade(i))
			}
		}
	}

	first, err := file.Sub(0, 1000)
	check(t, err)
	for range 2 {
		put(t, client, "copy", first)
	}
	got := get(t, client, &flight.Ticket{Ticket: []byte("copy")})
	if got.Len() != 2000 || got.At(1001) != trade(1) {
		t.Errorf("%d trades after two calls of 1000", got.Len())
	}
}

// get reads a table into a region.
func get(t *testing.T, client flight.Client, ticket *flight.Ticket) *region.Region[Trade] {
	t.Helper()
	stream, err := client.DoGet(context.Background(), ticket)
	check(t, err)
	records, err := flight.NewRecordReader(stream)
	check(t, err)
	defer records.Release()
	got, err := region.New[Trade](0)
	check(t, err)
	t.Cleanup(func() { check(t, got.Close()) })
	_, err = arrowio.Append(got, records)
	check(t, err)
	return got
}

// put sends trades to a table.
func put(t *testing.T, client flight.Client, name string, v region.View[Trade]) {
	t.Helper()
	stream, err := client.DoPut(context.Background())
	check(t, err)
	records, err := arrowio.NewReader(v, 300)
	check(t, err)
	defer records.Release()
	w := flight.NewRecordWriter(stream, ipc.WithSchema(records.Schema()))
	w.SetFlightDescriptor(&flight.FlightDescriptor{Type: flight.DescriptorPATH, Path: []string{name}})
	for records.Next() {
		check(t, w.Write(records.RecordBatch()))
	}
	check(t, records.Err())
	check(t, w.Close())
	check(t, stream.CloseSend())
	_, err = stream.Recv()
	check(t, err)
}

func TestNamesThatAreNoTables(t *testing.T) {
	folder := t.TempDir()
	client := connect(t, folder)
	other, err := region.Create[uint64](filepath.Join(folder, "other.tm"), 1)
	check(t, err)
	check(t, other.Close())
	for name, want := range map[string]codes.Code{
		"missing": codes.NotFound, "../missing": codes.InvalidArgument, "": codes.InvalidArgument, "other": codes.FailedPrecondition,
	} {
		stream, err := client.DoGet(context.Background(), &flight.Ticket{Ticket: []byte(name)})
		check(t, err)
		if _, err := stream.Recv(); status.Code(err) != want {
			t.Errorf("table %q: %v, want %v", name, err, want)
		}
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
