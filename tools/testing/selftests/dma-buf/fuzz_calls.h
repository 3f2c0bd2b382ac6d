/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The language of the fuzzer: short programs of calls, one a line, such as
 *
 *	heap b0 4
 *	export_sync_file b0 3 s1
 *	import_sync_file b0 2 s1
 *
 * A letter and a number name a slot: b holds a buffer's fd, s a sync_file, t a
 * timeline of fences, m a mapping, e an epoll, h a handle of an importer.
 * Storing to a slot closes its previous object.  Other words are numbers.
 */
#ifndef DMA_BUF_FUZZ_CALLS_H
#define DMA_BUF_FUZZ_CALLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <linux/types.h>

#define PROGRAM_CALLS 24
#define CALL_ARGS 5
#define CORPUS_HEADER "# Programs of calls: see fuzz_calls.h\n"

struct call {
	unsigned int kind;	/* below call_kind_count */
	__u64 arg[CALL_ARGS];
};

struct program {
	unsigned int calls;
	struct call call[PROGRAM_CALLS];
};

/* The first three kinds allocate a buffer. */
extern const unsigned int call_kind_count;

/* Return a letter per argument: that of a slot, n for a number. */
const char *call_args(unsigned int kind);

/* Return the number of slots with this letter, 0 for a number. */
unsigned int slots_of(char letter);

/* Limit a mutated argument to its valid range. */
__u64 fit_arg(char letter, __u64 value);

/* Open the devices that programs use; return false if one is missing. */
bool scene_open(void);
void scene_close(void);

/* Run @program; return NULL, or the name of the call with an invalid result. */
const char *program_run(const struct program *program, int *result);

void program_print(FILE *out, const char *indent, const struct program *program);

/*
 * Read the next program, up to an empty line or the end of the file. Return
 * false at the end, or for an invalid line, which is copied to @bad.
 */
bool program_read(FILE *in, struct program *program, char *bad, size_t size);

#endif /* DMA_BUF_FUZZ_CALLS_H */
