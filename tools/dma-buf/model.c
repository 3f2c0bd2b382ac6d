// SPDX-License-Identifier: GPL-2.0-only
/*
 * The buffers, the processes and the references between them, from bufinfo and
 * from each process's fd, fdinfo, maps and comm. The work is proportional to the
 * number of descriptors and mappings: buffers are found by inode number in a hash
 * table, and fdinfo is read once for a buffer that bufinfo does not list.
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "dmabuf.h"

#define DEBUGFS "/sys/kernel/debug"
#define BUFINFO DEBUGFS "/dma_buf/bufinfo"
#define PREFIX "/dmabuf:"
#define BLOCK_SIZE 65536
#define PF_KTHREAD 0x00200000

/* Memory */

struct block {
	struct block *next;
	size_t used, size;
	max_align_t data[];
};

void *xrealloc(void *old, size_t count, size_t size)
{
	void *new = NULL;

	if (count <= SIZE_MAX / size)
		new = realloc(old, count * size);
	if (!new)
		die("out of memory");
	return new;
}

/* Return zeroed memory that lives as long as @model. */
static void *model_alloc(struct model *model, size_t size)
{
	struct block *block = model->blocks;
	size_t wanted = size > BLOCK_SIZE ? size : BLOCK_SIZE;
	void *memory;

	size = (size + 15) & ~(size_t)15;
	if (!block || block->size - block->used < size) {
		block = xrealloc(NULL, 1, sizeof(*block) + wanted + 16);
		block->used = 0;
		block->size = wanted + 16;
		block->next = model->blocks;
		model->blocks = block;
	}
	memory = (char *)block->data + block->used;
	block->used += size;
	memset(memory, 0, size);
	return memory;
}

char *model_string(struct model *model, const char *text, size_t len)
{
	char *copy = model_alloc(model, len + 1);

	memcpy(copy, text, len);
	return copy;
}

void model_init(struct model *model)
{
	memset(model, 0, sizeof(*model));
	model->processes_tail = &model->processes;
}

void model_free(struct model *model)
{
	struct block *block;

	while ((block = model->blocks)) {
		model->blocks = block->next;
		free(block);
	}
	free(model->buffers);
	free(model->hash);
	model_init(model);
}

/* Objects */

static struct buffer **hash_slot(struct model *model, u64 ino)
{
	u64 mixed = ino * 0x9e3779b97f4a7c15ULL;

	return &model->hash[(mixed >> 32) & (model->hash_size - 1)];
}

struct buffer *model_find(struct model *model, u64 ino)
{
	struct buffer *buffer;

	if (!model->hash_size)
		return NULL;
	buffer = *hash_slot(model, ino);
	while (buffer && buffer->ino != ino)
		buffer = buffer->hash_next;
	return buffer;
}

static void hash_grow(struct model *model)
{
	struct buffer *buffer, **slot;
	size_t i;

	model->hash_size = model->hash_size ? model->hash_size * 2 : 256;
	free(model->hash);
	model->hash = xrealloc(NULL, model->hash_size, sizeof(*model->hash));
	memset(model->hash, 0, model->hash_size * sizeof(*model->hash));
	for (i = 0; i < model->num_buffers; i++) {
		buffer = model->buffers[i];
		slot = hash_slot(model, buffer->ino);
		buffer->hash_next = *slot;
		*slot = buffer;
	}
}

/* Return the buffer @ino, a new one if the model does not have it. */
struct buffer *model_buffer(struct model *model, u64 ino)
{
	struct buffer *buffer = model_find(model, ino), **slot;

	if (buffer)
		return buffer;
	if (model->num_buffers >= model->hash_size)
		hash_grow(model);
	if (model->num_buffers == model->max_buffers) {
		model->max_buffers = model->max_buffers * 2 + 64;
		model->buffers = xrealloc(model->buffers, model->max_buffers,
					  sizeof(struct buffer *));
	}
	buffer = model_alloc(model, sizeof(*buffer));
	buffer->ino = ino;
	buffer->count = -1;
	buffer->fences_tail = &buffer->fences;
	buffer->devices_tail = &buffer->devices;
	buffer->holds_tail = &buffer->holds;
	slot = hash_slot(model, ino);
	buffer->hash_next = *slot;
	*slot = buffer;
	model->buffers[model->num_buffers++] = buffer;
	return buffer;
}

