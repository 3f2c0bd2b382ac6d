// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of buffers, from the events dma_buf:* in a separate instance of
 * tracefs. No setting of another user of tracefs is changed; the instance is
 * removed when the command ends.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include "dmabuf.h"

#define TRACEFS "/sys/kernel/tracing"

static u64 only_ino;	/* 0: all buffers */
static char instance[PATH_MAX];
static unsigned long lost;	/* lines that are no event */

struct event {
	char *comm, *time, *name, *exporter, *device, *fd, *attachment;
	int pid;
	u64 size, ino;
};

/* Cut "KEY=VALUE" out of the fields of an event; return VALUE or NULL. */
static char *field(char *fields, const char *key)
{
	size_t len = strlen(key);
	char *at = fields;

	while ((at = strstr(at, key))) {
		if ((at == fields || at[-1] == ' ' || !at[-1]) &&
		    (at[len] == '=' || at[len] == ':'))
			return at + len + 1;
		at++;
	}
	return NULL;
}

static char *end_field(char *value)
{
	if (value)
		value[strcspn(value, " ")] = '\0';
	return value;
}

static bool to_number(const char *text, u64 *number)
{
	char *end;

	if (!text || *text < '0' || *text > '9')
		return false;
	errno = 0;
	*number = strtoull(text, &end, 10);
	return !errno && !*end;
}

/*
 * "   COMM-PID   [CPU] FLAGS TIME: EVENT: exp_name=E size=S ino=I ...". A command
 * may contain blanks and hyphens, so the line is read from the event backwards.
 */
static bool parse_event(char *line, struct event *event)
{
	char *fields, *at, *pid;
	u64 number;

	memset(event, 0, sizeof(*event));
	fields = strstr(line, ": dma_buf_");
	if (!fields)
		return false;
	*fields = '\0';
	event->name = fields + 2;
	at = strrchr(line, ' ');
	event->time = at ? at + 1 : NULL;
	at = strrchr(line, '[');
	if (!event->time || !at || at > event->time)
		return false;
	while (at > line && at[-1] == ' ')
		at--;
	*at = '\0';
	pid = strrchr(line, '-');
	if (!pid || !to_number(pid + 1, &number) || number > INT_MAX)
		return false;
	event->pid = number;
	*pid = '\0';
	event->comm = line + strspn(line, " ");

	fields = strstr(event->name, ": ");
	if (!fields)
		return false;
	*fields = '\0';
	fields += 2;
	event->exporter = field(fields, "exp_name");
	event->device = field(fields, "dev_name");
	event->fd = field(fields, "fd");
	event->attachment = field(fields, "attachment");
	at = field(fields, "ino");
	pid = field(fields, "size");
	return to_number(end_field(at), &event->ino) &&
	       to_number(end_field(pid), &event->size) &&
	       end_field(event->exporter) &&
	       (!event->device || end_field(event->device)) &&
	       (!event->fd || end_field(event->fd)) &&
	       (!event->attachment || end_field(event->attachment));
}

static void json_event(const struct event *event)
{
	json_begin("trace");
	json_text("time", event->time);
	json_signed("pid", event->pid);
	json_text("comm", event->comm);
	json_text("event", event->name + strlen("dma_buf_"));
	json_number("inode", event->ino);
	json_number("size", event->size);
	json_text("exporter", event->exporter);
	json_text("device", event->device);
	if (event->fd)
		json_signed("fd", atoi(event->fd));
	else
		json_null("fd");
	json_end();
}

/*
 * tracefs has the name of a process only if it was switched to with an event before.
 * Return the present one, freed by the caller, or NULL if the process has exited.
 */
static char *present_comm(int pid)
{
	char path[PATH_MAX], *comm;
	size_t len;

	if (!root_path(path, sizeof(path), "/proc/%d/comm", pid))
		return NULL;
	comm = read_file(AT_FDCWD, path, &len);
	if (comm && len && comm[len - 1] == '\n')
		comm[len - 1] = '\0';
	return comm;
}

static void print_event(const struct event *event)
{
	char size[32], *comm, *exporter;

	comm = escaped(event->comm);
	exporter = escaped(event->exporter);
	printf("%s %-14s %8llu %7s %s %s[%d]", event->time,
	       event->name + strlen("dma_buf_"), event->ino,
	       human_size(size, event->size), exporter, comm, event->pid);
	free(comm);
	free(exporter);
	if (event->fd)
		printf(" fd %d", atoi(event->fd));
	if (event->device) {
		comm = escaped(event->device);
		printf(" device %s", comm);
		free(comm);
	}
	putchar('\n');
}

