// Package inspect shows what a region, slab or blob file holds, without the Go type that it was
// made for: the file's own field list says where each number lies.
//
// [Stat] reads the header only. [Open] gives the elements: [File.Value] one number, [File.All] one
// row after the other, and [File.Elements] a part of the file, whose values a [Column] turns into
// Go values or text. Files of machines with the other byte order can be read too.
//
// The package reads files by system calls and maps no data. So a file that is cut off meanwhile, or
// a device that fails, is an error and never a fault. It changes nothing, and needs no more than
// the permission to read.
//
// # Files that are being written
//
// A file may have a writer. [File.Len] is the length when the file was opened, and [File.Refresh]
// takes over what was added since. An element that the writer is storing at that moment may be read
// half old and half new.
package inspect
