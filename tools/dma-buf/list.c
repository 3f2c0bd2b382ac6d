// SPDX-License-Identifier: GPL-2.0-only
/* The commands that print the buffers, and sums of them */
#define _GNU_SOURCE
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "dmabuf.h"

static struct model model;

static int compare_numbers(u64 one, u64 two)
{
	return (one > two) - (one < two);
}

static int compare_texts(const char *one, const char *two)
{
	return strcmp(one ? one : "", two ? two : "");
}

/* The option's key without the sign that reverses the order */
static const char *sort_key(const char *fallback)
{
	return !opt.sort ? fallback : opt.sort + (opt.sort[0] == '-');
}

static int in_order(int order)
{
	return opt.sort && opt.sort[0] == '-' ? -order : order;
}

static int compare_buffers(const void *a, const void *b)
{
	const struct buffer *one = *(struct buffer *const *)a;
	const struct buffer *two = *(struct buffer *const *)b;
	const char *key = sort_key("size");
	int order = 0;

	if (!strcmp(key, "size"))
		order = compare_numbers(two->size, one->size);
	else if (!strcmp(key, "exporter"))
		order = compare_texts(one->exporter, two->exporter);
	else if (!strcmp(key, "name"))
		order = compare_texts(one->name, two->name);
	else if (!strcmp(key, "refs"))
		order = (two->count > one->count) - (two->count < one->count);
	else if (!strcmp(key, "devices"))
		order = compare_numbers(two->num_devices, one->num_devices);
	else if (!strcmp(key, "pending"))
		order = compare_numbers(two->num_pending, one->num_pending);
	else if (!strcmp(key, "processes"))
		order = compare_numbers(two->num_holds, one->num_holds);
	return in_order(order ? order : compare_numbers(one->ino, two->ino));
}

static void gather(void)
{
	model_init(&model);
	model_gather(&model);
	if (model.num_buffers)
		qsort(model.buffers, model.num_buffers, sizeof(*model.buffers),
		      compare_buffers);
}

/* State on stderr the limits of an answer. */
static int finish(void)
{
	if (model.hidden)
		warn("%u processes may not be read: run dmabuf as root",
		     model.hidden);
	model_free(&model);
	return 0;
}

static void add_devices(struct text *text, const struct buffer *buffer)
{
	const struct device *device;

	text_string(text, buffer->devices ? "" : "-");
	for (device = buffer->devices; device; device = device->next) {
		text_escaped(text, device->name);
		if (device->next)
			text_string(text, ",");
	}
}

/* "PROCESS[PID] 2 fd 1 map, 1 in kernel" */
void add_held_by(struct text *text, const struct model *from,
		 const struct buffer *buffer)
{
	const struct hold *hold;

	text_string(text, "");
	for (hold = buffer->holds; hold; hold = hold->next) {
		text_string(text, hold == buffer->holds ? "" : ", ");
		text_escaped(text, hold->process->comm);
		text_string(text, "[");
		text_number(text, hold->process->pid);
		text_string(text, "]");
		if (hold->fds) {
			text_string(text, " ");
			text_number(text, hold->fds);
			text_string(text, " fd");
		}
		if (hold->maps) {
			text_string(text, " ");
			text_number(text, hold->maps);
			text_string(text, " map");
		}
	}
	if (!buffer_unexplained(buffer))
		return;
	text_string(text, buffer->holds ? ", " : "");
	text_number(text, buffer_unexplained(buffer));
	text_string(text, from->hidden ? " elsewhere" : " in kernel");
}

static const char *count_text(char *out, long count)
{
	snprintf(out, 24, "%ld", count);
	return count < 0 ? "?" : out;
}

