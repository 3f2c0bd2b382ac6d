// SPDX-License-Identifier: GPL-2.0-only
/*
 * System call fuzzer: runs the programs in corpus.txt, each of which reaches
 * code that the others do not, and random programs derived from them.
 *
 * With CONFIG_KCOV, programs that reach new code are kept and mutated further.
 * Environment variables:
 *
 *   FUZZ_CALLS=N  approximate number of calls
 *   FUZZ_JOBS=N   number of concurrent processes: many calls block
 *   FUZZ_SEED=N   seed of the random numbers; the kernel's timing still varies
 *   FUZZ_KEEP=F   write the programs that the first process kept, without
 *                 redundant ones, to the file F
 */
#include <limits.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "dma_buf_utils.h"
#include "fuzz_calls.h"

#define CORPUS "corpus.txt"
#define KCOV "/sys/kernel/debug/kcov"
#define KCOV_INIT_TRACE	_IOR('c', 1, unsigned long)
#define KCOV_ENABLE	_IO('c', 100)
#define KCOV_TRACE_PC	0
#define KCOV_WORDS	(64 << 10)

#define DEFAULT_CALLS 20000
#define JOBS_MAX 16
#define PLACES_MAX 4096		/* basic blocks that are counted */
#define KEPT_MAX 1024		/* programs */
#define TIMEOUT_PROGRAM_S 30	/* maximum run time of a program */

struct kept {
	struct program program;
	unsigned char reaches[PLACES_MAX / 8];
};

/*
 * A fuzzing process and the memory that it shares with its parent, which prints
 * the last program after a failure
 */
struct fuzzer {
	pid_t child;
	int status;
	double since;		/* time in ms of the last progress */
	unsigned long seen;	/* number of programs at that time */

	struct program now;
	unsigned long calls, programs;
	unsigned int places, kept_count;
	unsigned long place[PLACES_MAX];
	struct kept kept[KEPT_MAX];
	const char *wrong;
	int result;
	bool complained, guided;
};

static unsigned long *trace;	/* the kernel's coverage buffer, or NULL */
static __u64 dice;
static int taint_fd = -1;

static __u64 roll(__u64 sides)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return dice % sides;
}

static void trace_open(void)
{
	int fd = open(KCOV, O_RDWR | O_CLOEXEC);
	void *map;

	if (fd < 0 || ioctl(fd, KCOV_INIT_TRACE, KCOV_WORDS))
		return;
	map = mmap(NULL, KCOV_WORDS * sizeof(long), PROT_READ | PROT_WRITE,
		   MAP_SHARED, fd, 0);
	if (map != MAP_FAILED && !ioctl(fd, KCOV_ENABLE, KCOV_TRACE_PC))
		trace = map;
}

/*
 * Return the number of @pc, a new one if it is new, PLACES_MAX if none is left.
 */
static unsigned int place_of(struct fuzzer *fuzzer, unsigned long pc)
{
	static unsigned short table[4 * PLACES_MAX];
	unsigned int at = pc * 2654435761UL % ARRAY_SIZE(table);

	for (; table[at]; at = (at + 1) % ARRAY_SIZE(table))
		if (fuzzer->place[table[at] - 1] == pc)
			return table[at] - 1;
	if (fuzzer->places == PLACES_MAX)
		return PLACES_MAX;
	fuzzer->place[fuzzer->places++] = pc;
	table[at] = fuzzer->places;
	return fuzzer->places - 1;
}

/*
 * Record the basic blocks that the last program reached; return true if any is
 * new.
 */
static bool record_trace(struct fuzzer *fuzzer, unsigned char *reaches)
{
	unsigned int before = fuzzer->places, place;
	unsigned long i, count;

	memset(reaches, 0, PLACES_MAX / 8);
	if (!trace)
		return false;
	count = __atomic_load_n(&trace[0], __ATOMIC_RELAXED);
	for (i = 1; i <= count; i++) {
		place = place_of(fuzzer, trace[i]);
		if (place < PLACES_MAX)
			reaches[place / 8] |= 1 << place % 8;
	}
	return fuzzer->places > before;
}

