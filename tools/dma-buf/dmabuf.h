/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * dmabuf: lists dma-bufs and the processes that hold them.
 *
 * model.c reads the kernel's files into a struct model; list.c, diff.c, top.c and
 * trace.c are the commands; text.c prints tables and JSON.
 */
#ifndef DMABUF_H
#define DMABUF_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdnoreturn.h>

#include "json.h"

#define __printf(format, first)				\
	__attribute__((					\
		__format__(__printf__, format, first)	\
	))

#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

#define JSON_VERSION 1

/* A fence of a buffer; names of a signalled one are empty. */
struct fence {
	struct fence *next;
	const char *usage, *driver, *timeline;
	u64 context;	/* 0 on kernels that do not print it */
	u64 seqno;
	bool pending;
};

struct device {
	struct device *next;
	const char *name;
};

/* A reference of a process: a descriptor, or a mapping if @end is not 0. */
struct ref {
	struct ref *next;
	u64 start, end;
	int fd;
};

/* All references of a process to a buffer */
struct hold {
	struct hold *next;
	struct process *process;
	struct ref *refs, **refs_tail;
	unsigned int fds, maps;
	u64 mapped;	/* bytes */
};

struct buffer {
	struct buffer *hash_next;
	u64 ino, size;
	unsigned int flags, mode;
	long count;		/* references, -1 if unknown */
	const char *exporter;	/* NULL if unknown */
	const char *name;	/* NULL if none is set */
	struct fence *fences, **fences_tail;
	struct device *devices, **devices_tail;
	struct hold *holds, **holds_tail, *last;
	unsigned int num_fences, num_pending, num_devices, num_holds;
	unsigned int num_refs;	/* of visible processes */
	bool shown;		/* matches the filters */
	bool stated;		/* the kernel stated the size */
};

struct process {
	struct process *next;
	int pid;
	const char *comm;
	/* sums over the buffers that match the filters */
	unsigned int buffers;
	u64 size, rss, pss, before;
};

struct block;

struct model {
	struct block *blocks;	/* memory of all objects */
	struct buffer **buffers, **hash;
	size_t num_buffers, max_buffers, hash_size;
	struct process *processes, **processes_tail;
	unsigned int num_processes;
	unsigned int hidden;	/* processes that may not be read */
	bool bufinfo;		/* all buffers are known */
	u64 dev;		/* of the file system of dma-bufs, if @dev_known */
	bool dev_known;

	/* sums over the buffers that match the filters */
	size_t num_shown;
	u64 size, orphans_size;
	size_t num_orphans;
};

/* Command line */
struct options {
	const char *root, *sort, *exporter, *name, *device, *process, *input;
	double delay;
	long count;		/* of screens, 0 without a limit */
	bool json, no_headers, bytes, pending, orphans, colour;
};

extern struct options opt;

/* dmabuf.c */

/* Signals that end a command set this; they are delivered in pause_for() only. */
extern atomic_bool stopped;

void signals_catch(void);
int pause_for(int fd, double seconds);
noreturn __printf(1, 2) void die(const char *fmt, ...);
__printf(1, 2) void warn(const char *fmt, ...);
u64 parse_number(const char *text, const char *meaning, u64 max);

/* model.c */

/* The state of scanning a process */
struct scan {
	struct model *model;
	struct process *process;	/* NULL until it holds a buffer */
	int pid, dir;
};

void *xrealloc(void *old, size_t count, size_t size);
__printf(3, 4) bool root_path(char *path, size_t size, const char *fmt, ...);
char *read_file(int dir, const char *path, size_t *len);
void model_init(struct model *model);
void model_free(struct model *model);
char *model_string(struct model *model, const char *text, size_t len);
struct buffer *model_find(struct model *model, u64 ino);
struct buffer *model_buffer(struct model *model, u64 ino);
struct process *model_process(struct model *model, int pid, const char *comm);
struct hold *model_hold(struct model *model, struct buffer *buffer,
			struct process *process);
void model_ref(struct model *model, struct hold *hold, int fd, u64 start,
	       u64 end);
long buffer_unexplained(const struct buffer *buffer);
bool model_parse_bufinfo(struct model *model, const char *text, size_t len);
struct buffer *model_parse_fdinfo(struct model *model, const char *text,
				  size_t len);
void model_parse_maps(struct scan *scan, const char *text, size_t len);
void model_gather(struct model *model);
void model_sum(struct model *model);

/* text.c */

struct text {
	char *at;
	size_t used, size;
};

struct table {
	const char *const *heading;	/* a '>' first: align to the right */
	unsigned int columns;
	char **cells;
	size_t used, size;
};

__printf(2, 3) void text_add(struct text *text, const char *fmt, ...);
void text_string(struct text *text, const char *string);
void text_number(struct text *text, u64 number);
void text_escaped(struct text *text, const char *raw);
char *escaped(const char *raw);
const char *human_size(char *out, u64 size);
const char *human_change(char *out, u64 before, u64 after);
__printf(2, 3) void table_cell(struct table *table, const char *fmt, ...);
void table_number(struct table *table, u64 number);
void table_take(struct table *table, struct text *text);
void table_text(struct table *table, const char *raw);
char **table_lines(struct table *table, bool headings, size_t *count);
void table_print(struct table *table);
void json_begin(const char *command);
void json_end(void);
void json_open(const char *key, char bracket);
void json_close(void);
void json_text(const char *key, const char *raw);
void json_number(const char *key, u64 number);
void json_signed(const char *key, s64 number);
void json_bool(const char *key, bool value);
void json_null(const char *key);
void json_total(const char *key, size_t buffers, u64 size);
void json_visibility(const struct model *model);

/* list.c */

void add_held_by(struct text *text, const struct model *from,
		 const struct buffer *buffer);
void json_buffer(const struct buffer *buffer);
struct process **sorted_processes(struct model *from, const char *key);
int cmd_list(int argc, char **argv);
int cmd_ps(int argc, char **argv);
int cmd_exporters(int argc, char **argv);
int cmd_devices(int argc, char **argv);
int cmd_show(int argc, char **argv);

/* diff.c, top.c, trace.c */

bool model_load(struct model *model, const char *text, size_t len);
void trace_line(char *line);

/* The terminal shows full screens, and must be restored. */
extern bool on_screen;

void screen_end(void);
int cmd_diff(int argc, char **argv);
int cmd_top(int argc, char **argv);
int cmd_trace(int argc, char **argv);

#endif /* DMABUF_H */