int cmd_list(int argc, char **argv)
{
	static const char *const headings[] = {
		">INODE", ">SIZE", "EXPORTER", "NAME", ">REFS", "DEVICES",
		">PENDING", "HELD BY",
	};
	struct table table = {
		.heading = headings, .columns = ARRAY_SIZE(headings),
	};
	struct text devices = {}, held_by = {};
	struct buffer *buffer;
	char out[32];
	size_t i;

	(void)argc;
	(void)argv;
	gather();
	if (opt.json) {
		json_begin("list");
		json_visibility(&model);
		json_open("buffers", '[');
		for (i = 0; i < model.num_buffers; i++)
			if (model.buffers[i]->shown)
				json_buffer(model.buffers[i]);
		json_close();
		json_total("total", model.num_shown, model.size);
		json_end();
		return finish();
	}
	for (i = 0; i < model.num_buffers; i++) {
		buffer = model.buffers[i];
		if (!buffer->shown)
			continue;
		add_devices(&devices, buffer);
		add_held_by(&held_by, &model, buffer);
		table_number(&table, buffer->ino);
		table_text(&table, human_size(out, buffer->size));
		table_text(&table, buffer->exporter);
		table_text(&table, buffer->name);
		table_text(&table, count_text(out, buffer->count));
		table_take(&table, &devices);
		table_number(&table, buffer->num_pending);
		table_take(&table, &held_by);
	}
	table_print(&table);
	if (!opt.no_headers)
		printf("%zu buffers, %s\n", model.num_shown,
		       human_size(out, model.size));
	return finish();
}

/* Processes */

static int compare_processes(const struct process *one, const struct process *two,
			     const char *key)
{
	int order = 0;

	if (!strcmp(key, "pss"))
		order = compare_numbers(two->pss, one->pss);
	else if (!strcmp(key, "rss"))
		order = compare_numbers(two->rss, one->rss);
	else if (!strcmp(key, "size"))
		order = compare_numbers(two->size, one->size);
	else if (!strcmp(key, "buffers"))
		order = compare_numbers(two->buffers, one->buffers);
	else if (!strcmp(key, "command"))
		order = compare_texts(one->comm, two->comm);
	else if (!strcmp(key, "growth"))
		order = (s64)(two->size - two->before) >
			(s64)(one->size - one->before) ? 1 :
			(s64)(two->size - two->before) <
			(s64)(one->size - one->before) ? -1 : 0;
	return order ? order : (one->pid > two->pid) - (one->pid < two->pid);
}

static const char *process_key;

static int compare_process_pointers(const void *one, const void *two)
{
	return in_order(compare_processes(*(struct process *const *)one,
					  *(struct process *const *)two,
					  process_key));
}

/* Return all processes in the order of the option --sort, or of @key. */
struct process **sorted_processes(struct model *from, const char *key)
{
	size_t count = from->num_processes, i = 0;
	struct process **sorted = xrealloc(NULL, count + 1, sizeof(*sorted));
	struct process *process;

	for (process = from->processes; process; process = process->next)
		sorted[i++] = process;
	process_key = sort_key(key);
	qsort(sorted, count, sizeof(*sorted), compare_process_pointers);
	return sorted;
}

/* Was this process named as an argument? With none all processes are. */
static bool wanted(const struct process *process, int argc, char **argv,
		   bool *found)
{
	int i, hit = !argc;

	if (!process->buffers)
		return false;
	for (i = 0; i < argc; i++) {
		if (parse_number(argv[i], "PID", INT_MAX) !=
		    (u64)process->pid)
			continue;
		found[i] = true;
		hit = true;
	}
	return hit;
}

static void ps_row(struct table *table, const struct process *process)
{
	char out[32];

	if (process->pid)
		table_cell(table, "%d", process->pid);
	else
		table_cell(table, "-");
	table_text(table, process->comm);
	table_cell(table, "%u", process->buffers);
	table_cell(table, "%s", human_size(out, process->size));
	table_cell(table, "%s", human_size(out, process->rss));
	table_cell(table, "%s", human_size(out, process->pss));
}

static void json_process(const struct process *process)
{
	json_open(NULL, '{');
	json_signed("pid", process->pid);
	json_text("comm", process->comm);
	json_number("buffers", process->buffers);
	json_number("size", process->size);
	json_number("rss", process->rss);
	json_number("pss", process->pss);
	json_close();
}