/* Has the kernel been tainted since the first call? */
static bool has_complained(void)
{
	/* sw_sync taints the kernel with its first fence, as if for a soft lockup. */
	const unsigned long expected = 1UL << 14;
	static unsigned long first = ULONG_MAX;
	unsigned long taint;
	char now[32] = "";

	if (taint_fd < 0)
		taint_fd = open("/proc/sys/kernel/tainted", O_RDONLY | O_CLOEXEC);
	if (pread(taint_fd, now, sizeof(now) - 1, 0) <= 0)
		return false;
	taint = strtoul(now, NULL, 10) & ~expected;
	if (first == ULONG_MAX)
		first = taint;
	return first != taint;
}

/*
 * Run a program; return false, which ends the run, if a call returned an
 * invalid result or the kernel complained.
 */
static bool try_program(struct fuzzer *fuzzer, const struct program *program,
			unsigned char *reaches, bool *new)
{
	fuzzer->now = *program;
	if (trace)
		__atomic_store_n(&trace[0], 0, __ATOMIC_RELAXED);
	fuzzer->wrong = program_run(program, &fuzzer->result);
	*new = record_trace(fuzzer, reaches);
	fuzzer->complained = has_complained();
	fuzzer->calls += program->calls;
	fuzzer->programs++;
	return !fuzzer->wrong && !fuzzer->complained;
}

/* Generating programs */

static __u64 random_number(void)
{
	static const __u64 odd[] = {
		31, 32, 33, 63, 64, 127, 255, 256, 4095, 4096, 4097, 65535,
		1U << 20, 1U << 31, ~0U, 1ULL << 32, 1ULL << 51, 1ULL << 52,
		1ULL << 63, ~0ULL - 4095, ~0ULL - 1, ~0ULL,
	};

	switch (roll(8)) {
	case 0:
		return odd[roll(ARRAY_SIZE(odd))];
	case 1:
		return roll(64);
	default:
		return roll(8);
	}
}

/* Prefer the first slots, so that calls use the same objects. */
static __u64 random_arg(char letter)
{
	if (letter == 'n')
		return random_number();
	return roll(slots_of(letter) > 2 && roll(4) ? 2 : slots_of(letter));
}

static struct call random_call(void)
{
	struct call call = { .kind = roll(call_kind_count) };
	const char *args = call_args(call.kind);
	unsigned int i;

	for (i = 0; args[i]; i++)
		call.arg[i] = random_arg(args[i]);
	return call;
}

static struct program random_program(void)
{
	struct program program = { .calls = 2 + roll(PROGRAM_CALLS - 2) };
	unsigned int i;

	for (i = 0; i < program.calls; i++)
		program.call[i] = random_call();
	/* Few calls succeed without a buffer. */
	program.call[0].kind = roll(3);
	program.call[0].arg[0] = 0;
	return program;
}

static void remove_call(struct program *program, unsigned int at)
{
	program->calls--;
	memmove(&program->call[at], &program->call[at + 1],
		(program->calls - at) * sizeof(struct call));
}

static void insert_call(struct program *program, unsigned int at, struct call call)
{
	if (program->calls == PROGRAM_CALLS)
		remove_call(program, roll(PROGRAM_CALLS));
	at = at > program->calls ? program->calls : at;
	memmove(&program->call[at + 1], &program->call[at],
		(program->calls - at) * sizeof(struct call));
	program->call[at] = call;
	program->calls++;
}

static void change_arg(struct call *call)
{
	const char *args = call_args(call->kind);
	unsigned int which = roll(strlen(args));

	if (roll(2))
		call->arg[which] = random_arg(args[which]);
	else
		call->arg[which] = fit_arg(args[which],
					   call->arg[which] ^ 1ULL << roll(64));
}

