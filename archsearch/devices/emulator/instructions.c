/* Classes and memory traffic of A64, A32 and T32 instructions; see instructions.h.

   Data processing is a table of (mask, value, class), the first row that fits wins. Loads and stores
   are worked out, because the bytes they move depend on several fields. */
#include "instructions.h"

#include <stddef.h>

/* A vector multiply-accumulate whose width stands in a bit of the encoding. */
#define FMA_BY_Q CLASSES

struct row {
    uint32_t mask, value;
    int class;
};

static uint32_t bits(uint32_t word, int high, int low)
{
    return (word >> low) & ((2u << (high - low)) - 1u);
}

static struct effect plain(enum class class)
{
    return (struct effect){class, 0, 0};
}

static struct effect moves(int is_load, enum class load, enum class store, uint32_t bytes)
{
    if (is_load)
        return (struct effect){load, bytes, 0};
    return (struct effect){store, 0, bytes};
}

static int look_up(const struct row *row, uint32_t word, int is_wide)
{
    while ((word & row->mask) != row->value)
        row++;
    return row->class == FMA_BY_Q ? (is_wide ? FMA_Q : FMA_D) : row->class;
}

/* ------------------------------------------------------------------------------------- A64 */

static const struct row A64[] = {
    {0x9f000000, 0x9e000000, VARITH},   /* FMOV and conversions with X registers, crypto */
    {0xff000000, 0x1f000000, FMA_S},    /* FMADD, FMSUB, FNMADD, FNMSUB */
    {0xff20fc00, 0x1e201800, FPDIV},    /* FDIV, scalar */
    {0xff3ffc00, 0x1e21c000, FPDIV},    /* FSQRT, scalar */
    {0xdf008400, 0x5f000000, FMA_S},    /* FMLA, FMLS and the like, scalar by element */
    {0xbf20fc00, 0x0e20cc00, FMA_BY_Q}, /* FMLA, FMLS */
    {0x9f20fc00, 0x0e209400, FMA_BY_Q}, /* MLA, MLS */
    {0xbf20fc00, 0x0e20ec00, FMA_BY_Q}, /* FMLAL, FMLSL */
    {0xbf20fc00, 0x2e20cc00, FMA_BY_Q}, /* FMLAL2, FMLSL2 */
    {0xbfa0fc00, 0x2e20fc00, FPDIV},    /* FDIV */
    {0xbfbffc00, 0x2ea1f800, FPDIV},    /* FSQRT */
    {0xbffffc00, 0x2ef9f800, FPDIV},    /* FSQRT, half precision */
    {0xbf60fc00, 0x0e400c00, FMA_BY_Q}, /* FMLA, FMLS, half precision */
    {0xbfe0fc00, 0x2e403c00, FPDIV},    /* FDIV, half precision */
    {0x9f60c400, 0x0e400400, VARITH},   /* other half precision, three registers */
    {0xbf20ec00, 0x2e00e400, VARITH},   /* FCADD */
    {0x9f208400, 0x0e008400, FMA_BY_Q}, /* SDOT, UDOT, FCMLA, BFDOT, SMMLA, SQRDMLAH */
    {0x9f20cc00, 0x0e208000, FMA_Q},    /* SMLAL, SMLSL, SQDMLAL: two 64-bit into one of 128 */
    {0x9f200000, 0x0e000000, VPERM},    /* ZIP, UZP, TRN, EXT, TBL, DUP, INS, UMOV */
    {0x9f000000, 0x0e000000, VARITH},
    {0x9f008400, 0x0f000000, FMA_BY_Q}, /* FMLA, FMLS, MLA, SMLAL, FCMLA by element */
    {0x9f00f400, 0x0f00e000, FMA_BY_Q}, /* SDOT, UDOT by element */
    {0x9f780400, 0x0f000400, VPERM},    /* MOVI, MVNI, FMOV of a constant */
    {0x0e000000, 0x0e000000, VARITH},
    {0x1c000000, 0x14000000, BR},
    {0x1f000000, 0x1b000000, IMUL},
    {0x7fe0f800, 0x1ac00800, IDIV},
    {0x00000000, 0x00000000, ALU},
};

/* LD1 to ST4. Registers by opcode of the form with several structures; 0 is unallocated. */
static const uint8_t STRUCTURE_REGISTERS[16] = {4, 0, 4, 0, 3, 0, 3, 1, 2, 0, 2};

