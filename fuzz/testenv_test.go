package fuzz

import _ "github.com/typedmem/typedmem/internal/testenv"
