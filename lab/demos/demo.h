/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For demo programs that print each step they take with a buffer. A step that
 * fails ends its process.
 */
#ifndef DMA_BUF_DEMO_H
#define DMA_BUF_DEMO_H

#include <poll.h>
#include <stdarg.h>

#include "dma_buf_user.h"
#include "../kselftest.h"

/* Timeout of each wait for another process or device */
#define TIMEOUT_MS 60000

/* The name of this process, for its messages: defined by the program */
extern const char *process_name;

__printf(1, 2)
static inline void say(const char *format, ...)
{
	va_list args;

	printf("%s: ", process_name);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
}

/* Return @ret, or end the process with a message if it is an error. */
static inline long check_ret(const char *name, long ret)
{
	if (ret >= 0)
		return ret;
	say("FAILED: %s: %s (errno %ld)", name, strerror(-ret), -ret);
	exit(1);
}

static inline void check(const char *name, bool holds)
{
	if (holds)
		return;
	say("FAILED: %s", name);
	exit(1);
}

static inline void wait_for(const char *name, int fd, short events)
{
	struct pollfd pfd = { .fd = fd, .events = events };

	check(name, poll(&pfd, 1, TIMEOUT_MS) == 1 && pfd.revents & events);
}

static inline void say_text(const char *name, char *text)
{
	char *line;

	check(name, text);
	say("%s", name);
	for (line = strtok(text, "\n"); line; line = strtok(NULL, "\n"))
		printf("    %s\n", line);
	fflush(stdout);
	free(text);
}

static inline void write_all(int fd, const void *from, size_t size)
{
	size_t done;
	ssize_t put;

	for (done = 0; done < size; done += put) {
		put = write(fd, (const char *)from + done, size - done);
		check_ret("write the output file", or_errno(put));
	}
}

static inline unsigned char *map_or_fail(int fd, size_t size, int prot)
{
	void *map = mmap(NULL, size, prot, MAP_SHARED, fd, 0);

	check_ret("map the buffer", map == MAP_FAILED ? -errno : 0);
	return map;
}

#endif /* DMA_BUF_DEMO_H */
