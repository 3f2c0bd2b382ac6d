// SPDX-License-Identifier: GPL-2.0-only
/* The calls of the fuzzer's programs, and these programs as text. */
#include "dma_buf_user.h"

#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/time.h>

#include "fuzz_calls.h"
#include "../kselftest.h"

#define CALL_ERRORS 8

#define BUFFERS 8
#define SYNC_FILES 8
#define TIMELINES 2
#define MAPS 4
#define EPOLLS 2
#define HANDLES 4

/*
 * The objects that a program has created so far, and the devices that it uses
 */
struct scene {
	int buffer[BUFFERS], sync_file[SYNC_FILES], timeline[TIMELINES];
	int epoll[EPOLLS];
	struct {
		char *addr;
		size_t size;
		int prot;
	} map[MAPS];
	bool imported[HANDLES];
	__u32 handle[HANDLES];
	int heap, udmabuf, vgem;
};

static struct scene scene;

/* Store @fd, or an error, in a slot, and close its previous fd. */
static int keep_fd(int *slot, int fd)
{
	if (*slot >= 0)
		close(*slot);
	*slot = fd;
	return fd < 0 ? fd : 0;
}

static int drop_fd(int *slot)
{
	int ret = *slot >= 0 ? or_errno(close(*slot)) : -EBADF;

	*slot = -1;
	return ret;
}

/*
 * Interrupt a call that blocks with a signal after 1 ms. Repeat the signal, in
 * case it arrived before the call blocked, but leave time for other work in
 * between.
 */
static void alarm_clock(bool on)
{
	struct itimerval timer = { { 0, on ? 50000 : 0 }, { 0, on ? 1000 : 0 } };

	setitimer(ITIMER_REAL, &timer, NULL);
}

/* Allocating buffers */

static size_t pages_of(__u64 number)
{
	return number % 33 * getpagesize();
}

static int run_heap(struct scene *scene, const __u64 *arg)
{
	return keep_fd(&scene->buffer[arg[0]],
		       heap_alloc(scene->heap, pages_of(arg[1]), true));
}

static int run_udmabuf(struct scene *scene, const __u64 *arg)
{
	return keep_fd(&scene->buffer[arg[0]],
		       udmabuf_alloc(scene->udmabuf, pages_of(arg[1]), true));
}

static int run_vgem(struct scene *scene, const __u64 *arg)
{
	return keep_fd(&scene->buffer[arg[0]],
		       vgem_alloc(scene->vgem, pages_of(arg[1]), true));
}

static int run_dup(struct scene *scene, const __u64 *arg)
{
	if (arg[0] == arg[1])
		return 0;
	return keep_fd(&scene->buffer[arg[0]],
		       or_errno(dup(scene->buffer[arg[1]])));
}

static int run_close(struct scene *scene, const __u64 *arg)
{
	return drop_fd(&scene->buffer[arg[0]]);
}

/* The five ioctls, and others */

static int run_sync(struct scene *scene, const __u64 *arg)
{
	int ret;

	alarm_clock(true);
	ret = sys_sync_cpu(scene->buffer[arg[0]], arg[1]);
	alarm_clock(false);
	return ret;
}

static int run_set_name(struct scene *scene, const __u64 *arg)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz0123456789----";
	size_t len = arg[1] % (sizeof(letters) + 1);

	return sys_set_name(scene->buffer[arg[0]], len == sizeof(letters) ?
			    NULL : letters + sizeof(letters) - 1 - len);
}

static int run_export(struct scene *scene, const __u64 *arg)
{
	return keep_fd(&scene->sync_file[arg[2]],
		       sys_export_fence(scene->buffer[arg[0]], arg[1]));
}

static int run_import(struct scene *scene, const __u64 *arg)
{
	return sys_import_fence(scene->buffer[arg[0]], arg[1],
				scene->sync_file[arg[2]]);
}

/* Call any ioctl of our type with two words of payload. */
static int run_ioctl(struct scene *scene, const __u64 *arg)
{
	static const __u32 known[] = {
		DMA_BUF_IOCTL_SYNC, DMA_BUF_SET_NAME_A, DMA_BUF_SET_NAME_B,
		DMA_BUF_IOCTL_EXPORT_SYNC_FILE, DMA_BUF_IOCTL_IMPORT_SYNC_FILE,
	};
	__u32 request = arg[1] < ARRAY_SIZE(known) ? known[arg[1]] :
			(arg[1] & ~0xff00ULL) | 'b' << 8;
	__u64 payload[8] = { arg[2], arg[3] };
	struct dma_buf_export_sync_file *export = (void *)payload;
	void *at = arg[4] % 8 ? payload : (void *)(uintptr_t)arg[4];
	int ret;

	alarm_clock(true);
	ret = sys_ioctl(scene->buffer[arg[0]], request, at);
	alarm_clock(false);
	if (!ret && request == DMA_BUF_IOCTL_EXPORT_SYNC_FILE)
		close(export->fd);
	return ret;
}

