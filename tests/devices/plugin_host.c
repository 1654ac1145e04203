/* A stand-in for an emulator: loads the counting plugin through its interface and pretends to run
   four blocks of the words given. plugin_host PLUGIN TARGET OUT WORD... : all words are one block;
   it is executed once before the first mark, three times between the marks and once after.
   PLUGIN_API says which interface is provided; later ones count on two virtual CPUs. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default"), used))
enum { VCPUS = 2 };

struct qemu_plugin_insn { uint32_t word; };
struct qemu_plugin_tb { size_t count; struct qemu_plugin_insn insns[64]; };
typedef void on_block(uint64_t, struct qemu_plugin_tb *);
typedef void on_syscall(uint64_t, unsigned, int64_t, uint64_t, uint64_t, uint64_t, uint64_t, uint64_t,
                        uint64_t, uint64_t, uint64_t);
static on_block *translated;
static on_syscall *called;

EXPORT void qemu_plugin_register_vcpu_tb_trans_cb(uint64_t id, on_block *f) { (void)id; translated = f; }
EXPORT void qemu_plugin_register_vcpu_syscall_cb(uint64_t id, on_syscall *f) { (void)id; called = f; }
EXPORT void qemu_plugin_register_vcpu_mem_cb(void *a, void *b, int c, int d, void *e)
{
    (void)a, (void)b, (void)c, (void)d, (void)e;
}
EXPORT size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb) { return tb->count; }
EXPORT struct qemu_plugin_insn *qemu_plugin_tb_get_insn(struct qemu_plugin_tb *tb, size_t i)
{
    return &tb->insns[i];
}
EXPORT size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn) { (void)insn; return 4; }
EXPORT unsigned qemu_plugin_mem_size_shift(uint32_t access) { return access; }
EXPORT bool qemu_plugin_mem_is_store(uint32_t access) { (void)access; return false; }

#if PLUGIN_API < 3
EXPORT const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn) { return &insn->word; }
#else
EXPORT size_t qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *to, size_t size)
{
    memcpy(to, &insn->word, size);
    return size;
}
#endif

#if PLUGIN_API < 2
static uint64_t *word;
EXPORT void qemu_plugin_register_vcpu_tb_exec_inline(void *tb, int op, void *at, uint64_t add)
{
    (void)tb;
    if (op != 0 || add != 1)
        abort();
    word = at;
}
static void execute(unsigned vcpu) { (void)vcpu; *word += 1; }
#else
struct qemu_plugin_scoreboard { size_t size; char *data[VCPUS]; };
typedef struct { struct qemu_plugin_scoreboard *score; size_t offset; } qemu_plugin_u64;
static qemu_plugin_u64 entry;
EXPORT struct qemu_plugin_scoreboard *qemu_plugin_scoreboard_new(size_t size)
{
    struct qemu_plugin_scoreboard *score = calloc(1, sizeof *score);
    score->size = size;
    for (int i = 0; i < VCPUS; i++)
        score->data[i] = calloc(1, size);
    return score;
}
EXPORT uint64_t qemu_plugin_u64_sum(qemu_plugin_u64 at)
{
    uint64_t sum = 0;
    for (int i = 0; i < VCPUS; i++)
        sum += *(uint64_t *)(at.score->data[i] + at.offset);
    return sum;
}
EXPORT void qemu_plugin_register_vcpu_tb_exec_inline_per_vcpu(void *tb, int op, qemu_plugin_u64 at,
                                                              uint64_t add)
{
    (void)tb;
    if (op != 0 || add != 1 || at.offset + 8 > at.score->size)
        abort();
    entry = at;
}
static void execute(unsigned vcpu) { *(uint64_t *)(entry.score->data[vcpu] + entry.offset) += 1; }
#endif

static void mark(bool is_64_bit, uint32_t number)
{
    called(1, 0, is_64_bit ? 141 : 96, 0, number, 0, 0, 0, 0, 0, 0);
}

int main(int argc, char **argv)
{
    struct { const char *name; int min, cur; bool system; int a, b; } info = {argv[2], 0, 9, false, 0, 0};
    void *plugin = dlopen(argv[1], RTLD_NOW);
    if (!plugin || *(int *)dlsym(plugin, "qemu_plugin_version") != PLUGIN_API) {
        fprintf(stderr, "%s\n", dlerror());
        return 3;
    }
    int (*install)(uint64_t, void *, int, char **);
    *(void **)&install = dlsym(plugin, "qemu_plugin_install");
    char out[4096];
    snprintf(out, sizeof out, "out=%s", argv[3]);
    char *options[] = {out};
    if (install(1, &info, 1, options))
        return 4;
    bool is_64_bit = !strcmp(argv[2], "aarch64");
    static struct qemu_plugin_tb tb;
    for (int i = 4; i < argc; i++)
        tb.insns[tb.count++].word = strtoul(argv[i], NULL, 16);
    /* Many blocks first, so that more than one scoreboard is needed. */
    for (int i = 0; i < 20000; i++)
        translated(1, &tb);
    execute(0);
    mark(is_64_bit, 0x7e570001);
    execute(0);
    execute(VCPUS - 1);
    execute(0);
    mark(is_64_bit, 0x7e570002);
    execute(0);
    called(1, 0, 4, 0, 0x7e570002, 0, 0, 0, 0, 0, 0); /* another call is no mark */
    return 0;
}
