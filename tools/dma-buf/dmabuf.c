// SPDX-License-Identifier: GPL-2.0-only
/* The command line */
#define _GNU_SOURCE
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "dmabuf.h"

#define VERSION "1"
#define EXIT_USAGE 2

struct options opt = { .root = "" };
atomic_bool stopped;

static void print_error(const char *fmt, va_list args)
{
	fflush(stdout);
	fputs("dmabuf: ", stderr);
	vfprintf(stderr, fmt, args);
	fputc('\n', stderr);
}

/* On the screen of "dmabuf top", its first line has the limits of the view. */
void warn(const char *fmt, ...)
{
	va_list args;

	if (on_screen)
		return;
	va_start(args, fmt);
	print_error(fmt, args);
	va_end(args);
}

noreturn void die(const char *fmt, ...)
{
	va_list args;

	screen_end();	/* the message would vanish with the screen */
	va_start(args, fmt);
	print_error(fmt, args);
	va_end(args);
	exit(EXIT_FAILURE);
}

static noreturn __printf(1, 2) void die_usage(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	print_error(fmt, args);
	va_end(args);
	fputs("See \"dmabuf --help\".\n", stderr);
	exit(EXIT_USAGE);
}

/* Return the number, or exit with a message. */
u64 parse_number(const char *text, const char *meaning, u64 max)
{
	unsigned long long number;
	char *end;

	errno = 0;
	number = strtoull(text, &end, 10);
	if (*text < '0' || *text > '9' || *end || errno || number > max)
		die_usage("%s: not a valid %s", text, meaning);
	return number;
}

/* Signals */

static sigset_t unblocked;

static void stop(int signal)
{
	(void)signal;
	stopped = true;
}

/* Deliver the signals that end a command in pause_for() only. */
void signals_catch(void)
{
	static const int signals[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE };
	struct sigaction action = { .sa_handler = stop };
	sigset_t set;
	size_t i;

	sigemptyset(&set);
	sigemptyset(&action.sa_mask);
	for (i = 0; i < ARRAY_SIZE(signals); i++)
		sigaddset(&set, signals[i]);
	sigprocmask(SIG_BLOCK, &set, &unblocked);
	for (i = 0; i < ARRAY_SIZE(signals); i++) {
		sigaction(signals[i], &action, NULL);
		sigdelset(&unblocked, signals[i]);
	}
}

/*
 * Wait until @fd is readable, a signal arrives or @seconds pass; negative: without
 * limit. Return a positive number if @fd is readable.
 */
int pause_for(int fd, double seconds)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	struct timespec timeout = {};

	if (seconds >= 0) {
		timeout.tv_sec = seconds;
		timeout.tv_nsec = (seconds - timeout.tv_sec) * 1e9;
	}
	return ppoll(&pfd, 1, seconds < 0 ? NULL : &timeout, &unblocked);
}

/* Options */

enum {
	OPT_HEADERS = 256, OPT_EXPORTER, OPT_NAME, OPT_DEVICE, OPT_PROCESS,
	OPT_PENDING, OPT_ORPHANS, OPT_COUNT, OPT_INPUT, OPT_ROOT, OPT_VERSION,
};

static const struct option options[] = {
	{ "json", no_argument, NULL, 'j' },
	{ "no-headers", no_argument, NULL, OPT_HEADERS },
	{ "bytes", no_argument, NULL, 'b' },
	{ "sort", required_argument, NULL, 's' },
	{ "exporter", required_argument, NULL, OPT_EXPORTER },
	{ "name", required_argument, NULL, OPT_NAME },
	{ "device", required_argument, NULL, OPT_DEVICE },
	{ "process", required_argument, NULL, OPT_PROCESS },
	{ "pending", no_argument, NULL, OPT_PENDING },
	{ "orphans", no_argument, NULL, OPT_ORPHANS },
	{ "delay", required_argument, NULL, 'd' },
	{ "count", required_argument, NULL, OPT_COUNT },
	{ "input", required_argument, NULL, OPT_INPUT },
	{ "root", required_argument, NULL, OPT_ROOT },
	{ "help", no_argument, NULL, 'h' },
	{ "version", no_argument, NULL, OPT_VERSION },
	{}
};

static const char help[] =
	"Usage: dmabuf [COMMAND] [OPTION...]\n"
	"List dma-bufs and the processes that hold them.\n"
	"\n"
	"  list                 every buffer and its holders (the default)\n"
	"  ps [PID...]          the buffers of each process\n"
	"  exporters, devices   the buffers of each exporter, of each device\n"
	"  show INODE...        everything about a buffer\n"
	"  top                  the largest holders, live\n"
	"  diff [OLD [NEW]]     compare two snapshots, files of list --json\n"
	"  trace [INODE]        the events of buffers\n"
	"\n"
	"  -j, --json           print JSON\n"
	"  -b, --bytes          print sizes in bytes\n"
	"      --no-headers     print neither headings nor totals\n"
	"  -s, --sort [-]COLUMN sort by a column, with \"-\" in reverse\n"
	"      --exporter, --name, --device, --process PATTERN\n"
	"                       only buffers that match; a process also by its PID\n"
	"      --pending        only buffers with pending fences\n"
	"      --orphans        only buffers that no process holds\n"
	"  -d, --delay SECONDS  of top (2) and of diff without files (5)\n"
	"      --count N        end top after N screens\n"
	"      --input FILE     trace: read a copy of trace_pipe\n"
	"  -h, --help; --version\n";