struct process *model_process(struct model *model, int pid, const char *comm)
{
	struct process *process = model_alloc(model, sizeof(*process));
	char *text;

	process->pid = pid;
	/* as in a snapshot, to which it may be compared */
	text = escaped(comm);
	process->comm = model_string(model, text, strlen(text));
	free(text);
	*model->processes_tail = process;
	model->processes_tail = &process->next;
	model->num_processes++;
	return process;
}

/* Processes are read one after another: only the last hold can be the same. */
struct hold *model_hold(struct model *model, struct buffer *buffer,
			struct process *process)
{
	struct hold *hold = buffer->last;

	if (hold && hold->process == process)
		return hold;
	hold = model_alloc(model, sizeof(*hold));
	hold->process = process;
	hold->refs_tail = &hold->refs;
	*buffer->holds_tail = hold;
	buffer->holds_tail = &hold->next;
	buffer->last = hold;
	buffer->num_holds++;
	return hold;
}

void model_ref(struct model *model, struct hold *hold, int fd, u64 start,
	       u64 end)
{
	struct ref *ref = model_alloc(model, sizeof(*ref));

	ref->fd = fd;
	ref->start = start;
	ref->end = end;
	*hold->refs_tail = ref;
	hold->refs_tail = &ref->next;
	if (end) {
		hold->maps++;
		hold->mapped += end - start;
	} else {
		hold->fds++;
	}
}

/* Return the number of references that no visible process explains. */
long buffer_unexplained(const struct buffer *buffer)
{
	return buffer->count > (long)buffer->num_refs ?
	       buffer->count - (long)buffer->num_refs : 0;
}

/* Files */

/* Write a path to @path; return false, with errno set, if it is too long. */
bool root_path(char *path, size_t size, const char *fmt, ...)
{
	int used = snprintf(path, size, "%s", opt.root);
	va_list args;

	if (used >= 0 && (size_t)used < size) {
		va_start(args, fmt);
		used += vsnprintf(path + used, size - used, fmt, args);
		va_end(args);
	}
	if (used >= 0 && (size_t)used < size)
		return true;
	errno = ENAMETOOLONG;
	return false;
}

/* Return the text of a file with a NUL after it, or NULL with errno set. */
char *read_file(int dir, const char *path, size_t *len)
{
	int fd = openat(dir, path, O_RDONLY | O_CLOEXEC), error;
	size_t size = 4096, used = 0;
	char *text = NULL;
	ssize_t got;

	if (fd < 0)
		return NULL;
	do {
		if (!text || size - used < 2048)
			text = xrealloc(text, size *= 2, 1);
		got = read(fd, text + used, size - used - 1);
		if (got > 0)
			used += got;
	} while (got > 0 || (got < 0 && errno == EINTR));
	error = errno;
	close(fd);
	if (got < 0) {
		free(text);
		errno = error;
		return NULL;
	}
	text[used] = '\0';
	*len = used;
	return text;
}

/* A line of a text with NUL bytes or anything else in it */
struct line {
	const char *at;
	size_t len;
};

static bool next_line(const char **text, const char *end, struct line *line)
{
	const char *stop;

	if (*text >= end)
		return false;
	stop = memchr(*text, '\n', end - *text);
	line->at = *text;
	line->len = (stop ? stop : end) - *text;
	*text = stop ? stop + 1 : end;
	return true;
}

static bool line_skip(struct line *line, const char *prefix)
{
	size_t len = strlen(prefix);

	if (line->len < len || memcmp(line->at, prefix, len))
		return false;
	line->at += len;
	line->len -= len;
	return true;
}

/* Skip a number of at least @width digits of @base. */
static bool line_number(struct line *line, int base, size_t width,
			u64 *number)
{
	size_t used = 0;
	int digit;

	*number = 0;
	for (; used < line->len; used++) {
		digit = (unsigned char)line->at[used];
		if (digit >= '0' && digit <= '9')
			digit -= '0';
		else if (digit >= 'a' && digit <= 'f')
			digit -= 'a' - 10;
		else
			break;
		if (digit >= base)
			break;
		if (*number > (U64_MAX - digit) / base)
			return false;
		*number = *number * base + digit;
	}
	if (!used || used < width)
		return false;
	line->at += used;
	line->len -= used;
	return true;
}