static void mutate(struct program *program, const struct program *other)
{
	unsigned int at = roll(program->calls);

	switch (roll(6)) {
	case 0:
		if (program->calls > 1)
			remove_call(program, at);
		break;
	case 1:
		insert_call(program, at, program->call[roll(program->calls)]);
		break;
	case 2:
		insert_call(program, at, other->call[roll(other->calls)]);
		break;
	case 3:
		change_arg(&program->call[at]);
		break;
	default:
		insert_call(program, at + 1, random_call());
	}
}

static struct program next_program(struct fuzzer *fuzzer)
{
	const struct program *other;
	struct program program;
	unsigned int changes;

	if (!fuzzer->kept_count || !roll(8))
		return random_program();
	program = fuzzer->kept[roll(fuzzer->kept_count)].program;
	other = &fuzzer->kept[roll(fuzzer->kept_count)].program;
	for (changes = 1 + roll(6); changes; changes--)
		mutate(&program, other);
	return program;
}

/*
 * Does @program reach all basic blocks of @wanted that are new since @before?
 */
static bool reaches_still(struct fuzzer *fuzzer, const struct program *program,
			  const unsigned char *wanted, unsigned int before)
{
	unsigned char reaches[PLACES_MAX / 8];
	unsigned int place;
	bool new;

	if (!try_program(fuzzer, program, reaches, &new))
		return false;
	for (place = before; place < fuzzer->places; place++)
		if (wanted[place / 8] & ~reaches[place / 8] & 1 << place % 8)
			return false;
	return true;
}

/*
 * Keep a program that reached new basic blocks, without the calls that are not
 * needed for that.
 */
static void keep_program(struct fuzzer *fuzzer, const struct program *program,
			 const unsigned char *reaches, unsigned int before)
{
	struct kept *kept = &fuzzer->kept[fuzzer->kept_count];
	struct program less;
	unsigned int at;
	bool new;

	if (fuzzer->kept_count == KEPT_MAX)
		return;
	kept->program = *program;
	for (at = program->calls; at-- && kept->program.calls > 1;) {
		less = kept->program;
		remove_call(&less, at);
		if (reaches_still(fuzzer, &less, reaches, before))
			kept->program = less;
		if (fuzzer->wrong || fuzzer->complained)
			return;
	}
	try_program(fuzzer, &kept->program, kept->reaches, &new);
	fuzzer->kept_count++;
}

static bool read_corpus(struct fuzzer *fuzzer, char *bad, size_t size)
{
	FILE *in = fopen(CORPUS, "re");
	unsigned char reaches[PLACES_MAX / 8];
	struct program program;
	bool good = in, new;

	*bad = '\0';
	while (good && program_read(in, &program, bad, size)) {
		good = try_program(fuzzer, &program, reaches, &new);
		if (fuzzer->kept_count == KEPT_MAX)
			continue;
		fuzzer->kept[fuzzer->kept_count].program = program;
		memcpy(fuzzer->kept[fuzzer->kept_count].reaches, reaches,
		       sizeof(reaches));
		fuzzer->kept_count++;
	}
	if (in)
		fclose(in);
	return good && !*bad;
}

/* Return how many of the basic blocks in @left a program reaches. */
static unsigned int count_reached(const struct kept *kept, const unsigned char *left)
{
	unsigned int i, count = 0;

	for (i = 0; i < PLACES_MAX / 8; i++)
		count += __builtin_popcount(kept->reaches[i] & left[i]);
	return count;
}

/*
 * Write a small set of programs that reaches all basic blocks that were
 * reached.
 */
