// SPDX-License-Identifier: GPL-2.0-only
/*
 * Readers of the BPF iterator dmabuf, with the kernel's own BPF program: short
 * reads, and buffers that are exported and closed while a reader stops, or
 * walks.
 */
#include "dma_buf_utils.h"

#include <sched.h>
#include <sys/wait.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "dmabuf_iter.skel.h"

/*
 * As many buffers of either kind: their text does not fit the buffer of a
 * reader in the kernel, which has eight pages.
 */
#define LIVE 600
#define KERNEL_TEXT (8 * 4096)

#define RACE_MS 5000
#define RING 8		/* buffers that an exporter keeps open */
#define NAMES 5		/* entries of the map in the BPF program */

#define MAX_LISTED 8192

struct walk {
	struct dmabuf_iter *skel;
	long before;	/* number of buffers before the test */
	size_t page;
	int dev;
	int live[LIVE];	/* open during the whole test */
	unsigned long ino[LIVE];
	int other[LIVE];	/* those that some tests close */
};

/* Spread work over all CPUs: the buffers may be listed by CPU. */
static void use_cpu(unsigned int number)
{
	cpu_set_t cpu;

	CPU_ZERO(&cpu);
	CPU_SET(number % sysconf(_SC_NPROCESSORS_ONLN), &cpu);
	sched_setaffinity(0, sizeof(cpu), &cpu);
}

static int ignore_message(enum libbpf_print_level level, const char *format, va_list args)
{
	return 0;
}

static int export(struct walk *walk, const char *kind, unsigned int number)
{
	int fd = heap_alloc(walk->dev, walk->page, true);
	char name[32];

	snprintf(name, sizeof(name), "%s buffer %u of a test", kind, number);
	if (fd >= 0)
		sys_set_name(fd, name);
	return fd;
}

/* Buffers of both kinds in turn, on all CPUs */
static int export_all(struct walk *walk)
{
	unsigned int i;

	for (i = 0; i < LIVE; i++) {
		use_cpu(i / 16);
		walk->live[i] = export(walk, "live", i);
		walk->other[i] = export(walk, "other", i);
		if (walk->live[i] < 0 || walk->other[i] < 0)
			return -ENOMEM;
		walk->ino[i] = inode_of(walk->live[i]);
	}
	return 0;
}

static void close_all(int *fd)
{
	unsigned int i;

	for (i = 0; i < LIVE; i++) {
		if (fd[i] >= 0)
			close(fd[i]);
		fd[i] = -1;
	}
}

static int reader(struct walk *walk)
{
	return or_errno(bpf_iter_create(bpf_link__fd(walk->skel->links.dmabuf_collector)));
}

/* Return the text of a whole walk, read @step bytes at a time. */
static char *text_of_walk(struct walk *walk, size_t step)
{
	int fd = reader(walk);
	char *text;

	if (fd < 0)
		return NULL;
	text = text_of_fd(fd, step);
	close(fd);
	return text;
}

/*
 * Read @count bytes, @step at a time, and set @text to them. Returns how many
 * there were, or -errno.
 */
static long read_part(int fd, char *text, size_t count, size_t step)
{
	size_t used = 0, want;
	ssize_t got = 1;

	while (used < count && got > 0) {
		want = count - used < step ? count - used : step;
		got = read(fd, text + used, want);
		if (got < 0)
			return -errno;
		used += got;
	}
	text[used] = '\0';
	return used;
}

/*
 * Skip a record, which has a line each for the number of the inode, the size,
 * the name and the exporter. Returns the inode number, or 0 if it is no record.
 */
static unsigned long next_record(const char **text)
{
	char line[4][64], *end;
	unsigned long ino;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(line); i++)
		if (!text_line(text, line[i], sizeof(line[i])))
			return 0;
	ino = strtoul(line[0], &end, 10);
	if (*end || !strtoul(line[1], &end, 10) || *end || !*line[3])
		return 0;
	return ino;
}

static int compare(const void *one, const void *two)
{
	unsigned long a = *(const unsigned long *)one;
	unsigned long b = *(const unsigned long *)two;

	return a < b ? -1 : a > b;
}

/*
 * Check that all of @text is records, none is twice in it, and each live buffer
 * is. Returns the number of records of other buffers, or -errno.
 */
static long check_text(struct walk *walk, const char *text)
{
	static __thread unsigned long ino[MAX_LISTED];
	const char *begin = text;
	size_t count = 0, i;

	while (*text) {
		if (count < MAX_LISTED)
			ino[count] = next_record(&text);
		if (count == MAX_LISTED || !ino[count]) {
			printf("# no record at byte %zd: %.40s\n", text - begin, text);
			return -EILSEQ;
		}
		count++;
	}
	qsort(ino, count, sizeof(*ino), compare);
	for (i = 1; i < count; i++) {
		if (ino[i] == ino[i - 1]) {
			printf("# twice in the text: %lu\n", ino[i]);
			return -EEXIST;
		}
	}
	for (i = 0; i < LIVE; i++) {
		if (!bsearch(&walk->ino[i], ino, count, sizeof(*ino), compare)) {
			printf("# not in the text: live buffer %zu of %d, %lu\n", i,
			       LIVE, walk->ino[i]);
			return -ENOENT;
		}
	}
	return count - LIVE;
}

