// Flight serves the region files of a folder to any Arrow Flight client, such as Spark, Dask or
// PyArrow, and appends what a client sends. From the folder arrowio:
//
//	go run ./examples/flight -addr localhost:8815 FOLDER
//
// In Python:
//
//	client = pyarrow.flight.connect("grpc://localhost:8815")
//	table = client.do_get(pyarrow.flight.Ticket(b"trades")).read_all()
//
// A table is the file FOLDER/NAME.tm with records of type Trade, and FlightDescriptor and Ticket
// are its name. The server has neither encryption nor users.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"

	"github.com/apache/arrow-go/v18/arrow/flight"
)

func main() {
	addr := flag.String("addr", "localhost:8815", "where to listen")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: flight [-addr A] FOLDER")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *addr, flag.Arg(0), func(at string) { fmt.Println("serving", flag.Arg(0), "at", at) }); err != nil {
		fmt.Fprintln(os.Stderr, "flight:", err)
		os.Exit(1)
	}
}

// run serves a folder until the context ends. It calls ready with the address.
func run(ctx context.Context, addr, folder string, ready func(addr string)) error {
	s := flight.NewServerWithMiddleware(nil)
	if err := s.Init(addr); err != nil {
		return err
	}
	s.RegisterFlightService(&server{folder: folder})
	defer context.AfterFunc(ctx, s.Shutdown)()
	ready(s.Addr().String())
	return s.Serve()
}
