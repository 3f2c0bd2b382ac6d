/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * For demo programs that print each step they take with a buffer. A step that
 * fails ends its process.
 */
#ifndef DMA_BUF_DEMO_H
#define DMA_BUF_DEMO_H

#include <stdarg.h>

#include "dma_buf_user.h"
#include "../kselftest.h"

/* The name of this process, for its messages */
static const char *role = "story";

__printf(1, 2)
static inline void tell(const char *format, ...)
{
	va_list args;

	printf("%s: ", role);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	printf("\n");
	fflush(stdout);
}

/* Return @ret, or end the process with a message if it is an error. */
static inline long step(const char *what, long ret)
{
	if (ret >= 0)
		return ret;
	tell("FAILED: %s: %s (errno %ld)", what, strerror(-ret), -ret);
	exit(1);
}

static inline void check(const char *what, bool holds)
{
	if (holds)
		return;
	tell("FAILED: %s", what);
	exit(1);
}

static inline void show(const char *what, char *text)
{
	char *line;

	check(what, text);
	tell("%s", what);
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
		step("write the output file", or_errno(put));
	}
}

static inline unsigned char *map_or_fail(int fd, size_t size, int prot)
{
	void *map = mmap(NULL, size, prot, MAP_SHARED, fd, 0);

	step("map the buffer", map == MAP_FAILED ? -errno : 0);
	return map;
}

#endif /* DMA_BUF_DEMO_H */
