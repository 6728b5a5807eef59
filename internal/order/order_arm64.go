package order

// Strong: see order_tso.go.
const Strong = false

// Fence keeps the loads and stores before it from being seen after those that follow: DMB ISH. Go's
// atomics (LDAR, STLR) order one way only.
func Fence()
