package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/typedmem/typedmem/region"
)

// contender is a way to copy the file of a region that is being written.
type contender struct {
	name string
	// copy makes the copy, and returns how long it took until the copy was complete. When it
	// returns the copy and its name are on the device.
	copy func(ctx context.Context, r *region.Region[element], from, to string) (time.Duration, error)
	// check says whether the copy is of one moment: with min to max elements.
	check func(to string, min, max int) error
}

func contenders(alone time.Duration) []contender {
	return []contender{
		{name: "no copy", copy: func(ctx context.Context, _ *region.Region[element], _, _ string) (time.Duration, error) {
			select {
			case <-ctx.Done():
			case <-time.After(alone):
			}
			return alone, ctx.Err()
		}},
		{name: "Region.Snapshot", check: checkSnapshot, copy: func(_ context.Context, r *region.Region[element], _, to string) (time.Duration, error) {
			begin := time.Now()
			err := r.Snapshot(to)
			return time.Since(begin), err
		}},
		command("cp --reflink=never", "cp", "--reflink=never"),
		command("cp", "cp"),
		command("cp --reflink=always", "cp", "--reflink=always"),
	}
}

// command is a contender that runs a program with the two names, and then syncs the copy.
func command(name string, args ...string) contender {
	return contender{name: name, copy: func(ctx context.Context, _ *region.Region[element], from, to string) (time.Duration, error) {
		begin := time.Now()
		out, err := exec.CommandContext(ctx, args[0], append(args[1:], from, to)...).CombinedOutput()
		took := time.Since(begin)
		if err != nil {
			return 0, fmt.Errorf("%s: %w: %s", name, err, strings.TrimSpace(string(out)))
		}
		return took, errors.Join(syncPath(to), syncPath(filepath.Dir(to)))
	}}
}

func syncPath(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// checkSnapshot compares each element. cp promises nothing of the kind of a file that changes.
func checkSnapshot(to string, min, max int) error {
	r, err := region.Open[element](to)
	if err != nil {
		return err
	}
	if n := r.Len(); n < min || n > max {
		err = fmt.Errorf("the snapshot has %d elements, want %d to %d", n, min, max)
	} else {
		err = whole(r.View())
	}
	return errors.Join(err, r.Close())
}
