//go:build (linux && (ppc64 || ppc64le)) || (openbsd && ppc64)

#include "textflag.h"

// Power ISA 3.1 Book II, 1.8 "Instruction Storage". The smallest line of these processors has 32
// bytes; a longer line is flushed more than once.

// func flushInstructionLines(start, end uintptr)
TEXT ·flushInstructionLines(SB), NOSPLIT, $0-16
	MOVD start+0(FP), R3
	MOVD end+8(FP), R4
	MOVD $~31, R5
	AND  R5, R3
	MOVD R3, R6
clean:
	DCBST (R6)
	ADD   $32, R6
	CMPU  R6, R4
	BLT   clean
	SYNC
drop:
	ICBI (R3)
	ADD  $32, R3
	CMPU R3, R4
	BLT  drop
	SYNC
	ISYNC
	RET