static bool is_live(struct walk *walk, unsigned long ino)
{
	unsigned int i;

	for (i = 0; i < LIVE; i++)
		if (walk->ino[i] == ino)
			return true;
	return false;
}

/* Export and close @count buffers, a few of them open at any time. */
static int export_and_close(struct walk *walk, unsigned long count, atomic_bool *over)
{
	int ring[RING], ret = 0;
	unsigned long i;

	memset(ring, -1, sizeof(ring));
	for (i = 0; i < count && ret >= 0 && !(over && *over); i++) {
		close(ring[i % RING]);
		ret = heap_alloc(walk->dev, walk->page, true);
		ring[i % RING] = ret;
		if (ret >= 0 && i % 4 == 0)
			ret = sys_set_name(ret, "short-lived");
	}
	for (i = 0; i < RING; i++)
		close(ring[i]);
	return ret < 0 ? ret : 0;
}

static bool setup(struct __test_metadata *_metadata, struct walk *walk)
{
	struct rlimit fds = { 2 * LIVE + 100, 2 * LIVE + 100 };

	memset(walk->live, -1, sizeof(walk->live));
	memset(walk->other, -1, sizeof(walk->other));
	walk->page = getpagesize();
	walk->dev = heap_open();
	if (walk->dev < 0)
		SKIP(return false, "no such exporter: needs %s", heap_exporter.config);
	walk->before = sys_objects();
	if (walk->before < 0)
		SKIP(return false, SKIP_BUFINFO);
	libbpf_set_print(ignore_message);
	walk->skel = dmabuf_iter__open_and_load();
	if (!walk->skel)
		SKIP(return false, "no BPF iterator: needs CONFIG_BPF_SYSCALL, BTF");
	EXPECT_EQ(0, dmabuf_iter__attach(walk->skel));
	EXPECT_EQ(0, setrlimit(RLIMIT_NOFILE, &fds));
	EXPECT_EQ(0, export_all(walk));
	return true;
}

static void teardown(struct __test_metadata *_metadata, struct walk *walk)
{
	close_all(walk->live);
	close_all(walk->other);
	dmabuf_iter__destroy(walk->skel);
	close(walk->dev);
	if (walk->before >= 0)
		EXPECT_TRUE(objects_settle(walk->before))
			TH_LOG("%ld buffers are left", sys_objects() - walk->before);
}

/* Readers while no buffer is exported or closed */

FIXTURE(walk)
{
	struct walk walk;
};

FIXTURE_SETUP(walk)
{
	setup(_metadata, &self->walk);
}

FIXTURE_TEARDOWN(walk)
{
	teardown(_metadata, &self->walk);
}

/*
 * Passes when reads of any size give the same text, with each buffer in it
 * exactly once, and a read after the last one gives nothing.
 */
TEST_F_TIMEOUT(walk, read_sizes, TIMEOUT_SLOW)
{
	static const size_t step[] = { 1, 2, 3, 7, 64, 4096, KERNEL_TEXT, 1 << 20 };
	struct walk *walk = &self->walk;
	char *first = text_of_walk(walk, 4096), *text, byte;
	unsigned int i;
	double start;
	int fd;

	ASSERT_NE(NULL, first);
	EXPECT_LT(KERNEL_TEXT, strlen(first));
	EXPECT_EQ(walk->before + LIVE, check_text(walk, first));
	for (i = 0; i < ARRAY_SIZE(step); i++) {
		start = now_ms();
		fd = must(reader(walk));
		text = text_of_fd(fd, step[i]);
		ASSERT_NE(NULL, text);
		EXPECT_EQ(0, strcmp(first, text))
			TH_LOG("reads of %zu bytes: %zu bytes, not %zu", step[i],
			       strlen(text), strlen(first));
		EXPECT_EQ(0, read(fd, &byte, 1));
		TH_LOG("%zu bytes, %zu at a time: %.0f ms", strlen(text), step[i],
		       now_ms() - start);
		close(fd);
		free(text);
	}
	free(first);
}

/* A reader that stops while buffers are exported and closed */

FIXTURE(stop)
{
	struct walk walk;
	char *text;	/* what the reader has read */
	int fd;
	long limit;	/* the most buffers that may exist */
};

