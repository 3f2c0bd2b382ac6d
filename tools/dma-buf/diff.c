// SPDX-License-Identifier: GPL-2.0-only
/* Compare two snapshots: from files, or before and after an interval */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "dmabuf.h"

/* A process has an entry for each buffer: find it by PID among all. */
struct pids {
	struct process **slot;
	size_t size;
};

static struct process *find_pid(struct model *model, struct pids *pids, int pid,
				const char *comm)
{
	struct process *process;
	size_t i;

	if (model->num_processes >= pids->size / 2) {
		pids->size = (size_t)model->num_processes * 4 + 64;
		free(pids->slot);
		pids->slot = xrealloc(NULL, pids->size, sizeof(*pids->slot));
		memset(pids->slot, 0, pids->size * sizeof(*pids->slot));
		for (process = model->processes; process; process = process->next) {
			for (i = process->pid % pids->size; pids->slot[i];)
				i = (i + 1) % pids->size;
			pids->slot[i] = process;
		}
	}
	i = pid % pids->size;
	while (pids->slot[i] && (pids->slot[i]->pid != pid ||
				 strcmp(pids->slot[i]->comm, comm)))
		i = (i + 1) % pids->size;
	if (!pids->slot[i])
		pids->slot[i] = model_process(model, pid, comm);
	return pids->slot[i];
}

static bool load_hold(struct model *model, struct pids *pids,
		      struct buffer *buffer, const struct json *json)
{
	u64 pid = json_get_number(json, "pid", 0), start, end;
	const char *comm = json_get_text(json, "comm");
	const struct json *item;
	struct process *process;
	struct hold *hold;

	if (!pid || pid > INT_MAX || !comm)
		return false;
	process = find_pid(model, pids, pid, comm);
	hold = model_hold(model, buffer, process);
	item = json_get(json, "fds");
	for (item = item ? item->child : NULL; item; item = item->next) {
		if (item->type != JSON_NUMBER)
			return false;
		model_ref(model, hold, atoi(item->text), 0, 0);
	}
	item = json_get(json, "mappings");
	for (item = item ? item->child : NULL; item; item = item->next) {
		start = json_get_number(item, "start", 0);
		end = json_get_number(item, "end", 0);
		if (end <= start)
			return false;
		model_ref(model, hold, -1, start, end);
	}
	return true;
}

static const char *load_string(struct model *model, const struct json *json,
			       const char *key)
{
	const char *text = json_get_text(json, key);

	return text ? model_string(model, text, strlen(text)) : NULL;
}

static bool load_buffer(struct model *model, struct pids *pids,
			const struct json *json)
{
	u64 ino = json_get_number(json, "inode", 0), count;
	struct buffer *buffer;
	const struct json *hold;

	if (!ino || !json_get(json, "size") || model_find(model, ino))
		return false;
	buffer = model_buffer(model, ino);
	buffer->stated = true;
	buffer->size = json_get_number(json, "size", 0);
	count = json_get_number(json, "references", U64_MAX);
	buffer->count = count > LONG_MAX ? -1 : (long)count;
	buffer->num_pending = json_get_number(json, "pending", 0);
	buffer->exporter = load_string(model, json, "exporter");
	buffer->name = load_string(model, json, "name");
	hold = json_get(json, "holders");
	for (hold = hold ? hold->child : NULL; hold; hold = hold->next)
		if (!load_hold(model, pids, buffer, hold))
			return false;
	return true;
}

/*
 * Fill an initialized model from the output of "dmabuf list --json"; return false
 * if the text is not.
 */
bool model_load(struct model *model, const char *text, size_t len)
{
	struct json *json = json_parse(text, len);
	const struct json *buffers, *complete;
	struct pids pids = {};
	bool valid;

	buffers = json_get(json, "buffers");
	valid = json_get_number(json, "version", 0) == JSON_VERSION && buffers &&
		buffers->type == JSON_ARRAY;
	for (buffers = valid ? buffers->child : NULL; buffers && valid;
	     buffers = buffers->next)
		valid = load_buffer(model, &pids, buffers);
	complete = json_get(json, "complete");
	model->bufinfo = complete && complete->type == JSON_TRUE;
	model->hidden = json_get_number(json, "hidden_processes", 0);
	json_free(json);
	free(pids.slot);
	if (valid)
		model_sum(model);
	return valid;
}

static void load_file(struct model *model, const char *path)
{
	size_t len;
	char *text = read_file(AT_FDCWD, path, &len);

	if (!text)
		die("%s: %s", path, strerror(errno));
	if (!model_load(model, text, len))
		die("%s: not the output of \"dmabuf list --json\"", path);
	free(text);
}

enum change { CREATED, RELEASED, CHANGED };

static const char *const changes[] = { "created", "released", "changed" };

struct diff {
	struct model before, after;
	struct table buffers;
};