/* Fences */

static int run_timeline(struct scene *scene, const __u64 *arg)
{
	return keep_fd(&scene->timeline[arg[0]], sys_timeline());
}

static int run_fence(struct scene *scene, const __u64 *arg)
{
	return keep_fd(&scene->sync_file[arg[0]],
		       sys_fence(scene->timeline[arg[1]], arg[2]));
}

static int run_advance(struct scene *scene, const __u64 *arg)
{
	return sys_advance(scene->timeline[arg[0]], arg[1] % 64);
}

static int run_close_timeline(struct scene *scene, const __u64 *arg)
{
	return drop_fd(&scene->timeline[arg[0]]);
}

static int run_merge(struct scene *scene, const __u64 *arg)
{
	int merged = sys_merge_fences(scene->sync_file[arg[1]],
				      scene->sync_file[arg[2]]);

	return keep_fd(&scene->sync_file[arg[0]], merged);
}

static int run_close_sync_file(struct scene *scene, const __u64 *arg)
{
	return drop_fd(&scene->sync_file[arg[0]]);
}

/* Waiting */

/* Ignore the number of ready descriptors. */
static int or_zero(int ret)
{
	return ret < 0 ? -errno : 0;
}

static int run_poll(struct scene *scene, const __u64 *arg)
{
	struct pollfd pfd = { .fd = scene->buffer[arg[0]], .events = arg[1] };

	return or_zero(poll(&pfd, 1, arg[2] % 2));
}

static int run_epoll(struct scene *scene, const __u64 *arg)
{
	return keep_fd(&scene->epoll[arg[0]],
		       or_errno(epoll_create1(EPOLL_CLOEXEC)));
}

static int run_epoll_ctl(struct scene *scene, const __u64 *arg)
{
	static const int ops[] = { EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLL_CTL_DEL };
	struct epoll_event event = { .events = arg[3] };

	return or_errno(epoll_ctl(scene->epoll[arg[0]], ops[arg[1] % 3],
				  scene->buffer[arg[2]], &event));
}

static int run_epoll_wait(struct scene *scene, const __u64 *arg)
{
	struct epoll_event event[4];

	return or_zero(epoll_wait(scene->epoll[arg[0]], event, 4, arg[1] % 2));
}

/* Mapping */

static int run_munmap(struct scene *scene, const __u64 *arg)
{
	char *addr = scene->map[arg[0]].addr;

	scene->map[arg[0]].addr = NULL;
	return addr ? or_errno(munmap(addr, scene->map[arg[0]].size)) : 0;
}

static int run_mmap(struct scene *scene, const __u64 *arg)
{
	static const int prots[] = { PROT_READ | PROT_WRITE, PROT_READ, PROT_NONE };
	int prot = prots[arg[4] % 3], flags = arg[4] & 4 ? MAP_PRIVATE : MAP_SHARED;
	size_t size = pages_of(arg[2]);
	char *addr;

	run_munmap(scene, arg);
	addr = mmap(NULL, size, prot, flags, scene->buffer[arg[1]],
		    (off_t)(arg[3] * getpagesize()));
	if (addr == MAP_FAILED)
		return -errno;
	scene->map[arg[0]].addr = addr;
	scene->map[arg[0]].size = size;
	scene->map[arg[0]].prot = prot;
	return 0;
}

static int run_touch(struct scene *scene, const __u64 *arg)
{
	char *addr = scene->map[arg[0]].addr;

	if (addr && scene->map[arg[0]].prot & PROT_WRITE)
		addr[scene->map[arg[0]].size - 1] = arg[1];
	return 0;
}

/* Querying */

static int run_lseek(struct scene *scene, const __u64 *arg)
{
	off_t ret = lseek(scene->buffer[arg[0]], arg[1], arg[2] % 8);

	return ret == -1 ? -errno : 0;
}

