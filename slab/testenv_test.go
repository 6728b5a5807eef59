package slab

import _ "github.com/typedmem/typedmem/internal/testenv"
