package sys

// addressSpace is 2 GiB for a 32-bit program, 4 GiB for one that says that it is aware of them, and
// 128 TiB for others. Source: learn.microsoft.com, "Memory Limits for Windows Releases".
func addressSpace() uint64 { return uint64(theSystem().highest) }