FIXTURE_VARIANT(stop)
{
	unsigned int percent;	/* the part of all records that the reader reads */
	bool whole;		/* all of the last record, not only its first byte */
	unsigned long exports;
};

FIXTURE_VARIANT_ADD(stop, first_byte) { 0, false, 5000 };
FIXTURE_VARIANT_ADD(stop, first_record) { 0, true, 5000 };
FIXTURE_VARIANT_ADD(stop, half_way) { 50, false, 100000 };
FIXTURE_VARIANT_ADD(stop, half_way_whole_record) { 50, true, 5000 };
FIXTURE_VARIANT_ADD(stop, last_records) { 99, true, 5000 };

/*
 * Return the number of bytes after which a reader of this text is to stop: in a
 * record before that of a buffer which is not live. The reader, which reads
 * byte by byte, then holds that one. Returns 0 if there is none.
 */
static size_t stop_after(struct walk *walk, const char *text, unsigned int percent,
			 bool whole)
{
	const char *begin = text, *record = text, *behind;
	size_t skip = strlen(text) * percent / 100;

	while (*text) {
		record = text;
		next_record(&text);
		behind = text;
		if (*text && record - begin >= (ssize_t)skip &&
		    !is_live(walk, next_record(&behind)))
			return (whole ? text : record + 1) - begin;
	}
	return 0;
}

/* Wait for the children; return how many failed. */
static int reap(pid_t *child, unsigned int count)
{
	int status, failed = 0;
	unsigned int i;

	for (i = 0; i < count; i++)
		failed += child[i] < 0 || waitpid(child[i], &status, 0) < 0 || status;
	return failed;
}

/* Export and close buffers in two processes; return how many of these failed. */
static int export_beside(struct walk *walk, unsigned long count)
{
	pid_t child[2];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(child); i++) {
		child[i] = fork();
		if (child[i])
			continue;
		use_cpu(i);
		_exit(!!export_and_close(walk, count / ARRAY_SIZE(child), NULL));
	}
	return reap(child, ARRAY_SIZE(child));
}

/*
 * Have a reader stop before a buffer that is then closed, and have others be
 * exported and closed while it is there. Sets @self->text to all that the
 * reader has read.
 */
FIXTURE_SETUP(stop)
{
	struct walk *walk = &self->walk;
	double start;
	size_t size;
	char *whole;

	self->fd = -1;
	if (!setup(_metadata, walk))
		return;
	whole = text_of_walk(walk, 4096);
	ASSERT_NE(NULL, whole);
	size = stop_after(walk, whole, variant->percent, variant->whole);
	ASSERT_LT(0, size);
	self->text = malloc(strlen(whole) + 1);
	ASSERT_NE(NULL, self->text);
	self->fd = must(reader(walk));
	ASSERT_EQ(size, read_part(self->fd, self->text, size, 1));
	ASSERT_EQ(0, strncmp(whole, self->text, size));
	free(whole);

	self->limit = walk->before + LIVE + 1;
	close_all(walk->other);
	EXPECT_GE(self->limit, sys_objects());
	start = now_ms();
	EXPECT_EQ(0, export_beside(walk, variant->exports));
	TH_LOG("stopped after %zu bytes: %lu buffers in %.0f ms; %ld listed, %d live",
	       size, variant->exports, now_ms() - start,
	       sys_objects() - walk->before, LIVE);
}

FIXTURE_TEARDOWN(stop)
{
	if (self->fd >= 0)
		close(self->fd);
	free(self->text);
	teardown(_metadata, &self->walk);
}

/*
 * Passes when a reader that stopped has pinned one buffer at most, goes on to
 * the end, lists each live buffer exactly once, and then pins none.
 */
TEST_F_TIMEOUT(stop, read_on, TIMEOUT_SLOW)
{
	struct walk *walk = &self->walk;
	char *rest, *text;

	EXPECT_GE(self->limit, sys_objects());
	rest = text_of_fd(self->fd, 7);
	ASSERT_NE(NULL, rest);
	ASSERT_LT(0, asprintf(&text, "%s%s", self->text, rest));
	EXPECT_LE(0, check_text(walk, text));
	EXPECT_TRUE(objects_settle(walk->before + LIVE));
	free(rest);
	free(text);
}

/*
 * Passes when a reader that stopped has pinned one buffer at most, and none
 * after it is closed; and a new one lists the live buffers only.
 */
TEST_F_TIMEOUT(stop, close, TIMEOUT_SLOW)
{
	struct walk *walk = &self->walk;
	char *text;

	EXPECT_GE(self->limit, sys_objects());
	ASSERT_EQ(0, close(self->fd));
	self->fd = -1;
	EXPECT_TRUE(objects_settle(walk->before + LIVE));
	text = text_of_walk(walk, 64);
	ASSERT_NE(NULL, text);
	EXPECT_EQ(walk->before, check_text(walk, text));
	free(text);
}

