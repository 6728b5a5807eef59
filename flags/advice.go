package flags

// Flags that can also be given later, as advice about a range. Sources: madvise(2) of each system,
// minherit(2).
const (
	// NoCoreDump keeps the mapping out of core dumps.
	//   - Linux, Android: MADV_DONTDUMP. FreeBSD, DragonFly: MADV_NOCORE. OpenBSD: MAP_CONCEAL.
	//   - NetBSD, macOS, iOS, Windows: no-op.
	NoCoreDump Map = firstAdvice << iota

	// TransparentHugePages asks the kernel to back the mapping with huge pages when it can.
	//   - Linux, Android: MADV_HUGEPAGE. Others: no-op.
	//   - In a file whose file system has large folios (XFS; ext4 since Linux 6.16) the page cache
	//     gets huge pages where this mapping is the first to touch them. Others that map the file
	//     use them too. To find such pages takes the kernel time.
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

	// Cold says that the pages will not be needed for a while: when memory is short they go first.
	// Nothing is dropped.
	//   - Linux since 5.4, Android: MADV_COLD. Others: no-op.
	Cold

	// PageOut has the pages leave memory now: those of a file are written if they changed, others
	// go to swap space if there is any. The next access brings them back, which takes time.
	//   - Linux since 5.4, Android: MADV_PAGEOUT, for files that the process owns or may write.
	//     Others: no-op.
	PageOut

	// Free says that the contents are not needed any more: until they are written again, bytes may
	// read as they were or as zero. It is for private anonymous memory; Advise returns ErrOperation
	// for other memory, whose contents belong to the file or to others too. Like DontNeed it never
	// reaches a byte outside the range.
	//   - Linux since 4.5, Android, macOS, iOS, FreeBSD, DragonFly, NetBSD, OpenBSD: MADV_FREE.
	//   - Windows: no-op.
	Free

	// Collapse has the kernel put the memory into huge pages now, as many of them as lie within the
	// range, and waits for that. Where they cannot be had nothing changes.
	//   - Linux since 6.1, Android: MADV_COLLAPSE. Others: no-op.
	Collapse

	// NoHugePages keeps the kernel from backing the mapping with huge pages of its own accord.
	// After TransparentHugePages it undoes that.
	//   - Linux, Android: MADV_NOHUGEPAGE. Others: no-op.
	NoHugePages

	// DontFork leaves the memory out of child processes that fork(2) makes. The os/exec package
	// needs none of it; C code that forks may.
	//   - Linux, Android: MADV_DONTFORK. macOS, iOS, FreeBSD, DragonFly, NetBSD: minherit(2).
	//   - OpenBSD, Windows: no-op.
	DontFork

	// Mergeable lets the kernel keep pages with equal contents once, which takes it time, and lets
	// others find out by timing what the pages hold. It works for private anonymous memory.
	//   - Linux, Android: MADV_MERGEABLE, where the administrator has started KSM. Others: no-op.
	Mergeable

	mapEnd
)

// Advice is the set of flags that (*typedmem.Mapping).Advise accepts.
const Advice = NoCoreDump | TransparentHugePages | Sequential | RandomAccess | WillNeed | DontNeed |
	Cold | PageOut | Free | Collapse | NoHugePages | DontFork | Mergeable

var adviceNames = []string{"NoCoreDump", "TransparentHugePages", "Sequential", "RandomAccess", "WillNeed", "DontNeed",
	"Cold", "PageOut", "Free", "Collapse", "NoHugePages", "DontFork", "Mergeable"}
