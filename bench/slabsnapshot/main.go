// Command slabsnapshot measures Slab.Snapshot beside goroutines that insert, store to and free
// objects all the time: how long it takes, and the longest of their calls meanwhile.
//
//	cd bench && go run ./slabsnapshot [-bytes N] [-dir DIR] [-file]
package main

import (
	"errors"
	"flag"
	"fmt"
	"log"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/typedmem/typedmem/slab"
)

var (
	total   = flag.Int("bytes", 1<<30, "bytes of all objects")
	dir     = flag.String("dir", os.TempDir(), "where the files are made")
	inFile  = flag.Bool("file", false, "the slab is a file in that directory")
	writers = flag.Int("writers", 1, "goroutines that change objects")
)

func main() {
	log.SetFlags(0)
	flag.Parse()
	where, err := os.MkdirTemp(*dir, "slabsnapshot")
	if err == nil {
		err = errors.Join(measure[[64]byte](where), measure[[1024]byte](where), os.RemoveAll(where))
	}
	if err != nil {
		log.Fatal(err)
	}
}

// measure saves a slab of T, once alone and three times beside the writers.
func measure[T any](where string) error {
	var zero T
	size := int(unsafe.Sizeof(zero))
	n := *total / size
	s, err := slab.New[T](n + n/8)
	if *inFile {
		s, err = slab.Create[T](filepath.Join(where, fmt.Sprint("origin", size)), n+n/8)
	}
	if err != nil {
		return err
	}
	defer s.Close()
	all := make([]slab.Handle[T], n)
	for i := range all {
		if all[i], err = s.Alloc(); err != nil {
			return err
		}
	}
	if err := s.Sync(); err != nil {
		return err
	}
	fmt.Printf("%d objects of %d bytes\n", n, size)
	for round := range 4 {
		var stop atomic.Bool
		var wg sync.WaitGroup
		k := *writers
		if round == 0 {
			k = 0
		}
		longest, calls := make([]time.Duration, k), make([]int, k)
		for i := range k {
			wg.Add(1)
			go func() {
				defer wg.Done()
				mine := all[i*n/k : (i+1)*n/k]
				for !stop.Load() {
					at := &mine[rand.IntN(len(mine))]
					begin := time.Now()
					var zero T
					err := errors.Join(s.Store(mine[rand.IntN(len(mine))], zero), s.Free(*at))
					if err == nil {
						*at, err = s.Insert(zero)
					}
					if err != nil {
						log.Print(err)
						return
					}
					calls[i]++
					longest[i] = max(longest[i], time.Since(begin))
				}
			}()
		}
		time.Sleep(200 * time.Millisecond)
		begin := time.Now()
		path := filepath.Join(where, "copy")
		err := s.Snapshot(path)
		took := time.Since(begin)
		stop.Store(true)
		wg.Wait()
		if err = errors.Join(err, os.Remove(path)); err != nil {
			return err
		}
		fmt.Printf("  %d writers: %v", k, took.Round(time.Millisecond))
		for i := range k {
			fmt.Printf(", %d rounds of Store, Free and Insert, the longest %v", calls[i], longest[i].Round(10*time.Microsecond))
		}
		fmt.Println()
	}
	return nil
}