static bool write_corpus(struct fuzzer *fuzzer, const char *path)
{
	FILE *out = fopen(path, "we");
	unsigned char left[PLACES_MAX / 8];
	unsigned int i, best, count, most;

	if (!out)
		return false;
	fputs(CORPUS_HEADER, out);
	memset(left, 0xff, sizeof(left));
	do {
		for (best = 0, most = 0, i = 0; i < fuzzer->kept_count; i++) {
			count = count_reached(&fuzzer->kept[i], left);
			if (count > most) {
				most = count;
				best = i;
			}
		}
		if (!most)
			break;
		fputc('\n', out);
		program_print(out, "", &fuzzer->kept[best].program);
		for (i = 0; i < sizeof(left); i++)
			left[i] &= ~fuzzer->kept[best].reaches[i];
	} while (most);
	return !fclose(out);
}

/* Run the corpus, then further programs until @calls were made, in a child. */
static int fuzz(struct fuzzer *fuzzer, unsigned long calls, const char *keep)
{
	unsigned char reaches[PLACES_MAX / 8];
	unsigned int before, corpus;
	struct program program;
	char bad[256];
	bool new;

	has_complained();
	trace_open();
	fuzzer->guided = trace;
	if (!scene_open() || !read_corpus(fuzzer, bad, sizeof(bad)))
		return KSFT_FAIL;
	corpus = fuzzer->places;
	while (fuzzer->calls < calls) {
		before = fuzzer->places;
		program = next_program(fuzzer);
		if (!try_program(fuzzer, &program, reaches, &new))
			return KSFT_FAIL;
		if (new)
			keep_program(fuzzer, &program, reaches, before);
	}
	printf("# %u places with the corpus, %u in total\n", corpus, fuzzer->places);
	fflush(stdout);
	scene_close();
	return keep && !write_corpus(fuzzer, keep) ? KSFT_FAIL : KSFT_PASS;
}

#define PROGRESS_MS 20000	/* between two progress messages */

/* Is the child still running? Kill it if a program exceeds its time limit. */
static bool still_running(struct fuzzer *fuzzer)
{
	if (waitpid(fuzzer->child, &fuzzer->status, WNOHANG) == fuzzer->child) {
		fuzzer->child = 0;
		return false;
	}
	if (fuzzer->programs != fuzzer->seen) {
		fuzzer->seen = fuzzer->programs;
		fuzzer->since = now_ms();
	}
	if (now_ms() - fuzzer->since > TIMEOUT_PROGRAM_S * 1000) {
		fuzzer->wrong = "a call does not return";
		kill(fuzzer->child, SIGKILL);
	}
	return true;
}

static int compare_places(const void *one, const void *other)
{
	const unsigned long *a = one, *b = other;

	return (*a > *b) - (*a < *b);
}

/* Return how many basic blocks all children have reached together. */
static unsigned int count_places(struct fuzzer *fuzzers, unsigned int jobs)
{
	static unsigned long all[JOBS_MAX * PLACES_MAX];
	unsigned int i, n = 0, count = 0;

	for (i = 0; i < jobs; i++) {
		memcpy(all + n, fuzzers[i].place,
		       fuzzers[i].places * sizeof(all[0]));
		n += fuzzers[i].places;
	}
	qsort(all, n, sizeof(all[0]), compare_places);
	for (i = 0; i < n; i++)
		count += !i || all[i] != all[i - 1];
	return count;
}

static unsigned long count_calls(struct fuzzer *fuzzers, unsigned int jobs)
{
	unsigned long calls = 0;

	while (jobs--)
		calls += fuzzers[jobs].calls;
	return calls;
}

static void watch(struct fuzzer *fuzzers, unsigned int jobs)
{
	double last = now_ms();
	unsigned int running, i;

	do {
		sleep_ms(20);
		for (running = 0, i = 0; i < jobs; i++)
			running += fuzzers[i].child && still_running(&fuzzers[i]);
		if (now_ms() - last > PROGRESS_MS) {
			last = now_ms();
			printf("# %lu calls, %u places\n", count_calls(fuzzers, jobs),
			       count_places(fuzzers, jobs));
			fflush(stdout);
		}
	} while (running);
}

