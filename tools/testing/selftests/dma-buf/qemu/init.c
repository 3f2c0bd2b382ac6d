// SPDX-License-Identifier: GPL-2.0
/*
 * Process 1 of the dma-buf guest.
 *
 * Runs the mode given by "mode=" on the kernel command line (test, program or
 * shell), checks for leaked buffers, leaked memory and complaints in the kernel
 * log, and powers off. Programs may be added to the initramfs: /start is the
 * program of mode "program"; /before and /after run before and after the
 * programs of mode "test". The console is for the user; three virtio-serial
 * ports are read by the host, or files in its directory "ports=", on User Mode
 * Linux:
 *
 *   report   the tests' results as KTAP, or the output of the program
 *   files    the files in /out, as a cpio archive
 *   verdict  a "problem:" line for each failure outside of a test case, and
 *            "end" as the last line
 */

#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "../../kselftest.h"
#include "../differences.h"

#define TESTS	"/tests"
#define OUT	"/out"
#define PORTS	"/ports"
#define DEBUGFS	"/sys/kernel/debug"

static FILE *report, *files, *verdict;

/* Number of cases in which each difference from the base kernel was found. */
static unsigned int seen[ARRAY_SIZE(differences)];

static void power_off(void)
{
	fflush(NULL);
	reboot(RB_AUTOBOOT);
	_exit(1);
}

static __printf(1, 2) void problem(const char *fmt, ...)
{
	char text[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	printf("problem: %s\n", text);
	if (verdict)
		fprintf(verdict, "problem: %s\n", text);
}

static const char *parameter(const char *name, const char *fallback)
{
	const char *value = getenv(name);

	return value && *value ? value : fallback;
}

static void mount_or_die(const char *type, const char *where)
{
	mkdir(where, 0755);
	if (mount(type, where, type, 0, NULL)) {
		problem("cannot mount %s on %s: %m", type, where);
		power_off();
	}
}

/* The initramfs has no /dev/console that the kernel could have opened. */
static void open_console(void)
{
	int fd;

	mount_or_die("devtmpfs", "/dev");
	fd = open("/dev/console", O_RDWR);

	if (fd < 0)
		power_off();
	for (int i = 0; i < 3; i++)
		dup2(fd, i);
	if (fd > 2)
		close(fd);
	setlinebuf(stdout);
}

static void mount_filesystems(void)
{
	mount_or_die("proc", "/proc");
	mount_or_die("sysfs", "/sys");
	mount_or_die("cgroup2", "/sys/fs/cgroup");
	mount_or_die("debugfs", DEBUGFS);
	mount_or_die("tracefs", "/sys/kernel/tracing");
	mount_or_die("tmpfs", "/dev/shm");
	mount_or_die("tmpfs", "/tmp");
	mount_or_die("tmpfs", OUT);
}

static FILE *find_port(const char *wanted)
{
	const char *class = "/sys/class/virtio-ports";
	DIR *dir = opendir(class);
	char path[512], name[64];
	FILE *found = NULL, *f;
	struct dirent *entry;

	while (dir && !found && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "%s/%s/name", class, entry->d_name);
		f = fopen(path, "re");
		if (!f)
			continue;
		if (fscanf(f, "%63s", name) == 1 && !strcmp(name, wanted)) {
			snprintf(path, sizeof(path), "/dev/%s", entry->d_name);
			found = fopen(path, "we");
		}
		fclose(f);
	}
	if (dir)
		closedir(dir);
	return found;
}

/* Mounts the directory of the host that has the ports, if there is one. */
static void mount_ports(void)
{
	const char *where = parameter("ports", "");

	mkdir(PORTS, 0755);
	if (*where && mount("hostfs", PORTS, "hostfs", 0, where))
		problem("cannot mount hostfs on " PORTS ": %m");
}

/* The driver creates ports from a work item: retry until @name exists. */
static FILE *open_port(const char *name)
{
	FILE *port = NULL;
	char path[64];

	snprintf(path, sizeof(path), PORTS "/%s", name);
	if (!access(path, W_OK))
		port = fopen(path, "we");
	for (int tries = 0; tries < 500 && !port; tries++) {
		port = find_port(name);
		if (!port)
			usleep(10000);
	}
	if (!port) {
		problem("no port called %s", name);
		power_off();
	}
	setlinebuf(port);
	return port;
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return;
	if (write(fd, text, strlen(text)) < 0)
		problem("cannot write %s: %m", path);
	close(fd);
}

