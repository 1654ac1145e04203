/* QEMU plugin: counts the guest instructions executed between two marks, by class, and the bytes
   that they load and store.

   A mark is a harmless system call, getpriority(0, MARK), which fails on every system. Each region
   between a first and a last mark becomes one line of JSON in the file of the argument out=FILE:
   a list of the classes of instructions.h in their order, bytes loaded, bytes stored.

   Every translated block has a counter of its executions that generated code adds one to: nothing is
   called while the guest computes. With the argument observe=on, bytes are added up from the accesses
   that QEMU reports instead of from the encodings: slow, and there to check the decoder.

   QEMU's headers need not be installed: the few functions used are declared here. PLUGIN_API is the
   interface of the emulator at hand: 1 up to QEMU 8.2, 2 for 9.0, 3 for 9.1 and later. */
#include "instructions.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifndef PLUGIN_API
#define PLUGIN_API 1
#endif
#define EXPORT __attribute__((visibility("default")))

enum { FIRST_MARK = 0x7e570001, LAST_MARK = 0x7e570002 };
enum { GETPRIORITY_ARM64 = 141, GETPRIORITY_ARM = 96 };
enum { LOADED = CLASSES, STORED, COLUMNS };

/* ------------------------------------------------------------------ the emulator's interface */

struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct target {
    const char *target_name;
    struct {
        int min, cur;
    } version;
    bool system_emulation;
    int vcpus, max_vcpus;
};
typedef void on_block(uint64_t id, struct qemu_plugin_tb *);
typedef void on_access(unsigned vcpu, uint32_t access, uint64_t address, void *);
typedef void on_syscall(uint64_t id, unsigned vcpu, int64_t number, uint64_t, uint64_t, uint64_t,
                        uint64_t, uint64_t, uint64_t, uint64_t, uint64_t);

void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, on_block *);
void qemu_plugin_register_vcpu_syscall_cb(uint64_t id, on_syscall *);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *, on_access *, int registers,
                                      int accesses, void *);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *);
unsigned qemu_plugin_mem_size_shift(uint32_t access);
bool qemu_plugin_mem_is_store(uint32_t access);
enum { NO_REGISTERS = 0, READS_AND_WRITES = 3, ADD_U64 = 0 };

EXPORT int qemu_plugin_version = PLUGIN_API;

#if PLUGIN_API < 3
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *);

static void read_code(const struct qemu_plugin_insn *insn, void *code, size_t size)
{
    memcpy(code, qemu_plugin_insn_data(insn), size);
}
#else
size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *, void *, size_t);

static void read_code(const struct qemu_plugin_insn *insn, void *code, size_t size)
{
    qemu_plugin_insn_data(insn, code, size);
}
#endif

/* A counter of executions: a word in memory in the first interface, an entry of a scoreboard (one
   word for each virtual CPU) in the later ones. Scoreboards are made for many blocks at once. */
#if PLUGIN_API < 2
typedef uint64_t counter;
void qemu_plugin_register_vcpu_tb_exec_inline(struct qemu_plugin_tb *, int, void *, uint64_t);

static void count_executions(struct qemu_plugin_tb *tb, counter *counter)
{
    qemu_plugin_register_vcpu_tb_exec_inline(tb, ADD_U64, counter, 1);
}

static uint64_t executions(const counter *counter)
{
    return *counter;
}
#else
struct qemu_plugin_scoreboard;
typedef struct {
    struct qemu_plugin_scoreboard *score;
    size_t offset;
} counter;
struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t);
uint64_t qemu_plugin_u64_sum(counter);
void qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(struct qemu_plugin_tb *, int, counter,
                                                       uint64_t);

static void count_executions(struct qemu_plugin_tb *tb, counter *counter)
{
    enum { BLOCKS = 8192 };
    static struct qemu_plugin_scoreboard *score;
    static size_t used = BLOCKS;
    if (used == BLOCKS) {
        score = qemu_plugin_scoreboard_new(BLOCKS * sizeof(uint64_t));
        used = 0;
    }
    counter->score = score;
    counter->offset = used++ * sizeof(uint64_t);
    qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(tb, ADD_U64, *counter, 1);
}

static uint64_t executions(const counter *counter)
{
    return qemu_plugin_u64_sum(*counter);
}
#endif