/* bufinfo */

struct row {
	u64 size, flags, mode, count, ino;
	struct line exporter, name;
};

/* Numbers have 8 digits or more, so a name is too short to contain a row. */
static bool parse_row(struct line line, struct row *row)
{
	const char *tab;

	if (!line_number(&line, 10, 8, &row->size) || !line_skip(&line, "\t") ||
	    !line_number(&line, 16, 8, &row->flags) || !line_skip(&line, "\t") ||
	    !line_number(&line, 16, 8, &row->mode) || !line_skip(&line, "\t") ||
	    !line_number(&line, 10, 8, &row->count) || !line_skip(&line, "\t"))
		return false;
	tab = memchr(line.at, '\t', line.len);
	if (!tab)
		return false;
	row->exporter.at = line.at;
	row->exporter.len = tab - line.at;
	line.len -= tab - line.at;
	line.at = tab;
	if (!line_skip(&line, "\t") || !line_number(&line, 10, 8, &row->ino) ||
	    !line_skip(&line, "\t"))
		return false;
	row->name = line;
	return true;
}

/* Cut the last word off @line. */
static bool cut_word(struct line *line, struct line *word)
{
	const char *space = memrchr(line->at, ' ', line->len);

	if (!space)
		return false;
	word->at = space + 1;
	word->len = line->at + line->len - word->at;
	line->len = space - line->at;
	return true;
}

static bool line_is(const struct line *line, const char *text)
{
	return line->len == strlen(text) && !memcmp(line->at, text, line->len);
}

/*
 * "CONTEXT:SEQNO TIMELINE DRIVER STATE", or "DRIVER TIMELINE seq SEQNO STATE" on
 * Linux 6.12. A timeline may contain spaces. Raw names are too short to imitate a
 * pending fence.
 */
static bool parse_fence(struct model *model, struct buffer *buffer,
			struct line line)
{
	static const char *const usages[] = {
		"kernel", "write", "read", "bookkeep",
	};
	struct line state, driver = {}, timeline = {}, copy;
	struct fence *fence, found = {};
	const char *space;
	unsigned int i;

	if (!line_skip(&line, "\t"))
		return false;
	for (i = 0; i < ARRAY_SIZE(usages); i++)
		if (line_skip(&line, usages[i]))
			break;
	if (i == ARRAY_SIZE(usages) || !line_skip(&line, " fence:") ||
	    !cut_word(&line, &state))
		return false;
	found.usage = usages[i];
	found.pending = line_is(&state, "unsignalled");
	if (!found.pending && !line_is(&state, "signalled"))
		return false;
	copy = line;
	if (line_number(&copy, 10, 1, &found.context) && line_skip(&copy, ":") &&
	    line_number(&copy, 10, 1, &found.seqno) && line_skip(&copy, " ")) {
		if (!cut_word(&copy, &driver))
			return false;
		timeline = copy;
	} else {
		found.context = 0;
		if (!cut_word(&line, &copy) ||
		    !line_number(&copy, 10, 1, &found.seqno) || copy.len ||
		    !cut_word(&line, &copy) || !line_is(&copy, "seq"))
			return false;
		space = memchr(line.at, ' ', line.len);
		if (!space)
			return false;
		driver.at = line.at;
		driver.len = space - line.at;
		timeline.at = space + 1;
		timeline.len = line.at + line.len - timeline.at;
	}
	if (found.pending && (!driver.len || !timeline.len))
		return false;
	found.driver = model_string(model, driver.at, driver.len);
	found.timeline = model_string(model, timeline.at, timeline.len);
	fence = model_alloc(model, sizeof(*fence));
	*fence = found;
	*buffer->fences_tail = fence;
	buffer->fences_tail = &fence->next;
	buffer->num_fences++;
	buffer->num_pending += fence->pending;
	return true;
}

static void add_device(struct model *model, struct buffer *buffer,
		       const struct line *line)
{
	struct device *device = model_alloc(model, sizeof(*device));

	device->name = model_string(model, line->at, line->len);
	*buffer->devices_tail = device;
	buffer->devices_tail = &device->next;
	buffer->num_devices++;
}

