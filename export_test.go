package typedmem

// CollectNothing has closed mappings start no collection until the function that it returns is
// called.
func CollectNothing() (restore func()) {
	old := manyBytes
	manyBytes = 1 << 63
	return func() { manyBytes = old }
}

// HoldLock locks m as a method does that is at work, until unlock is called.
func HoldLock(m *Mapping) (unlock func()) {
	m.mu.Lock()
	return m.mu.Unlock
}