/* -------------------------------------------------------------------------------- counting */

struct block {
    counter executed;
    uint32_t columns[COLUMNS];
    struct block *next;
};

static struct block *blocks;
static bool is_64_bit, observes, is_counting;
static uint64_t at_first_mark[COLUMNS], observed[2];
static FILE *out;

static void add_up(uint64_t *sums)
{
    memset(sums, 0, COLUMNS * sizeof *sums);
    for (const struct block *block = blocks; block; block = block->next) {
        uint64_t times = executions(&block->executed);
        for (int i = 0; times && i < COLUMNS; i++)
            sums[i] += times * block->columns[i];
    }
}

static void observe(unsigned vcpu, uint32_t access, uint64_t address, void *data)
{
    (void)vcpu, (void)address, (void)data;
    if (is_counting)
        observed[qemu_plugin_mem_is_store(access)] += 1u << qemu_plugin_mem_size_shift(access);
}

/* Thumb code has instructions of two bytes, or begins each of four with 11101, 11110 or 11111. */
static bool is_thumb(const struct qemu_plugin_tb *tb)
{
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        const struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        uint16_t half;
        if (qemu_plugin_insn_size(insn) == 2)
            return true;
        read_code(insn, &half, sizeof half);
        if (half < 0xe800)
            return false;
    }
    return true;
}

static struct effect effect_of(const struct qemu_plugin_insn *insn, bool thumb)
{
    uint16_t halves[2] = {0, 0};
    size_t size = qemu_plugin_insn_size(insn);
    read_code(insn, halves, size < sizeof halves ? size : sizeof halves);
    uint32_t word = (uint32_t)halves[1] << 16 | halves[0];
    if (is_64_bit)
        return effect_a64(word);
    if (!thumb)
        return effect_a32(word);
    return size == 2 ? effect_t16(word) : effect_t32((uint32_t)halves[0] << 16 | halves[1]);
}

static void on_translated(uint64_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    struct block *block = calloc(1, sizeof *block);
    if (!block)
        abort();
    bool thumb = !is_64_bit && is_thumb(tb);
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        struct effect effect = effect_of(insn, thumb);
        block->columns[effect.class]++;
        block->columns[LOADED] += effect.loaded;
        block->columns[STORED] += effect.stored;
        if (observes)
            qemu_plugin_register_vcpu_mem_cb(insn, observe, NO_REGISTERS, READS_AND_WRITES, NULL);
    }
    block->next = blocks;
    blocks = block;
    count_executions(tb, &block->executed);
}

static void write_region(void)
{
    uint64_t sums[COLUMNS];
    add_up(sums);
    for (int i = 0; i < COLUMNS; i++) {
        uint64_t value = sums[i] - at_first_mark[i];
        if (observes && i >= LOADED)
            value = observed[i - LOADED];
        fprintf(out, "%c%llu", i ? ',' : '[', (unsigned long long)value);
    }
    fputs("]\n", out);
    fflush(out);
}

static void on_system_call(uint64_t id, unsigned vcpu, int64_t number, uint64_t first,
                           uint64_t mark, uint64_t c, uint64_t d, uint64_t e, uint64_t f,
                           uint64_t g, uint64_t h)
{
    (void)id, (void)vcpu, (void)first, (void)c, (void)d, (void)e, (void)f, (void)g, (void)h;
    if (number != (is_64_bit ? GETPRIORITY_ARM64 : GETPRIORITY_ARM))
        return;
    if ((uint32_t)mark == FIRST_MARK) {
        add_up(at_first_mark);
        observed[0] = observed[1] = 0;
        is_counting = true;
    } else if ((uint32_t)mark == LAST_MARK) {
        is_counting = false;
        write_region();
    }
}

EXPORT int qemu_plugin_install(uint64_t id, const struct target *target, int argc, char **argv)
{
    is_64_bit = !strcmp(target->target_name, "aarch64");
    if (!is_64_bit && strcmp(target->target_name, "arm"))
        return 1;
    for (int i = 0; i < argc; i++) {
        if (!strncmp(argv[i], "out=", 4))
            out = fopen(argv[i] + 4, "w");
        observes |= !strcmp(argv[i], "observe=on");
    }
    if (!out)
        return 1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translated);
    qemu_plugin_register_vcpu_syscall_cb(id, on_system_call);
    return 0;
}
