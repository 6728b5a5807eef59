package region_test

import _ "github.com/typedmem/typedmem/internal/testenv"