static uint32_t a64_structure_bytes(uint32_t word)
{
    if (!(word & 1u << 24))
        return STRUCTURE_REGISTERS[bits(word, 15, 12)] * (word & 1u << 30 ? 16 : 8);
    uint32_t registers = (bits(word, 13, 13) << 1 | bits(word, 21, 21)) + 1;
    uint32_t scale = bits(word, 15, 14);
    if (scale == 3) /* LD1R: one element into all lanes */
        scale = bits(word, 11, 10);
    else if (scale == 2 && word & 1u << 10)
        scale = 3;
    return registers << scale;
}

static struct effect a64_literal(uint32_t word, int is_vector)
{
    uint32_t size = bits(word, 31, 30);
    if (is_vector)
        return (struct effect){VLD, 4u << size, 0};
    if (size == 3)
        return plain(PRF);
    return (struct effect){ILD, size == 1 ? 8 : 4, 0};
}

static struct effect a64_pair(uint32_t word, int is_vector)
{
    uint32_t size = bits(word, 31, 30);
    int is_load = word >> 22 & 1;
    if (is_vector)
        return moves(is_load, VLD, VST, 8u << size);
    return moves(is_load, ILD, IST, size == 2 ? 16 : 8);
}

static struct effect a64_single(uint32_t word, int is_vector)
{
    uint32_t size = bits(word, 31, 30), opc = bits(word, 23, 22);
    if (is_vector)
        return moves(opc & 1, VLD, VST, 1u << ((opc >> 1) << 2 | size));
    if ((word & 0x3f200c00) == 0x38200000) /* LDADD, SWP and the other atomics read and write */
        return (struct effect){ILD, 1u << size, 1u << size};
    if (size == 3 && opc == 2)
        return plain(PRF);
    return moves(opc != 0, ILD, IST, 1u << size);
}

/* LDXR, STLR, CAS and their kind; a pair where bit 21 is set and bit 23 is not. */
static struct effect a64_exclusive(uint32_t word)
{
    int is_pair = bits(word, 23, 23) == 0 && bits(word, 21, 21);
    return moves(word >> 22 & 1, ILD, IST, 1u << (bits(word, 31, 30) + is_pair));
}

static struct effect a64_memory(uint32_t word)
{
    int is_vector = word >> 26 & 1;
    if ((word & 0xbe000000) == 0x0c000000)
        return moves(word >> 22 & 1, VLD, VST, a64_structure_bytes(word));
    switch (bits(word, 29, 28)) {
    case 0:
        return a64_exclusive(word);
    case 1:
        if (word & 1u << 24) /* LDAPUR, STLUR */
            return moves(bits(word, 23, 22) != 0, ILD, IST, 1u << bits(word, 31, 30));
        return a64_literal(word, is_vector);
    case 2:
        return a64_pair(word, is_vector);
    default:
        return a64_single(word, is_vector);
    }
}

struct effect effect_a64(uint32_t word)
{
    if ((word & 0x0a000000) == 0x08000000)
        return a64_memory(word);
    return plain(look_up(A64, word, word >> 30 & 1));
}

/* ---------------------------------------------------------------- A32 and T32: SIMD and VFP */

/* Advanced SIMD data processing in its A32 form (1111001U...). */
static const struct row NEON[] = {
    {0x01800f10, 0x00000d10, FMA_BY_Q}, /* VMLA, VMLS, floating point */
    {0x01800f10, 0x00000c10, FMA_BY_Q}, /* VFMA, VFMS */
    {0x00800f10, 0x00000900, FMA_BY_Q}, /* VMLA, VMLS, integer */
    {0x00800000, 0x00000000, VARITH},
    {0x01b00000, 0x00b00000, VPERM},    /* VEXT */
    {0x01b30e10, 0x01b20000, VPERM},    /* VSWP, VTRN, VUZP, VZIP */
    {0x01b00810, 0x01b00000, VARITH},   /* two registers */
    {0x01b00810, 0x01b00800, VPERM},    /* VTBL, VTBX, VDUP of a lane */
    {0x00800b50, 0x00800240, FMA_Q},    /* VMLAL, VMLSL by scalar */
    {0x00800a50, 0x00800040, FMA_BY_Q}, /* VMLA, VMLS by scalar */
    {0x00800050, 0x00800040, VARITH},
    {0x00800d50, 0x00800800, FMA_Q},    /* VMLAL, VMLSL */
    {0x00b80090, 0x00800010, VPERM},    /* VMOV, VMVN of a constant */
    {0x00000000, 0x00000000, VARITH},
};

/* The bit that says 128 bits: 24 in the forms by scalar, 6 in the others. */
static struct effect neon(uint32_t word)
{
    int by_scalar = (word & 0x00800050) == 0x00800040 && bits(word, 21, 20) != 3;
    return plain(look_up(NEON, word, word >> (by_scalar ? 24 : 6) & 1));
}