static void load_module(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || syscall(SYS_finit_module, fd, "", 0))
		problem("cannot load %s: %m", path);
	close(fd);
}

/* Loads the drivers that tests remove and reload, in order of dependencies. */
static void load_drivers(void)
{
	char dir[128], path[512], name[256];
	struct utsname uts;
	FILE *f;

	uname(&uts);
	snprintf(dir, sizeof(dir), "/lib/modules/%s", uts.release);
	snprintf(path, sizeof(path), "%s/modules.order", dir);
	f = fopen(path, "re");
	while (f && fscanf(f, "%255s", name) == 1) {
		snprintf(path, sizeof(path), "%s/%s", dir, name);
		load_module(path);
	}
	if (f)
		fclose(f);
}

/* Injected failures are expected: turns off their backtraces. */
static void quiet_fault_injection(void)
{
	write_file(DEBUGFS "/failslab/verbose", "0");
	write_file(DEBUGFS "/fail_page_alloc/verbose", "0");
}

/* The time limit of a test program in seconds, from the settings file. */
static unsigned int test_timeout(void)
{
	FILE *f = fopen(TESTS "/settings", "re");
	unsigned int seconds = 45;
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "timeout=%u", &seconds);
	if (f)
		fclose(f);
	return seconds * atoi(parameter("slow", "1"));
}

static pid_t start_program(char *const argv[], int out)
{
	pid_t pid = fork();
	int null;

	if (pid)
		return pid;
	null = open("/dev/null", O_RDONLY);
	dup2(null, 0);
	dup2(out, 1);
	dup2(out, 2);
	if (!chdir(TESTS))
		execv(argv[0], argv);
	printf("# cannot start %s: %s\n", argv[0], strerror(errno));
	fflush(stdout);
	_exit(127);
}

static void report_line(const char *line, const char *indent)
{
	puts(line);
	fprintf(report, "%s%s\n", indent, line);
}

static void count_difference(const char *line)
{
	const char *name = strstr(line, "# SKIP " SKIP_DIFFERENCE);

	for (size_t i = 0; name && i < ARRAY_SIZE(seen); i++)
		seen[i] += !strcmp(name + strlen("# SKIP " SKIP_DIFFERENCE),
				   differences[i].name);
}

/* Copies a program's complete lines; returns how many are "not ok". */
static unsigned int copy_output(FILE *out, const char *indent)
{
	static char line[4096];
	static size_t used;
	unsigned int failed = 0;
	int c;

	while ((c = fgetc(out)) != EOF) {
		if (c != '\n' && used < sizeof(line) - 1) {
			line[used++] = c;
			continue;
		}
		line[used] = '\0';
		used = 0;
		failed += !strncmp(line, "not ok ", 7);
		count_difference(line);
		if (strncmp(line, "TAP version", 11))
			report_line(line, indent);
	}
	clearerr(out);
	return failed;
}

/* Kills and reaps all other processes, including other process groups. */
static void kill_all(void)
{
	kill(-1, SIGKILL);
	while (waitpid(-1, NULL, 0) > 0)
		;
}

/*
 * Runs a program and copies its output to the report. Returns its wait status,
 * or -1 if it timed out; @failed is set to the number of "not ok" lines.
 */
static int run_program(char *const argv[], const char *indent, unsigned int *failed)
{
	time_t end = time(NULL) + test_timeout();
	struct pollfd pfd = { .events = POLLIN };
	int pipefd[2], status = -1;
	FILE *out;
	pid_t pid;

	if (pipe2(pipefd, O_CLOEXEC)) {
		problem("pipe: %m");
		return -1;
	}
	fflush(NULL);
	pid = start_program(argv, pipefd[1]);
	close(pipefd[1]);
	pfd.fd = pipefd[0];
	fcntl(pfd.fd, F_SETFL, O_NONBLOCK);
	out = fdopen(pfd.fd, "r");

	*failed = 0;
	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (time(NULL) > end) {
			status = -1;
			break;
		}
		if (poll(&pfd, 1, 50) > 0 && pfd.revents & POLLHUP)
			usleep(1000);
		*failed += copy_output(out, indent);
	}
	kill_all();
	*failed += copy_output(out, indent);
	fclose(out);
	return status;
}

