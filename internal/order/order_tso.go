//go:build amd64 || s390x

package order

// Strong: this processor keeps stores in program order, and loads too. So a plain aligned store
// publishes what was written before it, and two loads or two stores need no fence between them. The
// compiler moves no store over another one, and no load over a store.
const Strong = true

func Fence() {}