/* Print a line of trace_pipe, which is changed. */
void trace_line(char *line)
{
	struct event event;
	char *comm = NULL;

	if (!*line || *line == '#')
		return;
	if (!parse_event(line, &event)) {
		lost++;
		return;
	}
	if ((only_ino && event.ino != only_ino) ||
	    (opt.exporter && fnmatch(opt.exporter, event.exporter, 0)))
		return;
	if (!strcmp(event.comm, "<...>")) {
		comm = present_comm(event.pid);
		event.comm = comm ? comm : event.comm;
	}
	if (opt.json)
		json_event(&event);
	else
		print_event(&event);
	free(comm);
}

/* Print the lines of @fd until its end or a signal. */
static void print_lines(int fd)
{
	size_t used = 0, size = 65536;
	char *text = xrealloc(NULL, size + 1, 1), *line, *end;
	ssize_t got;

	while (!stopped && !ferror(stdout)) {
		/* Do not rely on poll() of trace_pipe, which may wait for more. */
		if (pause_for(fd, 0.5) <= 0 && opt.input)
			continue;
		got = read(fd, text + used, size - used);
		if (got < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (got <= 0)
			break;
		used += got;
		text[used] = '\0';
		line = text;
		while ((end = memchr(line, '\n', text + used - line))) {
			*end = '\0';
			trace_line(line);
			line = end + 1;
		}
		used -= line - text;
		memmove(text, line, used);
		if (used == size)
			used = 0;	/* no line is that long */
		fflush(stdout);
	}
	if (used) {
		text[used] = '\0';
		trace_line(text);
	}
	free(text);
	if (lost)
		warn("%lu lines are no events of a dma-buf", lost);
}

/* The instance */

static int write_setting(const char *name, const char *value)
{
	char path[PATH_MAX + 64];
	int fd, ret = 0;

	snprintf(path, sizeof(path), "%s/%s", instance, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	if (write(fd, value, strlen(value)) < 0)
		ret = -errno;
	close(fd);
	return ret;
}

static void instance_remove(void)
{
	if (!*instance)
		return;
	write_setting("events/dma_buf/enable", "0");
	if (rmdir(instance))
		warn("%s: %s", instance, strerror(errno));
	*instance = '\0';
}

static void instance_create(void)
{
	char path[PATH_MAX];

	if (!root_path(path, sizeof(path), TRACEFS "/instances"))
		die("%s: %s", opt.root, strerror(errno));
	if (access(path, F_OK)) {
		if (errno == EACCES)
			die("%s: %s: run dmabuf as root", path, strerror(errno));
		die("no %s: needs CONFIG_FTRACE, and tracefs mounted: mount -t tracefs none %s",
		    path, TRACEFS);
	}
	if (!root_path(path, sizeof(path), TRACEFS "/instances/dmabuf-%d",
		       getpid()))
		die("%s: %s", opt.root, strerror(errno));
	if (mkdir(path, 0700))
		die("%s: %s", path, strerror(errno));
	memcpy(instance, path, sizeof(instance));
	atexit(instance_remove);
}

static int instance_open(void)
{
	char path[PATH_MAX + 64];
	int fd, ret;

	signals_catch();
	instance_create();
	if (only_ino) {
		snprintf(path, sizeof(path), "ino == %llu", only_ino);
		/* Without this filter all events are read, and filtered here. */
		write_setting("events/dma_buf/filter", path);
	}
	ret = write_setting("events/dma_buf/enable", "1");
	if (ret == -ENOENT)
		die("no events of dma-bufs: needs CONFIG_DMA_SHARED_BUFFER");
	if (ret)
		die("%s: %s", instance, strerror(-ret));
	snprintf(path, sizeof(path), "%s/trace_pipe", instance);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		die("%s: %s", path, strerror(errno));
	return fd;
}

int cmd_trace(int argc, char **argv)
{
	int fd;

	if (argc)
		only_ino = parse_number(argv[0], "inode number", U64_MAX);
	if (opt.input) {
		fd = open(opt.input, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			die("%s: %s", opt.input, strerror(errno));
	} else {
		fd = instance_open();
	}
	print_lines(fd);
	/* An instance with an open file is not removed. */
	close(fd);
	instance_remove();
	return 0;
}