/* Print the last program to the report and to the console, to reproduce it. */
static void log_last_program(struct fuzzer *fuzzer)
{
	FILE *log = fopen("/dev/kmsg", "we");

	printf("# the last program was:\n");
	program_print(stdout, "#   ", &fuzzer->now);
	fflush(stdout);
	if (!log)
		return;
	setlinebuf(log);
	program_print(log, "fuzz: ", &fuzzer->now);
	fclose(log);
}

FIXTURE(fuzz)
{
	struct fuzzer *fuzzers;
	long objects;
};

FIXTURE_SETUP(fuzz)
{
	if (!scene_open())
		SKIP(return, "needs %s, %s and %s", heap_exporter.config,
		     udmabuf_exporter.config, vgem_exporter.config);
	scene_close();
	if (access(SW_SYNC_PATH, R_OK | W_OK))
		SKIP(return, SKIP_FENCES);
	self->objects = sys_objects();
	self->fuzzers = mmap(NULL, JOBS_MAX * sizeof(struct fuzzer),
			     PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			     -1, 0);
	ASSERT_NE(MAP_FAILED, self->fuzzers);
}

FIXTURE_TEARDOWN(fuzz)
{
	if (self->objects >= 0)
		EXPECT_TRUE(objects_settle(self->objects));
}

/* Passes when parsing and printing the corpus reproduces the file. */
TEST_F(fuzz, corpus)
{
	char *text = text_of(CORPUS, 65536), *again = NULL, bad[256] = "";
	FILE *in = fopen(CORPUS, "re"), *out;
	struct program program;
	size_t size;

	ASSERT_NE(NULL, in);
	ASSERT_NE(NULL, text);
	out = open_memstream(&again, &size);
	fputs(CORPUS_HEADER, out);
	while (program_read(in, &program, bad, sizeof(bad))) {
		fputc('\n', out);
		program_print(out, "", &program);
	}
	fclose(out);
	fclose(in);
	EXPECT_STREQ("", bad);
	EXPECT_STREQ(again, text);
	free(again);
	free(text);
}

/*
 * Passes when each call returns a valid result and the kernel does not
 * complain.
 */
TEST_F_TIMEOUT(fuzz, calls, TIMEOUT_SLOW)
{
	unsigned long calls = work_amount("FUZZ_CALLS", DEFAULT_CALLS);
	unsigned int jobs = work_amount("FUZZ_JOBS", 1), programs = 0, kept = 0, i;
	const char *keep = getenv("FUZZ_KEEP");
	struct fuzzer *fuzzer;
	pid_t child;

	ASSERT_LE(jobs, JOBS_MAX);
	for (i = 0; i < jobs; i++) {
		fuzzer = &self->fuzzers[i];
		dice = work_amount("FUZZ_SEED", 1) + ((__u64)i << 32);
		dice *= 0x9e3779b97f4a7c15ULL;
		fuzzer->since = now_ms();
		child = fork();
		ASSERT_LE(0, child);
		if (!child)
			_exit(fuzz(fuzzer, calls / jobs + 1, i ? NULL : keep));
		fuzzer->child = child;
	}
	watch(self->fuzzers, jobs);
	for (i = 0; i < jobs; i++) {
		fuzzer = &self->fuzzers[i];
		programs += fuzzer->programs;
		kept += fuzzer->kept_count;
		EXPECT_EQ(NULL, fuzzer->wrong)
			TH_LOG("%s: %s", fuzzer->wrong, strerror(-fuzzer->result));
		EXPECT_FALSE(fuzzer->complained)
			TH_LOG("the kernel complained");
		EXPECT_EQ(W_EXITCODE(KSFT_PASS, 0), fuzzer->status)
			log_last_program(fuzzer);
	}
	TH_LOG("%lu calls in %u programs, %u kept, %u places reached, %s",
	       count_calls(self->fuzzers, jobs), programs, kept,
	       count_places(self->fuzzers, jobs),
	       self->fuzzers->guided ? "guided by them" : "blindly");
	EXPECT_LE(calls, count_calls(self->fuzzers, jobs));
}

TEST_HARNESS_MAIN