int cmd_ps(int argc, char **argv)
{
	static const char *const headings[] = {
		">PID", "COMMAND", ">BUFFERS", ">SIZE", ">RSS", ">PSS",
	};
	struct table table = {
		.heading = headings, .columns = ARRAY_SIZE(headings),
	};
	struct process **sorted, total = { .comm = "total" };
	struct process orphans = { .comm = "no process" };
	bool *found = xrealloc(NULL, argc + 1, sizeof(*found));
	int i, ret = 0;
	unsigned int row;

	memset(found, 0, argc * sizeof(*found));
	for (i = 0; i < argc; i++)
		parse_number(argv[i], "PID", INT_MAX);
	gather();
	sorted = sorted_processes(&model, "pss");
	if (opt.json) {
		json_begin("ps");
		json_visibility(&model);
		json_open("processes", '[');
	}
	for (row = 0; row < model.num_processes; row++) {
		if (!wanted(sorted[row], argc, argv, found))
			continue;
		total.size += sorted[row]->size;
		total.rss += sorted[row]->rss;
		total.pss += sorted[row]->pss;
		total.buffers += sorted[row]->buffers;
		if (opt.json)
			json_process(sorted[row]);
		else
			ps_row(&table, sorted[row]);
	}
	/* The shares of all processes and the orphans are all memory, once. */
	orphans.buffers = model.num_orphans;
	orphans.size = model.orphans_size;
	orphans.pss = model.orphans_size;
	if (!argc) {
		total.pss += orphans.pss;
		total.size = model.size;
		total.buffers = model.num_shown;
	}
	if (opt.json) {
		json_close();
		if (!argc)
			json_total("orphans", orphans.buffers, orphans.size);
		json_open("total", '{');
		json_number("buffers", total.buffers);
		json_number("size", total.size);
		json_number("rss", total.rss);
		json_number("pss", total.pss);
		json_close();
		json_end();
	} else {
		if (!argc && orphans.buffers)
			ps_row(&table, &orphans);
		if (!opt.no_headers)
			ps_row(&table, &total);
		table_print(&table);
	}
	for (i = 0; i < argc; i++) {
		if (found[i])
			continue;
		warn("process %s: no such process, or it holds no buffer", argv[i]);
		ret = 1;
	}
	free(found);
	free(sorted);
	finish();
	return ret;
}

/* Exporters and devices */

struct group {
	const char *name;
	size_t buffers, pending;
	u64 size;
};

struct groups {
	struct group *group;
	size_t used, size;
};

static int compare_names(const void *one, const void *two)
{
	return compare_texts(((const struct group *)one)->name,
			     ((const struct group *)two)->name);
}

static int compare_groups(const void *a, const void *b)
{
	const struct group *one = a, *two = b;
	const char *key = sort_key("size");
	int order = 0;

	if (!strcmp(key, "size"))
		order = compare_numbers(two->size, one->size);
	else if (!strcmp(key, "buffers"))
		order = compare_numbers(two->buffers, one->buffers);
	else if (!strcmp(key, "pending"))
		order = compare_numbers(two->pending, one->pending);
	return in_order(order ? order : compare_names(one, two));
}

static void group_add(struct groups *groups, const char *name,
		      const struct buffer *buffer)
{
	struct group *group;

	if (groups->used == groups->size) {
		groups->size = groups->size * 2 + 64;
		groups->group = xrealloc(groups->group, groups->size,
					 sizeof(*group));
	}
	group = &groups->group[groups->used++];
	group->name = name ? name : "?";
	group->buffers = 1;
	group->pending = buffer->num_pending;
	group->size = buffer->size;
}

/* One entry for each name: sort the names, and add up equal ones. */
static void groups_merge(struct groups *groups)
{
	struct group *to = groups->group, *from, *end;

	if (!groups->used)
		return;
	end = groups->group + groups->used;
	qsort(groups->group, groups->used, sizeof(*to), compare_names);
	for (from = to + 1; from < end; from++) {
		if (strcmp(to->name, from->name)) {
			*++to = *from;
			continue;
		}
		to->buffers += from->buffers;
		to->pending += from->pending;
		to->size += from->size;
	}
	groups->used = to + 1 - groups->group;
	qsort(groups->group, groups->used, sizeof(*to), compare_groups);
}