/*
 * Parse the lines between a row and the end of its buffer. A stock kernel prints
 * a name as it is: lines before the first fence belong to a name with line feeds.
 * @devices: the line after the last heading of devices, or @end.
 */
static void parse_details(struct model *model, struct buffer *buffer,
			  struct line name, const char *text,
			  const char *devices, const char *end)
{
	struct line line;

	while (text < devices && next_line(&text, devices, &line)) {
		if (parse_fence(model, buffer, line))
			continue;
		if (!buffer->num_fences &&
		    !(line_is(&line, "\tAttached Devices:") && text == devices))
			name.len = line.at + line.len - name.at;
	}
	text = devices;
	while (text < end && next_line(&text, end, &line))
		if (line_skip(&line, "\t"))
			add_device(model, buffer, &line);
	if (!line_is(&name, "<none>"))
		buffer->name = model_string(model, name.at, name.len);
}

/* Is this line the end of a buffer with @devices devices? */
static bool ends_buffer(struct line line, u64 devices)
{
	u64 total;

	return line_skip(&line, "Total ") && line_number(&line, 10, 1, &total) &&
	       line_is(&line, " devices attached") && total == devices;
}

/* Parse a buffer after its row; return the text after it. */
static const char *parse_buffer(struct model *model, const struct row *row,
				const char *text, const char *end)
{
	const char *begin = text, *devices = NULL, *stop = text;
	struct buffer *buffer = model_buffer(model, row->ino);
	u64 lines = 0;
	struct line line;
	struct row next;

	while (next_line(&text, end, &line)) {
		if (devices && ends_buffer(line, lines)) {
			stop = line.at;
			break;
		}
		if (parse_row(line, &next)) {
			text = line.at;
			break;
		}
		if (line_is(&line, "\tAttached Devices:")) {
			devices = text;
			lines = 0;
		} else {
			lines++;
		}
	}
	if (buffer->stated)
		return text;
	buffer->stated = true;
	buffer->size = row->size;
	buffer->flags = row->flags;
	buffer->mode = row->mode;
	buffer->count = row->count > LONG_MAX ? LONG_MAX : (long)row->count;
	buffer->exporter = model_string(model, row->exporter.at,
					row->exporter.len);
	if (stop == begin)
		devices = stop;	/* the text ends within this buffer */
	parse_details(model, buffer, row->name, begin, devices, stop);
	return text;
}

/* Return false if the text is no listing of buffers. */
bool model_parse_bufinfo(struct model *model, const char *text, size_t len)
{
	u64 rows = 0, size = 0, total_rows, total_size;
	const char *end = text + len;
	bool heading = false, total = false;
	struct line line;
	struct row row;

	while (next_line(&text, end, &line)) {
		if (parse_row(line, &row)) {
			if (!heading)
				break;
			text = parse_buffer(model, &row, text, end);
			rows++;
			size += row.size;
		} else if (line_skip(&line, "size    \tflags")) {
			heading = true;
		} else if (line_skip(&line, "Total ") &&
			   line_number(&line, 10, 1, &total_rows) &&
			   line_skip(&line, " objects, ") &&
			   line_number(&line, 10, 1, &total_size) &&
			   line_is(&line, " bytes")) {
			total = total_rows == rows && total_size == size;
		}
	}
	if (heading && !total)
		warn("bufinfo: the rows do not add up to the last line");
	return heading;
}

static bool is_empty(const char *path)
{
	DIR *dir = opendir(path);
	int entries = 0;

	while (dir && readdir(dir))
		entries++;
	if (dir)
		closedir(dir);
	return dir && entries <= 2;
}

static void explain_no_bufinfo(const char *path)
{
	char debugfs[PATH_MAX];

	if (errno != ENOENT && errno != ENOTDIR)
		die("%s: %s", path, strerror(errno));
	if (!root_path(debugfs, sizeof(debugfs), DEBUGFS))
		die("%s: %s", path, strerror(errno));
	if (access(debugfs, F_OK))
		die("no %s: needs CONFIG_DEBUG_FS", debugfs);
	if (is_empty(debugfs))
		die("no %s: mount debugfs: mount -t debugfs none " DEBUGFS, path);
	die("no %s: needs CONFIG_DMA_SHARED_BUFFER and CONFIG_DEBUG_FS", path);
}

