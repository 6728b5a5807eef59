package sys

// WritesShowInMappings says whether a mapping shows what a call writes to its file. OpenBSD has a
// separate buffer cache.
const WritesShowInMappings = false