/* @command: the plural of @name */
static int print_groups(struct groups *groups, const char *command,
			const char *name)
{
	static const char *const headings[2][4] = {
		{ "EXPORTER", ">BUFFERS", ">PENDING", ">SIZE" },
		{ "DEVICE", ">BUFFERS", ">PENDING", ">SIZE" },
	};
	struct table table = {
		.heading = headings[!strcmp(name, "device")],
		.columns = ARRAY_SIZE(headings[0]),
	};
	struct group *group;
	char out[32];
	size_t i;

	groups_merge(groups);
	if (opt.json) {
		json_begin(command);
		json_visibility(&model);
		json_open(command, '[');
	}
	for (i = 0; i < groups->used; i++) {
		group = &groups->group[i];
		if (opt.json) {
			json_open(NULL, '{');
			json_text(name, group->name);
			json_number("buffers", group->buffers);
			json_number("pending", group->pending);
			json_number("size", group->size);
			json_close();
			continue;
		}
		table_text(&table, group->name);
		table_cell(&table, "%zu", group->buffers);
		table_cell(&table, "%zu", group->pending);
		table_cell(&table, "%s", human_size(out, group->size));
	}
	if (opt.json) {
		json_close();
		json_total("total", model.num_shown, model.size);
		json_end();
	} else {
		table_print(&table);
	}
	free(groups->group);
	return finish();
}

int cmd_exporters(int argc, char **argv)
{
	struct groups groups = {};
	size_t i;

	(void)argc;
	(void)argv;
	gather();
	for (i = 0; i < model.num_buffers; i++)
		if (model.buffers[i]->shown)
			group_add(&groups, model.buffers[i]->exporter,
				  model.buffers[i]);
	return print_groups(&groups, "exporters", "exporter");
}

/* Is this the first attachment of the device to the buffer? */
static bool is_first(const struct buffer *buffer, const struct device *device)
{
	const struct device *other = buffer->devices;

	while (other != device && strcmp(other->name, device->name))
		other = other->next;
	return other == device;
}

int cmd_devices(int argc, char **argv)
{
	const struct device *device;
	struct groups groups = {};
	size_t i;

	(void)argc;
	(void)argv;
	gather();
	if (!model.bufinfo)
		die("the attached devices are only in bufinfo: run dmabuf as root");
	for (i = 0; i < model.num_buffers; i++) {
		if (!model.buffers[i]->shown)
			continue;
		device = model.buffers[i]->devices;
		for (; device; device = device->next)
			if (is_first(model.buffers[i], device))
				group_add(&groups, device->name,
					  model.buffers[i]);
	}
	return print_groups(&groups, "devices", "device");
}

/* All about a buffer */

static void json_hold(const struct hold *hold)
{
	const struct ref *ref;

	json_open(NULL, '{');
	json_signed("pid", hold->process->pid);
	json_text("comm", hold->process->comm);
	json_open("fds", '[');
	for (ref = hold->refs; ref; ref = ref->next)
		if (!ref->end)
			json_signed(NULL, ref->fd);
	json_close();
	json_open("mappings", '[');
	for (ref = hold->refs; ref; ref = ref->next) {
		if (!ref->end)
			continue;
		json_open(NULL, '{');
		json_number("start", ref->start);
		json_number("end", ref->end);
		json_close();
	}
	json_close();
	json_number("rss", hold->mapped);
	json_close();
}

