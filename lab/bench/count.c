// SPDX-License-Identifier: GPL-2.0
/*
 * A QEMU plugin that counts between bench_begin() and bench_end() on all CPUs
 * of the guest. For each such region, in order, it writes these lines to
 * out=FILE:
 *
 *   region LOCKED
 *   line ADDRESS WRITES0 WRITES1	with lines=on, for each cache line of the
 *					kernel that both CPUs wrote
 *   at ADDRESS COUNT			with profile=N, for the instructions of
 *					region N, by address of their block
 *
 * LOCKED is the number of locked instructions.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qemu_plugin.h"

#define EXPORTED __attribute__((visibility("default")))

EXPORTED int qemu_plugin_version = 1;

#define KERNEL_SPACE	0xffff800000000000ULL

struct entry {
	uint64_t key;		/* 0: free */
	uint64_t count[2];
};

#define ENTRIES	1048576	/* 2^20, see find() */

static struct entry *entries;	/* a hash table, emptied for each region */
static unsigned int used;

static FILE *out;
static bool in_region, lines;
static long region, profile = -1;
static uint64_t locked;

static struct entry *find(uint64_t key)
{
	uint32_t i = (key * 0x9e3779b97f4a7c15ULL) >> 44;

	while (entries[i].key && entries[i].key != key)
		i = (i + 1) % ENTRIES;
	if (!entries[i].key) {
		if (++used > ENTRIES / 2) {
			fprintf(stderr, "count: region %ld is too large\n", region);
			exit(1);
		}
		entries[i].key = key;
	}
	return &entries[i];
}

static void begin_region(unsigned int cpu, void *data)
{
	in_region = true;
	locked = 0;
	if (used)
		memset(entries, 0, ENTRIES * sizeof(*entries));
	used = 0;
}

static void print_entries(void)
{
	for (struct entry *e = entries; e < entries + ENTRIES; e++)
		if (lines && e->count[0] && e->count[1])
			fprintf(out, "line %#lx %lu %lu\n", e->key, e->count[0], e->count[1]);
		else if (e->key && !lines)
			fprintf(out, "at %#lx %lu\n", e->key, e->count[0] + e->count[1]);
}

static void end_region(unsigned int cpu, void *data)
{
	if (!in_region)
		return;
	in_region = false;
	fprintf(out, "region %lu\n", locked);
	if (used)
		print_entries();
	region++;
}

static void count_locked(unsigned int cpu, void *data)
{
	locked += in_region;
}

static void count_write(unsigned int cpu, uint32_t info, uint64_t vaddr,
			void *data)
{
	/* QEMU 7.2 calls this for loads as well, despite QEMU_PLUGIN_MEM_W. */
	if (in_region && vaddr >= KERNEL_SPACE && qemu_plugin_mem_is_store(info))
		find(vaddr & ~63ULL)->count[cpu & 1]++;
}

static void count_address(unsigned int cpu, void *data)
{
	if (in_region && region == profile)
		find((uintptr_t)data)->count[cpu & 1]++;
}

/* A LOCK prefix, or an exchange with memory, which implies it */
static bool is_locked(const uint8_t *code, size_t size)
{
	size_t i = 0;

	while (i < size && (code[i] == 0x66 || code[i] == 0x67 || code[i] == 0x2e ||
			    code[i] == 0x3e || code[i] == 0x64 || code[i] == 0x65 ||
			    code[i] == 0xf2 || code[i] == 0xf3))
		i++;
	if (i < size && code[i] == 0xf0)
		return true;
	if (i < size && (code[i] & 0xf0) == 0x40)
		i++;
	return i + 1 < size && (code[i] == 0x86 || code[i] == 0x87) && code[i + 1] < 0xc0;
}

static void translate_insn(struct qemu_plugin_insn *insn)
{
	static const uint8_t begin[] = { 0x0f, 0x1f, 0x80, 0x01, 0xb0, 0xfe, 0xca };
	static const uint8_t end[] = { 0x0f, 0x1f, 0x80, 0x02, 0xb0, 0xfe, 0xca };
	const uint8_t *code = qemu_plugin_insn_data(insn);
	size_t size = qemu_plugin_insn_size(insn);
	uint64_t vaddr = qemu_plugin_insn_vaddr(insn);

	if (size == sizeof(begin) && !memcmp(code, begin, size))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, begin_region,
						       QEMU_PLUGIN_CB_NO_REGS, NULL);
	if (size == sizeof(end) && !memcmp(code, end, size))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, end_region,
						       QEMU_PLUGIN_CB_NO_REGS, NULL);
	if (is_locked(code, size))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, count_locked,
						       QEMU_PLUGIN_CB_NO_REGS, NULL);
	if (lines && vaddr >= KERNEL_SPACE)
		qemu_plugin_register_vcpu_mem_cb(insn, count_write, QEMU_PLUGIN_CB_NO_REGS,
						 QEMU_PLUGIN_MEM_W, NULL);
	if (profile >= 0)
		qemu_plugin_register_vcpu_insn_exec_cb(insn, count_address,
						       QEMU_PLUGIN_CB_NO_REGS,
						       (void *)(uintptr_t)vaddr);
}

static void translate(uint64_t id, struct qemu_plugin_tb *tb)
{
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++)
		translate_insn(qemu_plugin_tb_get_insn(tb, i));
}

static void finish(uint64_t id, void *data)
{
	fclose(out);
}

EXPORTED int qemu_plugin_install(uint64_t id, const void *info, int argc,
				 char **argv)
{
	for (int i = 0; i < argc; i++) {
		if (!strncmp(argv[i], "out=", 4))
			out = fopen(argv[i] + 4, "w");
		else if (!strcmp(argv[i], "lines=on"))
			lines = true;
		else if (!strncmp(argv[i], "profile=", 8))
			profile = atol(argv[i] + 8);
	}
	entries = calloc(ENTRIES, sizeof(*entries));
	if (!out || !entries)
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
	qemu_plugin_register_atexit_cb(id, finish, NULL);
	return 0;
}
