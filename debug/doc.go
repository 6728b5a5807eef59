// Package debug shows what a program has mapped: a page for a browser, the same as JSON, and an
// expvar variable. It is to mapped memory what net/http/pprof is to the heap.
//
//	http.Handle("/debug/typedmem", debug.Handler())
//
// # The page
//
// The page has totals and a box for each mapping: its name or file, what shows it, length,
// capacity, protection, pins, how full a slab is, and a strip of its parts from the first byte to
// the last, which is dark where they are in memory. It needs no script and loads nothing.
// Parameters of the address:
//
//   - n=100: list at most so many mappings, the longest first; 200 without it.
//   - refresh=5: load the page again after so many seconds.
//   - format=json: see below.
//
// # JSON
//
// The handler returns JSON for format=json, and for an Accept header that names application/json
// and not text/html. The object has these fields:
//
//   - Program, PID, Time: of the process.
//   - Stats: a [typedmem.Stats].
//   - Listed: how many mappings are in the list that follows. Resident and the strip are for these.
//   - Resident: bytes in memory, of all whose Resident is known.
//   - Mappings: an object for each, with the fields of a [typedmem.MappingInfo], and Resident in
//     bytes or null where the system does not tell, Estimated, and Parts: of equal parts of the
//     mapping, which share of each is in memory, from 0 to 1.
//
// A request asks the system about some million pages at most. In longer mappings it takes samples,
// and Estimated is true.
//
// # expvar
//
// Importing the package publishes the variable "typedmem", a [typedmem.Stats]. The import of expvar
// serves it under /debug/vars of [http.DefaultServeMux].
//
// # Who may see it
//
// Names of files and addresses tell an attacker much. Serve the handler where /debug/pprof would be
// served, and not to the public.
package debug
