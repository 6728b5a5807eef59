package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"

	"github.com/VictoriaMetrics/metrics"
	"github.com/typedmem/typedmem"
	"github.com/typedmem/typedmem/region"
)

// expose writes the counters, and what the process has mapped, in the text format of Prometheus.
func expose(r *region.Region[Counters]) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		now, err := current(r)
		if err != nil {
			http.Error(w, "the counters cannot be read now: "+err.Error(), http.StatusServiceUnavailable)
			return
		}
		var b bytes.Buffer
		for worker, s := range now.Workers {
			label := labels("worker", strconv.Itoa(worker))
			metrics.WriteCounterUint64(&b, "lines_total"+label, s.Lines)
			metrics.WriteCounterUint64(&b, "line_bytes_total"+label, s.Bytes)
			metrics.WriteCounterUint64(&b, "line_errors_total"+label, s.Errors)
			metrics.WriteCounterUint64(&b, "worker_starts_total"+label, s.Starts)
		}
		writeMemory(&b)
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_, _ = w.Write(b.Bytes()) // an error is the client's: it has gone
	}
}

// writeMemory writes the metrics of mapped memory.
func writeMemory(w io.Writer) {
	s := typedmem.ReadStats()
	metrics.WriteGaugeUint64(w, "typedmem_mappings", uint64(s.Mappings))
	metrics.WriteGaugeUint64(w, "typedmem_mapped_bytes", s.MappedBytes)
	metrics.WriteGaugeUint64(w, "typedmem_reserved_bytes", s.ReservedBytes)
	metrics.WriteGaugeUint64(w, "typedmem_held_bytes", s.HeldBytes)
	metrics.WriteCounterUint64(w, "typedmem_faults_total", s.Faults)
	for _, m := range typedmem.Mappings() {
		// The address tells mappings of the same file apart.
		label := labels("name", m.Name, "file", m.File, "kind", m.Kind, "addr", fmt.Sprintf("%#x", m.Addr))
		metrics.WriteGaugeUint64(w, "typedmem_mapping_bytes"+label, uint64(m.Len))
		metrics.WriteGaugeUint64(w, "typedmem_mapping_pins"+label, uint64(m.Pins))
		if bytes, err := m.Resident(0, m.Len); err == nil { // not every system tells, nor for every file
			metrics.WriteGaugeUint64(w, "typedmem_mapping_resident_bytes"+label, uint64(bytes))
		}
		if m.Slots > 0 {
			metrics.WriteGaugeUint64(w, "typedmem_slab_objects"+label, uint64(m.Objects))
			metrics.WriteGaugeUint64(w, "typedmem_slab_slots"+label, uint64(m.Slots))
		}
	}
}

var escaped = strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`)

// labels makes labels of names and values.
func labels(pairs ...string) string {
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		fmt.Fprintf(&b, `,%s="%s"`, pairs[i], escaped.Replace(pairs[i+1]))
	}
	return "{" + b.String()[1:] + "}"
}