static int run_read(struct scene *scene, const __u64 *arg)
{
	char path[48], *text;

	if (scene->buffer[arg[0]] < 0)
		return -EBADF;
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", scene->buffer[arg[0]]);
	if (arg[1] % 4 == 1)
		snprintf(path, sizeof(path), "/proc/self/maps");
	else if (arg[1] % 4 == 2)
		snprintf(path, sizeof(path), BUFINFO_PATH);
	text = text_of(path, 64 + arg[2] % 4096);
	free(text);
	return text ? 0 : -errno;
}

static int run_link(struct scene *scene, const __u64 *arg)
{
	char path[48], target[80];

	if (scene->buffer[arg[0]] < 0)
		return -EBADF;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", scene->buffer[arg[0]]);
	return readlink(path, target, sizeof(target)) > 0 ? 0 : -errno;
}

/* Importing */

static int run_close_handle(struct scene *scene, const __u64 *arg)
{
	if (!scene->imported[arg[0]])
		return 0;
	scene->imported[arg[0]] = false;
	return vgem_close_handle(scene->vgem, scene->handle[arg[0]]);
}

static bool has_handle(struct scene *scene, __u32 handle)
{
	unsigned int i;

	for (i = 0; i < HANDLES; i++)
		if (scene->imported[i] && scene->handle[i] == handle)
			return true;
	return false;
}

static int run_attach(struct scene *scene, const __u64 *arg)
{
	__u32 handle;
	int ret;

	run_close_handle(scene, arg);
	ret = vgem_import(scene->vgem, scene->buffer[arg[1]], &handle);
	/* The same buffer has the same handle, which is closed once. */
	if (ret || has_handle(scene, handle))
		return ret;
	scene->handle[arg[0]] = handle;
	scene->imported[arg[0]] = true;
	return 0;
}

/* The arguments of each call: a slot by its letter, n for a number */
static const struct call_kind {
	const char *name, *args;
	int (*run)(struct scene *scene, const __u64 *arg);
	int may[CALL_ERRORS];	/* errors that the call may return */
} call_kinds[] = {
	{ "heap", "bn", run_heap, { EINVAL, ENOMEM } },
	{ "udmabuf", "bn", run_udmabuf, { EINVAL, ENOMEM } },
	{ "vgem", "bn", run_vgem, { EINVAL, ENOMEM } },
	{ "dup", "bb", run_dup, { EBADF } },
	{ "close", "b", run_close, { EBADF } },
	{ "sync", "bn", run_sync, { EBADF, EINVAL, EINTR } },
	{ "set_name", "bn", run_set_name, { EBADF, EINVAL, EFAULT } },
	{ "export_sync_file", "bns", run_export, { EBADF, EINVAL } },
	{ "import_sync_file", "bns", run_import, { EBADF, EINVAL } },
	{ "ioctl", "bnnnn", run_ioctl, { EBADF, EINVAL, EFAULT, ENOTTY, EINTR } },
	{ "timeline", "t", run_timeline, { } },
	{ "fence", "stn", run_fence, { EBADF } },
	{ "advance", "tn", run_advance, { EBADF } },
	{ "close_timeline", "t", run_close_timeline, { EBADF } },
	{ "merge", "sss", run_merge, { EBADF, ENOENT } },
	{ "close_sync_file", "s", run_close_sync_file, { EBADF } },
	{ "poll", "bnn", run_poll, { } },
	{ "epoll", "e", run_epoll, { } },
	{ "epoll_ctl", "enbn", run_epoll_ctl, { EBADF, EEXIST, ENOENT, EINVAL } },
	{ "epoll_wait", "en", run_epoll_wait, { EBADF, EINTR } },
	{ "mmap", "mbnnn", run_mmap, { EBADF, EINVAL, EOVERFLOW } },
	{ "touch", "mn", run_touch, { } },
	{ "munmap", "m", run_munmap, { } },
	{ "lseek", "bnn", run_lseek, { EBADF, EINVAL } },
	{ "read", "bnn", run_read, { EBADF } },
	{ "link", "b", run_link, { EBADF } },
	{ "attach", "hb", run_attach, { EBADF } },
	{ "close_handle", "h", run_close_handle, { } },
};

const unsigned int call_kind_count = ARRAY_SIZE(call_kinds);

const char *call_args(unsigned int kind)
{
	return call_kinds[kind].args;
}

unsigned int slots_of(char letter)
{
	switch (letter) {
	case 'b': return BUFFERS;
	case 's': return SYNC_FILES;
	case 't': return TIMELINES;
	case 'm': return MAPS;
	case 'e': return EPOLLS;
	case 'h': return HANDLES;
	default: return 0;
	}
}