/* VFP data processing and transfers in their A32 form (cccc1110...). */
static const struct row VFP[] = {
    {0x00000010, 0x00000010, VPERM},  /* VMOV with a general register, VMRS, VDUP */
    {0x00a00000, 0x00000000, FMA_S},  /* VMLA, VMLS, VNMLA, VNMLS */
    {0x00b00000, 0x00800000, FPDIV},  /* VDIV */
    {0x00b00000, 0x00900000, FMA_S},  /* VFNMA, VFNMS */
    {0x00b00000, 0x00a00000, FMA_S},  /* VFMA, VFMS */
    {0x00bf00c0, 0x00b100c0, FPDIV},  /* VSQRT */
    {0x00000000, 0x00000000, VARITH},
};

static struct effect vfp_memory(uint32_t word)
{
    if ((word & 0x01e00000) == 0x00400000)
        return plain(VPERM); /* VMOV with two general registers */
    int is_single = (word & 0x01200000) == 0x01000000;
    uint32_t bytes = is_single ? (bits(word, 8, 8) ? 8 : 4) : 4 * (bits(word, 7, 0) & ~1u);
    if (!is_single && !bits(word, 8, 8))
        bytes = 4 * bits(word, 7, 0);
    return moves(word >> 20 & 1, VLD, VST, bytes);
}

static struct effect coprocessor(uint32_t word)
{
    if (bits(word, 11, 9) != 5)
        return plain(bits(word, 27, 24) == 15 ? BR : ALU);
    if (bits(word, 27, 25) == 6)
        return vfp_memory(word);
    return plain(look_up(VFP, word, 0));
}

/* VLD1 to VST4: registers by type of the form with several structures. */
static const uint8_t NEON_REGISTERS[16] = {4, 4, 4, 4, 3, 3, 3, 1, 2, 2, 2};

static struct effect neon_memory(uint32_t word)
{
    uint32_t bytes;
    if (!(word & 1u << 23)) {
        bytes = 8 * NEON_REGISTERS[bits(word, 11, 8)];
    } else {
        uint32_t scale = bits(word, 11, 10);
        if (scale == 3) /* to all lanes */
            scale = bits(word, 7, 6) == 3 ? 2 : bits(word, 7, 6);
        bytes = (bits(word, 9, 8) + 1) << scale;
    }
    return moves(word >> 21 & 1, VLD, VST, bytes);
}

/* ------------------------------------------------------------------------------------- A32 */

static struct effect a32_unconditional(uint32_t word)
{
    if (bits(word, 27, 25) == 1)
        return neon(word);
    if (bits(word, 27, 24) == 4 && !(word & 1u << 20))
        return neon_memory(word);
    if ((word & 0x0d700000) == 0x05500000) /* PLD */
        return plain(PRF);
    if ((word & 0x0d700000) == 0x04500000 || (word & 0x0d700000) == 0x05100000)
        return plain(PRF); /* PLI, PLDW */
    if (bits(word, 27, 24) == 14 && bits(word, 11, 9) == 5)
        return plain(VARITH); /* VSEL, VMAXNM, VRINT */
    return plain(BR);
}

/* Bits 27:25 are 000 with bits 7 and 4 set: multiplications, half-words, doubles, exclusives. */
static struct effect a32_extra(uint32_t word)
{
    static const uint8_t EXCLUSIVE_BYTES[4] = {4, 8, 1, 2};
    int is_load = word >> 20 & 1;
    switch (bits(word, 6, 5)) {
    case 0:
        if (!(word & 1u << 24))
            return plain(IMUL);
        return moves(is_load, ILD, IST, EXCLUSIVE_BYTES[bits(word, 22, 21)]);
    case 1:
        return moves(is_load, ILD, IST, 2);
    case 2: /* LDRSB, or LDRD where the load bit is clear */
        return (struct effect){ILD, is_load ? 1 : 8, 0};
    default: /* LDRSH, or STRD */
        return moves(is_load, ILD, IST, is_load ? 2 : 8);
    }
}

static const struct row A32_MISCELLANEOUS[] = {
    {0x0fffffd0, 0x012fff10, BR},   /* BX, BLX */
    {0x0f900090, 0x01000080, IMUL}, /* SMLAxy and their kind */
    {0x0fd000f0, 0x07100010, IDIV},
    {0x0f800010, 0x07000010, IMUL}, /* SMLAD, SMMLA, USAD8 */
    {0x00000000, 0x00000000, ALU},
};