static void read_bufinfo(struct model *model)
{
	char path[PATH_MAX], *text;
	size_t len;

	if (!root_path(path, sizeof(path), BUFINFO))
		die("%s: %s", opt.root, strerror(errno));
	text = read_file(AT_FDCWD, path, &len);
	if (!text) {
		if (errno != EACCES && errno != EPERM)
			explain_no_bufinfo(path);
		warn("%s: %s: buffers without a visible process are not shown",
		     path, strerror(errno));
		return;
	}
	model->bufinfo = model_parse_bufinfo(model, text, len);
	free(text);
	if (!model->bufinfo)
		die("%s: not a listing of dma-bufs", path);
}

/* Processes */

/* The line of the name is the last, and may contain line feeds. */
struct buffer *model_parse_fdinfo(struct model *model, const char *text,
				  size_t len)
{
	struct line line, exporter = {}, name = {};
	const char *end = text + len;
	u64 ino = 0, size = 0, count = 0;
	bool has_ino = false, has_size = false, has_count = false;
	struct buffer *buffer;

	while (next_line(&text, end, &line)) {
		if (line_skip(&line, "ino:\t")) {
			has_ino = line_number(&line, 10, 1, &ino);
		} else if (line_skip(&line, "size:\t")) {
			has_size = line_number(&line, 10, 1, &size);
		} else if (line_skip(&line, "count:\t")) {
			has_count = line_number(&line, 10, 1, &count);
		} else if (line_skip(&line, "exp_name:\t")) {
			exporter = line;
		} else if (exporter.at && line_skip(&line, "name:\t")) {
			name.at = line.at;
			name.len = end - line.at;
			if (name.len && name.at[name.len - 1] == '\n')
				name.len--;
			break;
		}
	}
	if (!has_ino || !has_size || !has_count || !exporter.at)
		return NULL;
	buffer = model_buffer(model, ino);
	if (buffer->stated)
		return buffer;
	buffer->stated = true;
	buffer->size = size;
	buffer->count = count > LONG_MAX ? LONG_MAX : (long)count;
	buffer->exporter = model_string(model, exporter.at, exporter.len);
	if (name.at)
		buffer->name = model_string(model, name.at, name.len);
	return buffer;
}

static struct process *scan_process(struct scan *scan)
{
	char *comm;
	size_t len;

	if (scan->process)
		return scan->process;
	comm = read_file(scan->dir, "comm", &len);
	if (comm && len && comm[len - 1] == '\n')
		comm[len - 1] = '\0';
	scan->process = model_process(scan->model, scan->pid, comm ? comm : "?");
	free(comm);
	return scan->process;
}

/*
 * Return the buffer of a descriptor, NULL if it is none or is closed now. The first
 * one that is found states the device number of all: a call for each one after it.
 */
static struct buffer *buffer_of_fd(struct scan *scan, int dir, const char *number)
{
	struct model *model = scan->model;
	char path[32], target[sizeof(PREFIX)], *text;
	struct buffer *buffer;
	struct statx st;
	bool known;
	size_t len;

	/* In a recorded tree the link leads nowhere. */
	known = !statx(dir, number, AT_STATX_DONT_SYNC, STATX_INO, &st);
	if (known && model->dev_known) {
		if (makedev(st.stx_dev_major, st.stx_dev_minor) != model->dev)
			return NULL;
		buffer = model_find(model, st.stx_ino);
		if (buffer && buffer->stated)
			return buffer;
	} else if (readlinkat(dir, number, target, sizeof(target) - 1) !=
		   sizeof(PREFIX) - 1 ||
		   memcmp(target, PREFIX, sizeof(PREFIX) - 1)) {
		return NULL;
	}
	snprintf(path, sizeof(path), "fdinfo/%.10s", number);
	text = read_file(scan->dir, path, &len);
	if (!text)
		return NULL;
	buffer = model_parse_fdinfo(model, text, len);
	free(text);
	if (buffer && known && buffer->ino == st.stx_ino) {
		model->dev = makedev(st.stx_dev_major, st.stx_dev_minor);
		model->dev_known = true;
	}
	return buffer;
}

