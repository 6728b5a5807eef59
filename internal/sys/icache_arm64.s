//go:build linux || darwin || freebsd || netbsd || openbsd

#include "textflag.h"

// Arm Architecture Reference Manual for A-profile, B2.7.4.2 "Instruction cache maintenance" and the
// sequence of K13.5. __clear_cache of LLVM's compiler-rt does the same.

#define DC_CVAU_R4 WORD $0xd50b7b24 // DC CVAU, X4
#define IC_IVAU_R4 WORD $0xd50b7524 // IC IVAU, X4
#define DSB_ISH    DSB $11
#define ISB_SY     ISB $15

// func flushInstructionLines(start, end uintptr)
TEXT ·flushInstructionLines(SB), NOSPLIT, $0-16
	MOVD start+0(FP), R0
	MOVD end+8(FP), R1
#ifdef GOOS_darwin
	// Programs cannot read CTR_EL0 here. Every Apple core has lines of 64 bytes or more.
	MOVD $64, R2
	MOVD $64, R3
#else
#ifdef GOOS_ios
	MOVD $64, R2
	MOVD $64, R3
#else
	WORD $0xd53b0025 // MRS CTR_EL0, X5: log2 of the words in the smallest lines, data in bits 19:16, instructions in 3:0
	UBFX $16, R5, $4, R6
	UBFX $0, R5, $4, R7
	MOVD $4, R8
	LSL  R6, R8, R2
	LSL  R7, R8, R3
#endif
#endif
	SUB $1, R2, R6
	BIC R6, R0, R4
clean:
	DC_CVAU_R4
	ADD R2, R4
	CMP R1, R4
	BLO clean
	DSB_ISH
	SUB $1, R3, R6
	BIC R6, R0, R4
drop:
	IC_IVAU_R4
	ADD R3, R4
	CMP R1, R4
	BLO drop
	DSB_ISH
	ISB_SY
	RET
