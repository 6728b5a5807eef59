package harness

import "testing"

// Benchmark runs one case as a standard Go benchmark, with the sizes of -quick.
func Benchmark(b *testing.B, c Case) {
	env, cleanup, err := newEnv(true, b.TempDir(), memoryDir(b.TempDir()))
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := cleanup(); err != nil {
			b.Error(err)
		}
	}()
	bench, err := c.Setup(env)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if bench.Reset != nil {
			b.StopTimer()
			if err := bench.Reset(); err != nil {
				b.Fatal(err)
			}
			b.StartTimer()
		}
		if err := bench.Run(1); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(bench.Ops), "ns/elem")
	if bench.Close != nil {
		if err := bench.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
