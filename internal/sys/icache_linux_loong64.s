#include "textflag.h"

// LoongArch Reference Manual volume 1, 2.2.8.2 "IBAR". The hardware keeps the caches coherent; the
// barrier makes later fetches see earlier stores.

// func flushInstructionLines(start, end uintptr)
TEXT ·flushInstructionLines(SB), NOSPLIT, $0-16
	DBAR
	WORD $0x38728000 // IBAR 0
	RET
