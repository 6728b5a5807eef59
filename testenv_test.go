package typedmem_test

import _ "github.com/typedmem/typedmem/internal/testenv"
