/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Intended differences between this core and that of the base kernel, as seen by
 * programs. The runner sets DMA_BUF_STOCK=1 on the latter, where a test that
 * depends on a difference checks that it shows, and is skipped. All other tests
 * must pass on both.
 */
#ifndef DMA_BUF_DIFFERENCES_H
#define DMA_BUF_DIFFERENCES_H

#define SKIP_DIFFERENCE "design difference: "

enum difference {
	POLL_WAKES_PER_FENCE,
	POLL_PINS_FILE,
	POLL_ALLOCATES,
	REQUEST_COMPLETES_EARLY,
	NAMES_ARE_RAW,
	FEWER_TRACEPOINTS,
};

static const struct {
	const char *name, *stock, *ours;
	const char *needs;	/* file without which it does not show */
} differences[] = {
	[POLL_WAKES_PER_FENCE] = {
		.name = "poll wakes per fence",
		.stock = "a blocked poller wakes for each fence that signals",
		.ours = "a blocked poller wakes once, when the buffer is ready",
	},
	[POLL_PINS_FILE] = {
		.name = "poll pins the file",
		.stock = "a polled buffer is kept until its fence signals",
		.ours = "a polled buffer is freed with its last reference",
	},
	[POLL_ALLOCATES] = {
		.name = "poll allocates",
		.stock = "poll allocates no memory in the core",
		.ours = "poll allocates memory for more fences than before",
		.needs = "/proc/self/fail-nth",
	},
	[REQUEST_COMPLETES_EARLY] = {
		.name = "requests complete early",
		.stock = "an io_uring or aio request completes with the first fence",
		.ours = "an io_uring or aio request completes with the last fence",
	},
	[NAMES_ARE_RAW] = {
		.name = "names are raw",
		.stock = "a name can add lines to fdinfo and bufinfo",
		.ours = "control characters of a name are printed in octal",
	},
	[FEWER_TRACEPOINTS] = {
		.name = "fewer tracepoints",
		.stock = "tracefs has no events for release, map and unmap",
		.ours = "tracefs has events for release, map and unmap",
		.needs = "/sys/kernel/tracing/instances",
	},
};

#endif /* DMA_BUF_DIFFERENCES_H */