__u64 fit_arg(char letter, __u64 value)
{
	unsigned int slots = slots_of(letter);

	return slots ? value % slots : value;
}

bool scene_open(void)
{
	struct sigaction action = { .sa_handler = ignore_signal };

	memset(&scene, 0, sizeof(scene));
	memset(scene.buffer, -1, sizeof(scene.buffer));
	memset(scene.sync_file, -1, sizeof(scene.sync_file));
	memset(scene.timeline, -1, sizeof(scene.timeline));
	memset(scene.epoll, -1, sizeof(scene.epoll));
	sigaction(SIGALRM, &action, NULL);
	scene.heap = heap_open();
	scene.udmabuf = udmabuf_open();
	scene.vgem = vgem_open();
	return scene.heap >= 0 && scene.udmabuf >= 0 && scene.vgem >= 0;
}

/* Release all objects that the program has left. */
static void scene_clear(void)
{
	__u64 i;

	for (i = 0; i < MAPS; i++)
		run_munmap(&scene, &i);
	for (i = 0; i < HANDLES; i++)
		run_close_handle(&scene, &i);
	for (i = 0; i < EPOLLS; i++)
		drop_fd(&scene.epoll[i]);
	for (i = 0; i < BUFFERS; i++)
		drop_fd(&scene.buffer[i]);
	for (i = 0; i < SYNC_FILES; i++)
		drop_fd(&scene.sync_file[i]);
	for (i = 0; i < TIMELINES; i++)
		drop_fd(&scene.timeline[i]);
}

void scene_close(void)
{
	scene_clear();
	close(scene.heap);
	close(scene.udmabuf);
	close(scene.vgem);
}

/* Is @ret a valid result of the call? */
static bool result_valid(const struct call_kind *kind, int ret)
{
	unsigned int i;

	for (i = 0; i < CALL_ERRORS && kind->may[i]; i++)
		if (ret == -kind->may[i])
			return true;
	return !ret;
}

const char *program_run(const struct program *program, int *result)
{
	const struct call_kind *kind;
	const char *wrong = NULL;
	unsigned int i;
	int ret;

	for (i = 0; i < program->calls && !wrong; i++) {
		kind = &call_kinds[program->call[i].kind];
		ret = kind->run(&scene, program->call[i].arg);
		if (result_valid(kind, ret))
			continue;
		*result = ret;
		wrong = kind->name;
	}
	scene_clear();
	return wrong;
}

/* Programs as text */

void program_print(FILE *out, const char *indent, const struct program *program)
{
	const struct call_kind *kind;
	unsigned int i, j;

	for (i = 0; i < program->calls; i++) {
		kind = &call_kinds[program->call[i].kind];
		fprintf(out, "%s%s", indent, kind->name);
		for (j = 0; kind->args[j]; j++) {
			fputc(' ', out);
			if (kind->args[j] != 'n')
				fputc(kind->args[j], out);
			fprintf(out, "%llu",
				(unsigned long long)program->call[i].arg[j]);
		}
		fputc('\n', out);
	}
}

static bool call_parse(struct call *call, char *line)
{
	const struct call_kind *kind;
	char *word = strtok(line, " "), *end;
	unsigned int i;

	for (call->kind = 0; call->kind < ARRAY_SIZE(call_kinds); call->kind++)
		if (!strcmp(call_kinds[call->kind].name, word))
			break;
	if (call->kind == ARRAY_SIZE(call_kinds))
		return false;
	kind = &call_kinds[call->kind];
	for (i = 0; kind->args[i]; i++) {
		word = strtok(NULL, " ");
		if (!word || (kind->args[i] != 'n' && *word++ != kind->args[i]))
			return false;
		call->arg[i] = strtoull(word, &end, 10);
		if (end == word || *end || fit_arg(kind->args[i], call->arg[i]) != call->arg[i])
			return false;
	}
	return !strtok(NULL, " ");
}

bool program_read(FILE *in, struct program *program, char *bad, size_t size)
{
	char line[256];

	memset(program, 0, sizeof(*program));
	while (fgets(line, sizeof(line), in)) {
		line[strcspn(line, "\n")] = '\0';
		if (*line == '#' || (!*line && !program->calls))
			continue;
		if (!*line)
			return true;
		snprintf(bad, size, "%s", line);
		if (program->calls == PROGRAM_CALLS ||
		    !call_parse(&program->call[program->calls], line))
			return false;
		*bad = '\0';
		program->calls++;
	}
	return program->calls;
}