/* Reports a KUnit suite from debugfs, without "KTAP version 1" and "1..1". */
static void report_suite(const char *suite, unsigned int number)
{
	char path[512], line[4096];
	unsigned int skip = 2;
	FILE *f;

	snprintf(path, sizeof(path), DEBUGFS "/kunit/%s/results", suite);
	f = fopen(path, "re");
	if (!f) {
		problem("no results of KUnit suite %s", suite);
		return;
	}
	while (fgets(line, sizeof(line), f)) {
		if (skip)
			skip--;
		else if (!strncmp(line, "ok 1 ", 5))
			fprintf(report, "ok %u %s", number, line + 5);
		else if (!strncmp(line, "not ok 1 ", 9))
			fprintf(report, "not ok %u %s", number, line + 9);
		else
			fputs(line, report);
	}
	fclose(f);
}

static void run_selftest(const char *name, unsigned int number)
{
	char path[256], *argv[] = { path, NULL };
	const char *result = "not ok", *directive = "";
	int status, code = -1;
	unsigned int failed;

	snprintf(path, sizeof(path), TESTS "/%.127s", name);
	report_line("KTAP version 1", "    ");
	fprintf(report, "    # Subtest: %s\n", name);
	status = run_program(argv, "    ", &failed);
	if (status < 0)
		problem("%s: not finished after %u seconds", name, test_timeout());
	else if (WIFSIGNALED(status))
		problem("%s: killed by signal %d", name, WTERMSIG(status));
	else
		code = WEXITSTATUS(status);
	if (code == KSFT_PASS || code == KSFT_SKIP)
		result = "ok";
	else if (code > 0 && !failed)
		problem("%s: exit status %d without a failed case", name, code);
	if (code == KSFT_SKIP)
		directive = " # SKIP";
	fprintf(report, "%s %u %s%s\n", result, number, name, directive);
	printf("%s %s%s\n", result, name, directive);
}

static int is_suite(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* True if a word of @name starts with @area. */
static bool in_area(const char *name, const char *area)
{
	const char *found = strstr(name, area);

	while (found && found != name && found[-1] != '_')
		found = strstr(found + 1, area);
	return found;
}

/* Fills @names with the programs that match "only="; returns their number. */
static unsigned int list_selftests(char names[][128], unsigned int max)
{
	const char *only = parameter("only", "");
	FILE *f = fopen(TESTS "/kselftest-list.txt", "re");
	unsigned int n = 0;

	while (f && n < max && fscanf(f, " %*[^:]:%127s", names[n]) == 1)
		n += in_area(names[n], only);
	if (f)
		fclose(f);
	return n;
}

/* Writes the table of differences of the base kernel, which the host prints. */
static void report_differences(void)
{
	const char *needs;

	for (size_t i = 0; i < ARRAY_SIZE(seen); i++) {
		needs = differences[i].needs;
		fprintf(report, "# difference: %s: %u cases\n", differences[i].name, seen[i]);
		fprintf(report, "# difference:   stock: %s\n", differences[i].stock);
		fprintf(report, "# difference:   ours:  %s\n", differences[i].ours);
		if (seen[i] || *parameter("only", ""))
			continue;
		if (needs && access(needs, F_OK))
			fprintf(report, "# difference:   not checked: no %s\n", needs);
		else
			problem("difference not found on the base kernel: %s", differences[i].name);
	}
}

#define RACES DEBUGFS "/kunit/dma_buf_race/"

/* Running a suite again overwrites its results from boot: check those first. */
static void check_races_at_boot(void)
{
	FILE *f = fopen(RACES "results", "re");
	char line[512];

	while (f && fgets(line, sizeof(line), f))
		if (strstr(line, "not ok "))
			problem("race suite at boot: %s", line);
	if (f)
		fclose(f);
}

/* Runs the race suite again if RACE_MS is set, with that duration. */
static void run_races_again(void)
{
	const char *param = "/sys/module/dma_buf_kunit/parameters/race_ms";
	const char *ms = getenv("RACE_MS");

	if (!ms || access(RACES, F_OK))
		return;
	check_races_at_boot();
	if (access(param, W_OK) || access(RACES "run", W_OK))
		problem("the races cannot be run again: %m");
	write_file(param, ms);
	write_file(RACES "run", "1");
}

/* Reports the counters of KCSAN, if it is enabled. */
static void report_watchpoints(void)
{
	FILE *f = fopen(DEBUGFS "/kcsan", "re");
	char line[128];

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "setup_watchpoints", 17) ||
		    !strncmp(line, "data_races", 10))
			fprintf(report, "# kcsan: %s", line);
	if (f)
		fclose(f);
}

