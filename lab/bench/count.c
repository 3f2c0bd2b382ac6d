// SPDX-License-Identifier: GPL-2.0
/*
 * A QEMU plugin that counts between bench_begin() and bench_end() on all CPUs
 * of the guest. For each such region, in order, it writes these lines to
 * out=FILE:
 *
 *   region LOCKED TRANSFERS
 *   at ADDRESS COUNT		with profile=N, for the instructions of region N,
 *				by address of the instruction; with lines=on, for
 *				the transfers of each region
 *
 * LOCKED is the number of locked instructions. With lines=on, TRANSFERS is the
 * number of times that a CPU wrote to a cache line of the kernel to which another
 * CPU had written last.
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
	uint64_t value;
};

#define ENTRIES	1048576	/* 2^20, see find() */

/* Hash tables, emptied for each region */
struct table {
	struct entry *entries;
	unsigned int used;
};

static struct table places;	/* address of an instruction: its count */
static struct table owners;	/* cache line: CPU that wrote to it last, plus 1 */

static FILE *out;
static bool in_region, lines;
static long region, profile = -1;
static uint64_t locked, transfers;

static struct entry *find(struct table *table, uint64_t key)
{
	uint32_t i = (key * 0x9e3779b97f4a7c15ULL) >> 44;
	struct entry *entries = table->entries;

	while (entries[i].key && entries[i].key != key)
		i = (i + 1) % ENTRIES;
	if (!entries[i].key) {
		if (++table->used > ENTRIES / 2) {
			fprintf(stderr, "count: region %ld is too large\n", region);
			exit(1);
		}
		entries[i].key = key;
	}
	return &entries[i];
}

static void clear(struct table *table)
{
	if (table->used)
		memset(table->entries, 0, ENTRIES * sizeof(*table->entries));
	table->used = 0;
}

static void begin_region(unsigned int cpu, void *data)
{
	in_region = true;
	locked = 0;
	transfers = 0;
	clear(&places);
	clear(&owners);
}

static void end_region(unsigned int cpu, void *data)
{
	if (!in_region)
		return;
	in_region = false;
	fprintf(out, "region %lu %lu\n", locked, transfers);
	for (unsigned int i = 0; places.used && i < ENTRIES; i++)
		if (places.entries[i].key)
			fprintf(out, "at %#lx %lu\n", places.entries[i].key,
				places.entries[i].value);
	region++;
}

static void count_locked(unsigned int cpu, void *data)
{
	locked += in_region;
}

static void count_write(unsigned int cpu, uint32_t info, uint64_t vaddr,
			void *data)
{
	struct entry *line;

	/* QEMU 7.2 calls this for loads as well, despite QEMU_PLUGIN_MEM_W. */
	if (!in_region || vaddr < KERNEL_SPACE || !qemu_plugin_mem_is_store(info))
		return;

	line = find(&owners, vaddr & ~63ULL);
	if (line->value && line->value != cpu + 1) {
		transfers++;
		find(&places, (uintptr_t)data)->value++;
	}
	line->value = cpu + 1;
}

static void count_address(unsigned int cpu, void *data)
{
	if (in_region && region == profile)
		find(&places, (uintptr_t)data)->value++;
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
						 QEMU_PLUGIN_MEM_W,
						 (void *)(uintptr_t)vaddr);
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
	places.entries = calloc(ENTRIES, sizeof(*places.entries));
	owners.entries = calloc(ENTRIES, sizeof(*owners.entries));
	if (!out || !places.entries || !owners.entries)
		return -1;
	qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
	qemu_plugin_register_atexit_cb(id, finish, NULL);
	return 0;
}