/* Options and columns are words between blanks. */
static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	int min, max;	/* arguments */
	const char *options, *columns;
} commands[] = {
#define COMMON " json bytes no-headers root "
#define FILTER " exporter name device process pending orphans "
	{ "list", cmd_list, 0, 0, COMMON FILTER " sort ",
	  " inode size exporter name refs devices pending processes " },
	{ "ps", cmd_ps, 0, 4096, COMMON FILTER " sort ",
	  " pid command buffers size rss pss " },
	{ "exporters", cmd_exporters, 0, 0, COMMON FILTER " sort ",
	  " exporter buffers pending size " },
	{ "devices", cmd_devices, 0, 0, COMMON FILTER " sort ",
	  " device buffers pending size " },
	{ "show", cmd_show, 1, 4096, COMMON, " " },
	{ "top", cmd_top, 0, 0, COMMON FILTER " sort delay count ",
	  " pid command buffers size rss pss growth " },
	{ "diff", cmd_diff, 0, 2, COMMON FILTER " delay ", " " },
	{ "trace", cmd_trace, 0, 1, COMMON " exporter input ", " " },
};

static bool has_word(const char *words, const char *word)
{
	size_t len = strlen(word);
	const char *at = words;

	while (len && (at = strstr(at, word))) {
		if (at[-1] == ' ' && at[len] == ' ')
			return true;
		at++;
	}
	return false;
}

static const struct command *find_command(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		if (!strcmp(name, commands[i].name))
			return &commands[i];
	die_usage("%s: not a command", name);
}

static double parse_delay(const char *text)
{
	char *end;
	double seconds = strtod(text, &end);

	if (end == text || *end || !(seconds > 0 && seconds <= 86400))
		die_usage("%s: not a valid number of seconds", text);
	return seconds;
}

static void set_option(int letter, const char *value)
{
	switch (letter) {
	case 'j':
		opt.json = true;
		break;
	case 'b':
		opt.bytes = true;
		break;
	case 's':
		opt.sort = value;
		break;
	case 'd':
		opt.delay = parse_delay(value);
		break;
	case OPT_HEADERS:
		opt.no_headers = true;
		break;
	case OPT_EXPORTER:
		opt.exporter = value;
		break;
	case OPT_NAME:
		opt.name = value;
		break;
	case OPT_DEVICE:
		opt.device = value;
		break;
	case OPT_PROCESS:
		opt.process = value;
		break;
	case OPT_PENDING:
		opt.pending = true;
		break;
	case OPT_ORPHANS:
		opt.orphans = true;
		break;
	case OPT_COUNT:
		opt.count = parse_number(value, "number of screens", 1000000000);
		break;
	case OPT_INPUT:
		opt.input = value;
		break;
	case OPT_ROOT:
		opt.root = value;
		break;
	case 'h':
		fputs(help, stdout);
		exit(0);
	case OPT_VERSION:
		puts("dmabuf " VERSION);
		exit(0);
	default:
		fputs("See \"dmabuf --help\".\n", stderr);
		exit(EXIT_USAGE);
	}
}

static bool use_colour(void)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && (!no || !*no) && term &&
	       strcmp(term, "dumb");
}

int main(int argc, char **argv)
{
	bool used[ARRAY_SIZE(options)] = {};
	const struct command *command;
	int letter, ret, i;

	while ((letter = getopt_long(argc, argv, "jbs:d:h", options, NULL)) != -1) {
		set_option(letter, optarg);
		for (i = 0; options[i].name; i++)
			used[i] |= options[i].val == letter;
	}
	argc -= optind;
	argv += optind;
	command = find_command(argc ? argv[0] : "list");
	if (argc) {
		argc--;
		argv++;
	}
	for (i = 0; options[i].name; i++)
		if (used[i] && !has_word(command->options, options[i].name))
			die_usage("%s: no option --%s", command->name,
				  options[i].name);
	if (argc < command->min)
		die_usage("%s: an argument is missing", command->name);
	if (argc > command->max)
		die_usage("%s: too many arguments: %s", command->name,
			  argv[command->max]);
	if (opt.sort && !has_word(command->columns,
				  opt.sort + (opt.sort[0] == '-')))
		die_usage("%s: no column %s; columns:%s", command->name, opt.sort,
			  command->columns);
	opt.colour = use_colour();
	ret = command->run(argc, argv);
	/* The reader of a pipe may have seen enough. */
	if (!fflush(stdout) && !ferror(stdout))
		return ret;
	if (errno != EPIPE)
		die("the output cannot be written: %s", strerror(errno));
	return EXIT_FAILURE;
}
