package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
	"github.com/typedmem/typedmem/inspect"
)

func infoCommand() *cobra.Command {
	c := &cobra.Command{
		Use:   "info FILE",
		Short: "Show what a file says of itself",
		Long: `Show what a file says of itself: its kind, the type of its elements, how many
there are, and their fields. Only the header is read. With --format json it is one
object; with csv it is the fields.`,
		Example: `  typedmem info ticks.tm
  typedmem info --format json ticks.tm | jq .len`,
		Args:              exactly("FILE"),
		ValidArgsFunction: filesOnly,
	}
	f := formatFlag(c)
	c.RunE = func(c *cobra.Command, args []string) error {
		info, err := inspect.Stat(args[0])
		if info.Kind == "" { // not even the header
			return err
		}
		return errors.Join(printInfo(c.OutOrStdout(), *f, args[0], info), cutOff(err, args[0]))
	}
	return c
}

func printInfo(w io.Writer, f format, file string, info inspect.Info) error {
	if f == "json" {
		b, err := json.MarshalIndent(asJSON(file, info), "", "  ")
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "%s\n", b)
		return err
	}
	header := []string{"path", "kind", "offset", "bytes"}
	if f == "table" {
		header = []string{"FIELD", "KIND", "OFFSET", "BYTES"}
		if err := printHead(w, file, info); err != nil {
			return err
		}
	}
	to := f.to(w, header)
	for _, field := range info.Fields {
		if err := to.row([]any{field.Path, field.Kind, field.Offset, field.Size}); err != nil {
			return err
		}
	}
	return to.close()
}

// printHead prints what is not about the fields, a line each.
func printHead(w io.Writer, file string, info inspect.Info) error {
	elements := fmt.Sprintf("%d of %s", info.Len, count(uint64(info.ElementSize), "byte"))
	switch {
	case info.Kind == "slab":
		elements = fmt.Sprintf("%d of %s may be in use, %s each", info.Len, count(uint64(info.Capacity), "slot"), count(uint64(info.ElementSize), "byte"))
	case info.Kind == "blob":
		elements = count(uint64(info.Len), "byte") + " of blobs"
	case info.Width > 1:
		elements += fmt.Sprintf(", in %s of %d", count(uint64(info.Len/info.Width), "row"), info.Width)
	}
	if info.SyncedLen != info.Len {
		elements += fmt.Sprintf("; %d of them synced", info.SyncedLen)
	}
	writer := "nobody"
	if info.Writer != 0 {
		writer = fmt.Sprintf("process %d", info.Writer)
	}
	_, err := fmt.Fprintf(w, "%s: %s of %s, format version %d, %s-endian\nelements: %s\nfile: %s, open for writing by %s\n\n",
		file, info.Kind, visible(info.Type), info.Version, info.ByteOrder, elements, size(uint64(info.FileSize)), writer)
	return err
}

// infoJSON is Info with the names that JSON has.
type infoJSON struct {
	File        string      `json:"file"`
	Kind        string      `json:"kind"`
	Type        string      `json:"type"`
	Version     int         `json:"version"`
	ByteOrder   string      `json:"byte_order"`
	ElementSize int         `json:"element_size"`
	Len         int         `json:"len"`
	SyncedLen   int         `json:"synced_len"`
	Width       int         `json:"width"`
	Capacity    int         `json:"capacity"`
	Writer      int         `json:"writer"`
	FileSize    int64       `json:"file_size"`
	Fields      []fieldJSON `json:"fields"`
}

type fieldJSON struct {
	Path   string `json:"path"`
	Kind   string `json:"kind"`
	Offset int    `json:"offset"`
	Bytes  int    `json:"bytes"`
}

func asJSON(file string, info inspect.Info) infoJSON {
	j := infoJSON{
		file, info.Kind, info.Type, info.Version, info.ByteOrder, info.ElementSize, info.Len, info.SyncedLen, info.Width, info.Capacity,
		info.Writer, info.FileSize, []fieldJSON{},
	}
	for _, f := range info.Fields {
		j.Fields = append(j.Fields, fieldJSON{f.Path, f.Kind, f.Offset, f.Size})
	}
	return j
}