/* Threads that walk, export and close */

struct thread {
	const char *name;
	int (*round)(struct thread *thread);

	struct walk *walk;
	atomic_bool *over;
	pthread_t thread;
	unsigned int number;
	unsigned int dice;
	unsigned long rounds, hits;	/* a hit: met others than live buffers */
	int ret;
};

static int round_of_exports(struct thread *thread)
{
	return export_and_close(thread->walk, 64, thread->over);
}

/* Read to the end, or stop anywhere. */
static int round_of_reads(struct thread *thread)
{
	static const size_t step[] = { 1, 64, 500, 4096, 1 << 16 };
	size_t size = step[rand_r(&thread->dice) % ARRAY_SIZE(step)];
	char part[4096], *text;
	long ret;
	int fd;

	if (rand_r(&thread->dice) % 2) {
		fd = reader(thread->walk);
		if (fd < 0)
			return fd;
		ret = read_part(fd, part, rand_r(&thread->dice) % sizeof(part), size);
		close(fd);
	} else {
		text = text_of_walk(thread->walk, size);
		ret = text ? check_text(thread->walk, text) : -EIO;
		thread->hits += ret > 0;
		free(text);
	}
	return ret < 0 ? ret : 0;
}

/* Names of live buffers from one end of the list to the other */
static void live_name(char *name, unsigned int number)
{
	memset(name, 0, DMA_BUF_NAME_LEN);
	snprintf(name, DMA_BUF_NAME_LEN, "live buffer %u of a test",
		 number * (LIVE - 1) / (NAMES - 1));
}

/* Walk within a BPF program, which sets the entries of the names that it finds. */
static int round_of_program(struct thread *thread)
{
	struct dmabuf_iter *skel = thread->walk->skel;
	int program = bpf_program__fd(skel->progs.iter_dmabuf_for_each);
	int map = bpf_map__fd(skel->maps.testbuf_hash), ret = 0;
	struct bpf_test_run_opts options = { .sz = sizeof(options) };
	char name[DMA_BUF_NAME_LEN];
	unsigned int i;
	bool found;

	for (i = 0; i < NAMES && !ret; i++) {
		found = false;
		live_name(name, i);
		ret = bpf_map_update_elem(map, name, &found, BPF_ANY);
	}
	ret = ret ?: bpf_prog_test_run_opts(program, &options);
	for (i = 0; i < NAMES && !ret && !options.retval; i++) {
		live_name(name, i);
		ret = bpf_map_lookup_elem(map, name, &found);
		if (!ret && !found) {
			printf("# not found by the program: %s\n", name);
			return -ENOENT;
		}
	}
	return ret ?: options.retval ? -EIO : 0;
}

static void *run_thread(void *data)
{
	struct thread *thread = data;

	use_cpu(thread->number);
	thread->dice = thread->number;
	while (!*thread->over && !thread->ret) {
		thread->ret = thread->round(thread);
		thread->rounds++;
	}
	/* Stop the other threads as well. */
	*thread->over = true;
	return NULL;
}

/*
 * Passes when no walk fails or misses a live buffer, however many others are
 * exported and closed, and each kind of thread gets its turn.
 */
TEST_F_TIMEOUT(walk, iterate_export_close, TIMEOUT_SLOW)
{
	struct thread thread[] = {
		{ .name = "export and close", .round = round_of_exports },
		{ .name = "read", .round = round_of_reads },
		{ .name = "export and close", .round = round_of_exports },
		{ .name = "read", .round = round_of_reads },
		{ .name = "walk in BPF", .round = round_of_program },
	};
	struct walk *walk = &self->walk;
	double end = now_ms() + RACE_MS;
	unsigned long hits = 0;
	atomic_bool over = false;
	unsigned int i;

	close_all(walk->other);
	for (i = 0; i < ARRAY_SIZE(thread); i++) {
		thread[i].number = i;
		thread[i].walk = walk;
		thread[i].over = &over;
		ASSERT_EQ(0, pthread_create(&thread[i].thread, NULL, run_thread,
					    &thread[i]));
	}
	while (!over && now_ms() < end)
		sleep_ms(10);
	over = true;
	for (i = 0; i < ARRAY_SIZE(thread); i++) {
		pthread_join(thread[i].thread, NULL);
		TH_LOG("%s: %lu rounds", thread[i].name, thread[i].rounds);
		EXPECT_EQ(0, thread[i].ret)
			TH_LOG("%s: %s", thread[i].name, strerror(-thread[i].ret));
		EXPECT_LT(0, thread[i].rounds);
		hits += thread[i].hits;
	}
	TH_LOG("%lu whole walks met others than the live buffers", hits);
	EXPECT_LT(0, hits);
	EXPECT_TRUE(objects_settle(walk->before + LIVE));
}

TEST_HARNESS_MAIN