static int compare_ints(const void *one, const void *two)
{
	int a = *(const int *)one, b = *(const int *)two;

	return (a > b) - (a < b);
}

/* Return the sorted numbers that name entries of a directory. */
static int *read_numbers(DIR *dir, size_t *count)
{
	int *numbers = NULL;
	struct dirent *entry;
	size_t size = 0;
	char *end;
	long value;

	*count = 0;
	while ((entry = readdir(dir))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		value = strtol(entry->d_name, &end, 10);
		if (*end || value > INT_MAX)
			continue;
		if (*count == size) {
			size = size * 2 + 64;
			numbers = xrealloc(numbers, size, sizeof(*numbers));
		}
		numbers[(*count)++] = value;
	}
	if (*count)
		qsort(numbers, *count, sizeof(*numbers), compare_ints);
	return numbers;
}

/* Return false if the process may not be read. */
static bool scan_fds(struct scan *scan)
{
	int fd = openat(scan->dir, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct buffer *buffer;
	char number[12];
	int *numbers;
	size_t count, i;
	DIR *dir;

	if (fd < 0)
		return errno != EACCES && errno != EPERM;
	dir = fdopendir(fd);
	if (!dir)
		die("out of memory");
	numbers = read_numbers(dir, &count);
	for (i = 0; i < count; i++) {
		snprintf(number, sizeof(number), "%d", numbers[i]);
		buffer = buffer_of_fd(scan, fd, number);
		if (!buffer)
			continue;
		model_ref(scan->model,
			  model_hold(scan->model, buffer, scan_process(scan)),
			  numbers[i], 0, 0);
	}
	free(numbers);
	closedir(dir);
	return true;
}

/* "START-END PERMISSIONS OFFSET MAJOR:MINOR INODE    /dmabuf:NAME" */
static void parse_map(struct scan *scan, struct line line)
{
	u64 start, end, offset, major_dev, minor_dev, ino;
	struct model *model = scan->model;
	struct buffer *buffer;

	if (!line_number(&line, 16, 1, &start) || !line_skip(&line, "-") ||
	    !line_number(&line, 16, 1, &end) || !line_skip(&line, " ") ||
	    line.len < 5 || end <= start)
		return;
	line.at += 4;
	line.len -= 4;
	if (!line_skip(&line, " ") || !line_number(&line, 16, 1, &offset) ||
	    !line_skip(&line, " ") || !line_number(&line, 16, 1, &major_dev) ||
	    !line_skip(&line, ":") || !line_number(&line, 16, 1, &minor_dev) ||
	    !line_skip(&line, " ") || !line_number(&line, 10, 1, &ino))
		return;
	while (line_skip(&line, " "))
		;
	if (!line_skip(&line, PREFIX) || major_dev)
		return;
	if (model->dev_known && model->dev != makedev(major_dev, minor_dev))
		return;
	buffer = model_buffer(model, ino);
	if (!buffer->stated && buffer->size < end - start)
		buffer->size = end - start;
	if (!buffer->stated && line.len && !buffer->name)
		buffer->name = model_string(model, line.at, line.len);
	model_ref(model, model_hold(model, buffer, scan_process(scan)), -1, start,
		  end);
}

/* Parse whole lines; most mappings are of other files. */
void model_parse_maps(struct scan *scan, const char *text, size_t len)
{
	const char *end = text + len, *hit, *begin;
	struct line line;

	while ((hit = memmem(text, end - text, PREFIX, sizeof(PREFIX) - 1))) {
		begin = memrchr(text, '\n', hit - text);
		text = begin ? begin + 1 : text;
		if (next_line(&text, end, &line))
			parse_map(scan, line);
	}
}

/* Read maps piece by piece: it can be long. Return false if it may not be read. */
static bool scan_maps(struct scan *scan)
{
	static char text[65536];
	int fd = openat(scan->dir, "maps", O_RDONLY | O_CLOEXEC);
	size_t used = 0, whole;
	const char *last;
	ssize_t got;

	if (fd < 0)
		return errno != EACCES && errno != EPERM;
	while ((got = read(fd, text + used, sizeof(text) - used)) > 0) {
		used += got;
		last = memrchr(text, '\n', used);
		whole = last ? last + 1 - text : 0;
		model_parse_maps(scan, text, whole);
		used -= whole;
		memmove(text, text + whole, used);
		if (used == sizeof(text))
			used = 0;	/* no line is that long */
	}
	close(fd);
	return true;
}

/* Kernel threads have neither descriptors nor mappings. */
static bool is_kernel_thread(int dir)
{
	unsigned long flags = 0;
	char *text, *end;
	size_t len;

	text = read_file(dir, "stat", &len);
	end = text ? strrchr(text, ')') : NULL;
	if (!end || sscanf(end + 1, " %*c %*d %*d %*d %*d %*d %lu", &flags) != 1)
		flags = 0;
	free(text);
	return flags & PF_KTHREAD;
}

static void scan_processes(struct model *model)
{
	struct scan scan = { .model = model };
	char path[PATH_MAX];
	size_t count, i;
	int *pids;
	DIR *dir;

	if (!root_path(path, sizeof(path), "/proc"))
		die("%s: %s", opt.root, strerror(errno));
	dir = opendir(path);
	if (!dir)
		die("%s: %s: needs CONFIG_PROC_FS, proc mounted", path,
		    strerror(errno));
	pids = read_numbers(dir, &count);
	for (i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%d", pids[i]);
		scan.dir = openat(dirfd(dir), path,
				  O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (scan.dir < 0)
			continue;	/* it has exited */
		scan.pid = pids[i];
		scan.process = NULL;
		if ((!scan_fds(&scan) || !scan_maps(&scan)) &&
		    !is_kernel_thread(scan.dir))
			model->hidden++;
		close(scan.dir);
	}
	free(pids);
	closedir(dir);
}

/* Sums */

static bool matches(const char *pattern, const char *text)
{
	return !pattern || (text && !fnmatch(pattern, text, 0));
}

static bool process_matches(const struct process *process)
{
	char pid[12];

	snprintf(pid, sizeof(pid), "%d", process->pid);
	return !strcmp(opt.process, pid) || matches(opt.process, process->comm);
}

static bool buffer_matches(const struct buffer *buffer)
{
	const struct device *device = buffer->devices;
	const struct hold *hold = buffer->holds;

	while (opt.device && device && !matches(opt.device, device->name))
		device = device->next;
	while (opt.process && hold && !process_matches(hold->process))
		hold = hold->next;
	return matches(opt.exporter, buffer->exporter) &&
	       matches(opt.name, buffer->name) && (!opt.device || device) &&
	       (!opt.process || hold) && (!opt.pending || buffer->num_pending) &&
	       (!opt.orphans || !buffer->num_holds);
}

/* Each process that holds a buffer has an equal share, the first ones 1 byte more. */
static void add_shares(const struct buffer *buffer)
{
	u64 share, rest;
	struct hold *hold;

	if (!buffer->num_holds)
		return;
	share = buffer->size / buffer->num_holds;
	rest = buffer->size % buffer->num_holds;
	for (hold = buffer->holds; hold; hold = hold->next) {
		hold->process->buffers++;
		hold->process->size += buffer->size;
		hold->process->rss += hold->mapped;
		hold->process->pss += share;
		if (rest) {
			hold->process->pss++;
			rest--;
		}
	}
}

/* Compute all sums, of the buffers that match the filters. */
void model_sum(struct model *model)
{
	struct buffer *buffer;
	struct hold *hold;
	size_t i;

	for (i = 0; i < model->num_buffers; i++) {
		buffer = model->buffers[i];
		buffer->num_refs = 0;
		for (hold = buffer->holds; hold; hold = hold->next) {
			buffer->num_refs += hold->fds + hold->maps;
			/* A buffer that is mapped twice occupies memory once. */
			if (hold->mapped > buffer->size)
				hold->mapped = buffer->size;
		}
		buffer->shown = buffer_matches(buffer);
		if (!buffer->shown)
			continue;
		add_shares(buffer);
		model->num_shown++;
		model->size += buffer->size;
		if (!buffer->num_holds) {
			model->num_orphans++;
			model->orphans_size += buffer->size;
		}
	}
}

/* Fill an initialized @model from the kernel's files. */
void model_gather(struct model *model)
{
	read_bufinfo(model);
	scan_processes(model);
	model_sum(model);
}