void json_buffer(const struct buffer *buffer)
{
	const struct device *device;
	const struct fence *fence;
	const struct hold *hold;

	json_open(NULL, '{');
	json_number("inode", buffer->ino);
	json_number("size", buffer->size);
	json_text("exporter", buffer->exporter);
	json_text("name", buffer->name);
	if (buffer->count < 0)
		json_null("references");
	else
		json_number("references", buffer->count);
	json_number("in_kernel", buffer_unexplained(buffer));
	json_number("pending", buffer->num_pending);
	json_open("devices", '[');
	for (device = buffer->devices; device; device = device->next)
		json_text(NULL, device->name);
	json_close();
	json_open("fences", '[');
	for (fence = buffer->fences; fence; fence = fence->next) {
		json_open(NULL, '{');
		json_text("usage", fence->usage);
		json_bool("pending", fence->pending);
		json_text("driver", *fence->driver ? fence->driver : NULL);
		json_text("timeline", *fence->timeline ? fence->timeline : NULL);
		if (fence->context)
			json_number("context", fence->context);
		else
			json_null("context");
		json_number("seqno", fence->seqno);
		json_close();
	}
	json_close();
	json_open("holders", '[');
	for (hold = buffer->holds; hold; hold = hold->next)
		json_hold(hold);
	json_close();
	json_close();
}

static void print_label(const char *label)
{
	printf("%s%-11s%s", opt.colour ? "\033[1m" : "", label,
	       opt.colour ? "\033[0m" : "");
}

static void print_text(const char *label, const char *raw)
{
	char *text = escaped(raw ? raw : "-");

	print_label(label);
	puts(text);
	free(text);
}

static void show_hold(const struct hold *hold)
{
	char *comm = escaped(hold->process->comm);
	const struct ref *ref;

	print_label("process");
	printf("%s[%d]", comm, hold->process->pid);
	for (ref = hold->refs; ref; ref = ref->next) {
		if (ref->end)
			printf(" map %llx-%llx", ref->start, ref->end);
		else
			printf(" fd %d", ref->fd);
	}
	putchar('\n');
	free(comm);
}

static void show_fence(const struct fence *fence)
{
	char *driver = escaped(fence->driver), *line = escaped(fence->timeline);

	print_label("fence");
	printf("%s %s %llu", fence->pending ? "pending" : "signalled",
	       fence->usage, fence->seqno);
	if (fence->context)
		printf(" of context %llu", fence->context);
	if (*driver)
		printf(", driver %s, timeline %s", driver, line);
	putchar('\n');
	free(driver);
	free(line);
}

static void show_buffer(const struct buffer *buffer)
{
	const struct device *device;
	const struct fence *fence;
	const struct hold *hold;
	char out[32];

	print_label("inode");
	printf("%llu\n", buffer->ino);
	print_label("size");
	puts(human_size(out, buffer->size));
	print_text("exporter", buffer->exporter);
	print_text("name", buffer->name);
	print_label("references");
	puts(count_text(out, buffer->count));
	for (hold = buffer->holds; hold; hold = hold->next)
		show_hold(hold);
	if (buffer_unexplained(buffer)) {
		print_label(model.hidden ? "elsewhere" : "in kernel");
		printf("%ld\n", buffer_unexplained(buffer));
	}
	for (device = buffer->devices; device; device = device->next)
		print_text("device", device->name);
	for (fence = buffer->fences; fence; fence = fence->next)
		show_fence(fence);
}

int cmd_show(int argc, char **argv)
{
	struct buffer *buffer;
	int i, ret = 0;

	for (i = 0; i < argc; i++)
		parse_number(argv[i], "inode number", U64_MAX);
	gather();
	if (opt.json) {
		json_begin("show");
		json_visibility(&model);
		json_open("buffers", '[');
	}
	for (i = 0; i < argc; i++) {
		buffer = model_find(&model, parse_number(argv[i], "inode number",
							 U64_MAX));
		if (!buffer) {
			warn("inode %s: no such buffer", argv[i]);
			ret = 1;
			continue;
		}
		if (opt.json) {
			json_buffer(buffer);
			continue;
		}
		if (i)
			putchar('\n');
		show_buffer(buffer);
	}
	if (opt.json) {
		json_close();
		json_end();
	}
	finish();
	return ret;
}