struct effect effect_a32(uint32_t word)
{
    int is_load = word >> 20 & 1;
    if (word >> 28 == 15)
        return a32_unconditional(word);
    switch (bits(word, 27, 25)) {
    case 0:
        if ((word & 0x90) == 0x90)
            return a32_extra(word);
        break;
    case 3:
        if (word & 0x10)
            break;
        /* fall through */
    case 2:
        return moves(is_load, ILD, IST, word & 1u << 22 ? 1 : 4);
    case 4:
        return moves(is_load, ILD, IST, 4u * __builtin_popcount(word & 0xffff));
    case 5:
        return plain(BR);
    case 6:
    case 7:
        return coprocessor(word);
    default:
        break;
    }
    return plain(look_up(A32_MISCELLANEOUS, word, 0));
}

/* ------------------------------------------------------------------------------------- T32 */

static struct effect t16_memory(uint32_t half)
{
    /* STR, STRH, STRB, LDRSB, LDR, LDRH, LDRB, LDRSH with a register offset. */
    static const uint8_t BY_REGISTER[8] = {4, 2, 1, 1, 4, 2, 1, 2};
    switch (half >> 12) {
    case 5:
        return moves(bits(half, 11, 9) >= 3, ILD, IST, BY_REGISTER[bits(half, 11, 9)]);
    case 7:
        return moves(half >> 11 & 1, ILD, IST, 1);
    case 8:
        return moves(half >> 11 & 1, ILD, IST, 2);
    case 12:
        return moves(half >> 11 & 1, ILD, IST, 4u * __builtin_popcount(half & 0xff));
    default:
        return moves(half >> 11 & 1, ILD, IST, 4);
    }
}

static struct effect t16_miscellaneous(uint32_t half)
{
    uint32_t bytes = 4u * __builtin_popcount(half & 0x1ff);
    if ((half & 0xfe00) == 0xb400) /* PUSH */
        return (struct effect){IST, 0, bytes};
    if ((half & 0xfe00) == 0xbc00) /* POP; a branch where it loads the program counter */
        return (struct effect){half & 0x100 ? BR : ILD, bytes, 0};
    return plain((half & 0xf500) == 0xb100 ? BR : ALU); /* CBZ, CBNZ */
}

struct effect effect_t16(uint32_t half)
{
    switch (half >> 12) {
    case 4:
        if (half & 0x800)
            return (struct effect){ILD, 4, 0};
        if ((half & 0xff00) == 0x4700)
            return plain(BR);
        return plain((half & 0xffc0) == 0x4340 ? IMUL : ALU);
    case 5:
    case 6:
    case 7:
    case 8:
    case 9:
    case 12:
        return t16_memory(half);
    case 11:
        return t16_miscellaneous(half);
    case 13:
    case 14:
        return plain(BR);
    default:
        return plain(ALU);
    }
}

/* LDM, STM, LDRD, exclusives, TBB: first half-word 1110100 with the load bit at 20. */
static struct effect t32_several(uint32_t word)
{
    static const uint8_t EXCLUSIVE_BYTES[4] = {1, 2, 4, 8};
    int is_load = word >> 20 & 1;
    if (!(word & 1u << 22))
        return moves(is_load, ILD, IST, 4u * __builtin_popcount(word & 0xffff));
    if ((word & 0x01200000) != 0)
        return moves(is_load, ILD, IST, 8);
    if (!(word & 1u << 23))
        return moves(is_load, ILD, IST, 4);
    if (is_load && (word & 0xe0) == 0) /* TBB, TBH */
        return (struct effect){BR, 1u << bits(word, 4, 4), 0};
    return moves(is_load, ILD, IST, EXCLUSIVE_BYTES[bits(word, 5, 4)]);
}

static struct effect t32_single(uint32_t word)
{
    uint32_t bytes = 1u << bits(word, 22, 21);
    if (!(word & 1u << 20))
        return moves(0, ILD, IST, bytes);
    if (bits(word, 15, 12) == 15 && bytes != 4)
        return plain(PRF);
    return (struct effect){ILD, bytes, 0};
}

struct effect effect_t32(uint32_t word)
{
    uint32_t head = word >> 24;
    if ((head & 0xef) == 0xef)
        return neon((head & 0x10) << 20 | (word & 0xffffff));
    if (head == 0xf9 && !(word & 1u << 20))
        return neon_memory(word);
    switch (head) {
    case 0xe8:
    case 0xe9:
        return t32_several(word);
    case 0xec:
    case 0xed:
    case 0xee:
        return coprocessor(word);
    case 0xf8:
    case 0xf9:
        return t32_single(word);
    case 0xfb:
        return plain((word & 0xffd000f0) == 0xfb9000f0 ? IDIV : IMUL);
    case 0xfe:
        return plain(VARITH);
    default:
        return plain((head & 0xf8) == 0xf0 && word & 0x8000 ? BR : ALU);
    }
}
