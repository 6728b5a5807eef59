package sys

// WritesShowInMappings says whether a mapping shows what a call writes to its file. OpenBSD has a
// buffer cache beside the pages of mappings.
const WritesShowInMappings = false