static void add_change(struct diff *diff, enum change change,
		       const struct buffer *before, const struct buffer *after)
{
	const struct buffer *buffer = after ? after : before;
	struct text held_by = {};
	char out[32];

	if (opt.json && change != CHANGED) {
		json_buffer(buffer);
		return;
	}
	if (opt.json) {
		json_open(NULL, '{');
		json_number("inode", buffer->ino);
		json_signed("references_before", before->count);
		json_signed("references", after->count);
		json_number("holders_before", before->num_holds);
		json_number("holders", after->num_holds);
		json_close();
		return;
	}
	table_cell(&diff->buffers, "%s", changes[change]);
	table_cell(&diff->buffers, "%llu", buffer->ino);
	table_cell(&diff->buffers, "%s", human_size(out, buffer->size));
	table_text(&diff->buffers, buffer->exporter);
	table_text(&diff->buffers, buffer->name);
	if (change == CHANGED)
		table_cell(&diff->buffers, "%ld > %ld", before->count,
			   after->count);
	else
		table_cell(&diff->buffers, "%ld", buffer->count);
	add_held_by(&held_by, after ? &diff->after : &diff->before, buffer);
	table_cell(&diff->buffers, "%s", held_by.at);
	free(held_by.at);
}

static int compare_inodes(const void *one, const void *two)
{
	u64 a = (*(struct buffer *const *)one)->ino;
	u64 b = (*(struct buffer *const *)two)->ino;

	return (a > b) - (a < b);
}

static void diff_buffers(struct diff *diff, enum change change)
{
	struct model *from = change == RELEASED ? &diff->before : &diff->after;
	struct model *other = change == RELEASED ? &diff->after : &diff->before;
	struct buffer *buffer, *match;
	size_t i;

	if (opt.json)
		json_open(changes[change], '[');
	if (from->num_buffers)
		qsort(from->buffers, from->num_buffers, sizeof(*from->buffers),
		      compare_inodes);
	for (i = 0; i < from->num_buffers; i++) {
		buffer = from->buffers[i];
		if (!buffer->shown)
			continue;
		match = model_find(other, buffer->ino);
		if (change != CHANGED && !match)
			add_change(diff, change, buffer, NULL);
		else if (change == CHANGED && match &&
			 (match->count != buffer->count ||
			  match->num_holds != buffer->num_holds))
			add_change(diff, change, match, buffer);
	}
	if (opt.json)
		json_close();
}

static void add_process(struct table *table, const struct process *process)
{
	char out[32];

	if (process->before == process->size)
		return;
	if (opt.json) {
		json_open(NULL, '{');
		json_signed("pid", process->pid);
		json_text("comm", process->comm);
		json_number("size_before", process->before);
		json_number("size", process->size);
		json_close();
		return;
	}
	table_cell(table, "%d", process->pid);
	table_text(table, process->comm);
	table_cell(table, "%s", human_size(out, process->before));
	table_cell(table, "%s", human_size(out, process->size));
	table_cell(table, "%s", human_change(out, process->before, process->size));
}

/* A process that holds nothing any more is added with a size of 0. */
static void diff_processes(struct diff *diff, struct table *table)
{
	struct process *old, *new, **sorted;
	struct pids pids = {};
	unsigned int i;

	for (old = diff->before.processes; old; old = old->next) {
		new = find_pid(&diff->after, &pids, old->pid, old->comm);
		new->before = old->size;
	}
	free(pids.slot);
	sorted = sorted_processes(&diff->after, "growth");
	for (i = 0; i < diff->after.num_processes; i++)
		add_process(table, sorted[i]);
	free(sorted);
}

static void print_diff(struct diff *diff)
{
	static const char *const headings[] = {
		"CHANGE", ">INODE", ">SIZE", "EXPORTER", "NAME", "REFS", "HELD BY",
	};
	static const char *const process_headings[] = {
		">PID", "COMMAND", ">BEFORE", ">AFTER", ">CHANGE",
	};
	struct table processes = {
		.heading = process_headings, .columns = ARRAY_SIZE(process_headings),
	};
	struct model *before = &diff->before, *after = &diff->after;
	char out[3][32];

	diff->buffers = (struct table){
		.heading = headings, .columns = ARRAY_SIZE(headings),
	};
	if (opt.json) {
		json_begin("diff");
		json_visibility(after);
	}
	diff_buffers(diff, CREATED);
	diff_buffers(diff, RELEASED);
	diff_buffers(diff, CHANGED);
	if (opt.json)
		json_open("processes", '[');
	diff_processes(diff, &processes);
	if (opt.json) {
		json_close();
		json_total("total_before", before->num_shown, before->size);
		json_total("total", after->num_shown, after->size);
		json_end();
		return;
	}
	if (diff->buffers.used)
		table_print(&diff->buffers);
	if (processes.used) {
		if (diff->buffers.used || !opt.no_headers)
			putchar('\n');
		table_print(&processes);
	}
	if (!opt.no_headers)
		printf("%zu buffers, %s > %zu buffers, %s: %s\n",
		       before->num_shown, human_size(out[0], before->size),
		       after->num_shown, human_size(out[1], after->size),
		       human_change(out[2], before->size, after->size));
}

int cmd_diff(int argc, char **argv)
{
	static struct diff diff;

	model_init(&diff.before);
	model_init(&diff.after);
	if (argc) {
		if (opt.delay)
			die("diff: --delay is for an interval, not for files");
		load_file(&diff.before, argv[0]);
	} else {
		model_gather(&diff.before);
		signals_catch();
		pause_for(-1, opt.delay ? opt.delay : 5);
	}
	if (argc == 2)
		load_file(&diff.after, argv[1]);
	else
		model_gather(&diff.after);
	print_diff(&diff);
	if (argc < 2 && diff.after.hidden)
		warn("%u processes may not be read: run dmabuf as root",
		     diff.after.hidden);
	model_free(&diff.before);
	model_free(&diff.after);
	return 0;
}