static void run_one(char *path)
{
	char *const argv[] = { path, NULL };
	unsigned int failed;
	int status = run_program(argv, "", &failed);

	if (status < 0)
		problem("%s: not finished after %u seconds", path, test_timeout());
	else if (!WIFEXITED(status))
		problem("%s: killed by signal %d", path, WTERMSIG(status));
	else if (WEXITSTATUS(status))
		problem("%s: exit status %d", path, WEXITSTATUS(status));
}

/* Runs a program that was added to the initramfs, if there is one. */
static void run_hook(char *path)
{
	if (!access(path, X_OK))
		run_one(path);
}

/* Reports the suites, which have run during boot, and runs the programs. */
static void run_tests(void)
{
	char names[128][128];
	struct dirent **suites = NULL;
	int nsuites = scandir(DEBUGFS "/kunit", &suites, is_suite, alphasort);
	unsigned int ntests = 0, number = 0;

	run_hook("/before");
	run_races_again();
	if (nsuites < 0)
		nsuites = 0;
	if (!strcmp(parameter("selftests", "yes"), "yes"))
		ntests = list_selftests(names, 128);
	fprintf(report, "KTAP version 1\n1..%u\n", nsuites + ntests);
	for (int i = 0; i < nsuites; i++)
		report_suite(suites[i]->d_name, ++number);
	for (unsigned int i = 0; i < ntests; i++)
		run_selftest(names[i], ++number);
	run_hook("/after");
	report_watchpoints();
	if (ntests && !strcmp(parameter("DMA_BUF_STOCK", "0"), "1"))
		report_differences();
}

static void run_shell(void)
{
	static const char script[] =
		"/bin/busybox --install -s /bin; "
		"echo 'tests are in " TESTS ", exit powers off'; "
		"cd " TESTS " && exec sh -i";
	pid_t pid = fork();

	if (!pid) {
		setsid();
		ioctl(0, TIOCSCTTY, 1);
		execl("/bin/busybox", "sh", "-c", script, NULL);
		_exit(127);
	}
	waitpid(pid, NULL, 0);
}

static int count_buffers(void)
{
	FILE *f = fopen(DEBUGFS "/dma_buf/bufinfo", "re");
	int count = -1;
	char line[512];

	while (f && fgets(line, sizeof(line), f))
		sscanf(line, "Total %d objects", &count);
	if (f)
		fclose(f);
	return count;
}

/* Buffers may be freed shortly after the last reference is dropped: retry. */
static void check_buffers(void)
{
	int count = count_buffers();

	for (int tries = 0; tries < 20 && count > 0; tries++) {
		usleep(100000);
		count = count_buffers();
	}
	if (count < 0)
		problem("bufinfo cannot be read");
	else if (count)
		problem("bufinfo still lists %d objects", count);
	else
		report_line("bufinfo: 0 objects left", "# ");
}

/*
 * True if @wanted is on the command line. Parameters that the kernel knows are
 * not in the environment.
 */
static bool on_command_line(const char *wanted)
{
	FILE *f = fopen("/proc/cmdline", "re");
	bool found = false;
	char word[256];

	while (f && !found && fscanf(f, "%255s", word) == 1)
		found = !strcmp(word, wanted);
	if (f)
		fclose(f);
	return found;
}

/*
 * kmemleak skips objects younger than five seconds, and reports a leak if the
 * second scan finds the object with unchanged contents.
 */
static void check_memory(void)
{
	const char *path = DEBUGFS "/kmemleak";
	unsigned int leaks = 0;
	char line[512];
	FILE *f;

	if (access(path, W_OK) || on_command_line("kmemleak=off"))
		return;
	sleep(6);
	write_file(path, "scan");
	write_file(path, "scan");
	f = fopen(path, "re");
	while (f && fgets(line, sizeof(line), f)) {
		leaks += !strncmp(line, "unreferenced object", 19);
		fputs(line, stdout);
	}
	if (f)
		fclose(f);
	if (leaks)
		problem("kmemleak: %u unreferenced objects", leaks);
}

/*
 * True if @line, which begins with "WARNING: ", is from WARN() and not from
 * lockdep: "WARNING: CPU: ", or since 7.x "WARNING: FILE:LINE at CODE".
 */
static int is_warn(const char *line)
{
	int line_number = 0;

	return !strncmp(line, "WARNING: CPU: ", 14) ||
	       sscanf(line, "WARNING: %*[^: ]:%d at ", &line_number) == 1;
}

