package main

import (
	_ "embed"
	"os/exec"
	"sync"
)

// numpyScript is the service with NumPy: np.load with mmap_mode, which checks the type, and the
// matrix product of OpenBLAS on two threads.
//
//go:embed vectors_numpy.py
var numpyScript string

// python returns the first interpreter that has NumPy, or nothing: the first one on the path need
// not be that of the system, for which packages of the system are.
var python = sync.OnceValue(func() string {
	for _, name := range []string{"python3", "/usr/bin/python3"} {
		if exec.Command(name, "-c", "import numpy").Run() == nil {
			return name
		}
	}
	return ""
})
