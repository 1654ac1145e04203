/* What an ARM instruction is and what it moves, read off its encoding alone.

   Class names and byte counts are those of the counts that core profiles are fitted on. Encodings
   are the Arm Architecture Reference Manual's (ARM DDI 0487, C4 for A64, F3 and F4 for T32, A32). */
#ifndef ARCHSEARCH_INSTRUCTIONS_H
#define ARCHSEARCH_INSTRUCTIONS_H

#include <stdint.h>

enum class {
    FMA_Q,  /* vector multiply-accumulate, dot and matrix products, 128 bits */
    FMA_D,  /* the same, 64 bits */
    FMA_S,  /* scalar floating-point multiply-accumulate */
    FPDIV,  /* floating-point division and square root, scalar or vector */
    VARITH, /* any other arithmetic on SIMD and floating-point registers */
    VPERM,  /* moves within or into SIMD registers: zip, tbl, ext, dup, ins, constants */
    VLD,    /* load into SIMD and floating-point registers */
    VST,    /* store from them */
    ILD,    /* load into general registers, atomics included */
    IST,    /* store from them */
    PRF,    /* prefetch */
    ALU,    /* integer arithmetic, logic, moves */
    IMUL,   /* integer multiplication */
    IDIV,   /* integer division */
    BR,     /* branches, system calls, barriers, system registers */
    CLASSES
};

struct effect {
    enum class class;
    uint32_t loaded; /* bytes */
    uint32_t stored;
};

struct effect effect_a64(uint32_t word);
struct effect effect_a32(uint32_t word);
struct effect effect_t16(uint32_t half);
/* A 32-bit Thumb instruction: the first half-word in the upper bits. */
struct effect effect_t32(uint32_t word);

#endif