/* Returns the complaint in a line of the log, or NULL. */
static const char *find_complaint(const char *line)
{
	static const char * const complaints[] = {
		"BUG: ", "kernel BUG at", "Oops", "general protection fault",
		"Kernel panic", "UBSAN: ", "INFO: task ", "INFO: trying to register",
		"rcu: INFO: ", "suspected memory leaks", "WARNING: ",
	};
	bool warn_allowed = !strcmp(parameter("warnings", "fail"), "allow");

	/* Reports of the slab allocator have no colon. */
	if (!strncmp(line, "BUG ", 4))
		return line;

	for (size_t i = 0; i < ARRAY_SIZE(complaints); i++) {
		const char *found = strstr(line, complaints[i]);

		if (found && !(warn_allowed && is_warn(found)))
			return found;
	}
	return NULL;
}

static void check_log(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	unsigned long long next = 0, seq;
	char record[8192], *text;
	const char *complaint;
	ssize_t len;

	while ((len = read(fd, record, sizeof(record) - 1)) > 0) {
		record[len] = '\0';
		record[strcspn(record, "\n")] = '\0';
		text = strchr(record, ';');
		if (!text || sscanf(record, "%*u,%llu", &seq) != 1)
			continue;
		if (seq != next)
			problem("kernel log: %llu lines lost", seq - next);
		next = seq + 1;
		complaint = find_complaint(text + 1);
		if (complaint)
			problem("kernel log: %s", complaint);
	}
	if (fd < 0 || (len < 0 && errno != EAGAIN))
		problem("kernel log: %m");
	close(fd);
}

static int save_counters(const char *path, const struct stat *st, int type,
			 struct FTW *where)
{
	const char *name = path + where->base;
	char to[512], buffer[65536];
	FILE *in, *out;
	size_t len;

	if (type != FTW_F || !S_ISREG(st->st_mode) || !strstr(name, ".gcda"))
		return 0;
	snprintf(to, sizeof(to), OUT "/%s", name);
	in = fopen(path, "re");
	out = fopen(to, "we");
	while (in && out && (len = fread(buffer, 1, sizeof(buffer), in)) > 0)
		fwrite(buffer, 1, len, out);
	if (!in || !out || fclose(out))
		problem("cannot save %s", path);
	if (in)
		fclose(in);
	return 0;
}

/* Saves the counters of a kernel with gcov; the host evaluates them. */
static void save_coverage(void)
{
	nftw(DEBUGFS "/gcov", save_counters, 16, FTW_PHYS);
}

static void put_cpio_header(const char *name, size_t size)
{
	static unsigned int ino;
	size_t length = strlen(name) + 1;

	fprintf(files, "070701%08x%08x%08x%08x%08x%08x%08zx%08x%08x%08x%08x%08zx%08x",
		++ino, 0100644, 0, 0, 1, 0, size, 0, 0, 0, 0, length, 0);
	fwrite(name, 1, length, files);
	fwrite("\0\0\0", 1, -(110 + length) & 3, files);
}

static void send_file(const char *name)
{
	char path[512], buffer[65536];
	struct stat st;
	size_t len;
	FILE *f;

	snprintf(path, sizeof(path), OUT "/%s", name);
	f = fopen(path, "re");
	if (!f || fstat(fileno(f), &st) || !S_ISREG(st.st_mode)) {
		problem("cannot send %s", path);
		return;
	}
	put_cpio_header(name, st.st_size);
	while ((len = fread(buffer, 1, sizeof(buffer), f)) > 0)
		fwrite(buffer, 1, len, files);
	fwrite("\0\0\0", 1, -st.st_size & 3, files);
	fclose(f);
}

static void send_files(void)
{
	DIR *dir = opendir(OUT);
	struct dirent *entry;

	setvbuf(files, NULL, _IOFBF, 65536);
	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			send_file(entry->d_name);
	if (dir)
		closedir(dir);
	put_cpio_header("TRAILER!!!", 0);
	if (fflush(files))
		problem("cannot send files: %m");
}

int main(void)
{
	const char *mode = parameter("mode", "test");

	open_console();
	mount_filesystems();
	mount_ports();
	report = open_port("report");
	files = open_port("files");
	verdict = open_port("verdict");
	quiet_fault_injection();
	load_drivers();
	if (!strcmp(mode, "shell"))
		run_shell();
	else if (!strcmp(mode, "program"))
		run_one("/start");
	else
		run_tests();
	check_buffers();
	check_memory();
	check_log();
	save_coverage();
	send_files();
	fflush(report);
	fputs("end\n", verdict);
	power_off();
}
