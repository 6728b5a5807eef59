package flags

// Flags that can also be given later, as advice about a range.
const (
	// NoCoreDump keeps the mapping out of core dumps.
	//   - Linux, Android: MADV_DONTDUMP. FreeBSD, DragonFly: MADV_NOCORE. OpenBSD: MAP_CONCEAL.
	//   - NetBSD, macOS, iOS, Windows: no-op.
	NoCoreDump Map = firstAdvice << iota

	// TransparentHugePages asks the kernel to back the mapping with huge pages when it can.
	//   - Linux, Android: MADV_HUGEPAGE. Others: no-op.
	TransparentHugePages

	// Sequential says that pages will be read in order. Unix: MADV_SEQUENTIAL. Windows: no-op.
	Sequential

	// RandomAccess says that pages will be read in no order. Unix: MADV_RANDOM. Windows: no-op.
	RandomAccess

	// WillNeed says that the pages will be read soon. Unix: MADV_WILLNEED. Windows:
	// PrefetchVirtualMemory.
	WillNeed

	// DontNeed says that the pages will not be read soon. It drops what was written to private
	// memory: on Linux anonymous memory then reads as zero, and memory of a file as the file. Unix:
	// MADV_DONTNEED. Windows: no-op.
	DontNeed

	mapEnd
)

// Advice is the set of flags that (*typedmem.Mapping).Advise accepts.
const Advice = NoCoreDump | TransparentHugePages | Sequential | RandomAccess | WillNeed | DontNeed

var adviceNames = []string{"NoCoreDump", "TransparentHugePages", "Sequential", "RandomAccess", "WillNeed", "DontNeed"}
