module github.com/typedmem/typedmem/examples

go 1.24.0

require (
	github.com/VictoriaMetrics/metrics v1.35.2
	github.com/schollz/progressbar/v3 v3.18.0
	github.com/typedmem/typedmem v0.0.0
	golang.org/x/sys v0.41.0
	golang.org/x/term v0.28.0
	gonum.org/v1/gonum v0.17.0
)

require (
	github.com/mitchellh/colorstring v0.0.0-20190213212951-d06e56a500db // indirect
	github.com/rivo/uniseg v0.4.7 // indirect
	github.com/valyala/fastrand v1.1.0 // indirect
	github.com/valyala/histogram v1.2.0 // indirect
	golang.org/x/exp v0.0.0-20260112195511-716be5621a96 // indirect
)

replace github.com/typedmem/typedmem => ../
