// SPDX-License-Identifier: GPL-2.0-only
/*
 * A live view of the processes: full screens with ncurses or without it, or one
 * screen after another if the output is no terminal.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include <sys/ioctl.h>

#ifdef HAVE_NCURSES
#include <curses.h>
#endif

#include "dmabuf.h"

/* The terminal */

bool on_screen;

#ifdef HAVE_NCURSES

void screen_end(void)
{
	if (on_screen)
		endwin();
	on_screen = false;
}

static void screen_begin(void)
{
	SCREEN *screen = newterm(NULL, stdout, stdin);

	if (!screen)
		die("terminal type %s is unknown", getenv("TERM") ?: "(none)");
	on_screen = true;
	atexit(screen_end);
	cbreak();
	noecho();
	curs_set(0);
	keypad(stdscr, TRUE);
	nodelay(stdscr, TRUE);
}

static int screen_rows(void)
{
	return LINES;
}

static void screen_show(char **lines, size_t count)
{
	size_t i;

	erase();
	for (i = 0; i < count; i++) {
		if (i == 2 && opt.colour)
			attron(A_BOLD);
		mvaddnstr(i, 0, lines[i], COLS);
		attroff(A_BOLD);
	}
	refresh();
}

static int screen_key(void)
{
	int key = getch();

	return key == ERR ? 0 : key;
}

#else

static struct termios original;

void screen_end(void)
{
	if (!on_screen)
		return;
	on_screen = false;
	/* Show the cursor, and the screen from before the start. */
	fputs("\033[?25h\033[?1049l", stdout);
	fflush(stdout);
	tcsetattr(STDIN_FILENO, TCSANOW, &original);
}

static void screen_begin(void)
{
	struct termios raw;

	if (tcgetattr(STDIN_FILENO, &original))
		die("the input is no terminal");
	atexit(screen_end);
	signal(SIGTSTP, SIG_IGN);	/* it would leave the screen as it is */
	raw = original;
	raw.c_lflag &= ~(ICANON | ECHO);
	raw.c_cc[VMIN] = 0;
	raw.c_cc[VTIME] = 0;
	on_screen = true;
	tcsetattr(STDIN_FILENO, TCSANOW, &raw);
	fputs("\033[?1049h\033[?25l", stdout);
}

static int screen_rows(void)
{
	struct winsize size;

	return ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) || !size.ws_row ?
	       24 : size.ws_row;
}

static void screen_show(char **lines, size_t count)
{
	struct winsize size;
	int columns = 80;
	size_t i;

	if (!ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) && size.ws_col)
		columns = size.ws_col;
	fputs("\033[H\033[2J", stdout);
	for (i = 0; i < count; i++)
		printf("%s%s%.*s%s", i ? "\r\n" : "",
		       i == 2 && opt.colour ? "\033[1m" : "", columns, lines[i],
		       i == 2 && opt.colour ? "\033[0m" : "");
	fflush(stdout);
}

static int screen_key(void)
{
	unsigned char key;

	return read(STDIN_FILENO, &key, 1) == 1 ? key : 0;
}

#endif

/* The view */

static const struct {
	char key;
	const char *order;
} keys[] = {
	{ 's', "size" }, { 'r', "rss" }, { 'p', "pss" }, { 'b', "buffers" },
	{ 'g', "growth" }, { 'c', "command" }, { 'i', "pid" },
};

static const char keys_help[] =
	"s size, r rss, p pss, b buffers, g growth, c command, i PID, q quit";

/* Sizes at the first sight of a process, by PID; a new PID starts at 0. */
struct seen {
	int pid;
	char comm[64];
	u64 size;
};

static struct seen *seen;
static size_t num_seen, max_seen;

static int compare_seen(const void *one, const void *two)
{
	const struct seen *a = one, *b = two;

	return (a->pid > b->pid) - (a->pid < b->pid);
}

static void see_all(const struct model *model)
{
	const struct process *process = model->processes;

	for (; process; process = process->next) {
		if (num_seen == max_seen) {
			max_seen = max_seen * 2 + 64;
			seen = xrealloc(seen, max_seen, sizeof(*seen));
		}
		seen[num_seen].pid = process->pid;
		snprintf(seen[num_seen].comm, sizeof(seen->comm), "%s",
			 process->comm);
		seen[num_seen++].size = process->size;
	}
	if (num_seen)
		qsort(seen, num_seen, sizeof(*seen), compare_seen);
}

static void set_growth(struct model *model)
{
	struct process *process = model->processes;
	struct seen *hit, key = {};

	for (; process; process = process->next) {
		key.pid = process->pid;
		hit = num_seen ? bsearch(&key, seen, num_seen, sizeof(*seen),
					 compare_seen) : NULL;
		if (hit && !strncmp(hit->comm, process->comm,
				    sizeof(hit->comm) - 1))
			process->before = hit->size;
	}
}

static char **view(struct model *model, const char *order, u64 before,
		   size_t *count)
{
	static const char *const headings[] = {
		">PID", "COMMAND", ">BUFFERS", ">SIZE", ">RSS", ">PSS", ">GROWTH",
	};
	struct table table = {
		.heading = headings, .columns = ARRAY_SIZE(headings),
	};
	struct process **sorted = sorted_processes(model, order);
	char out[3][32], **lines, **all;
	struct text first = {};
	unsigned int i;

	for (i = 0; i < model->num_processes; i++) {
		if (!sorted[i]->buffers)
			continue;
		table_cell(&table, "%d", sorted[i]->pid);
		table_text(&table, sorted[i]->comm);
		table_cell(&table, "%u", sorted[i]->buffers);
		table_cell(&table, "%s", human_size(out[0], sorted[i]->size));
		table_cell(&table, "%s", human_size(out[0], sorted[i]->rss));
		table_cell(&table, "%s", human_size(out[0], sorted[i]->pss));
		table_cell(&table, "%s", human_change(out[0], sorted[i]->before,
						      sorted[i]->size));
	}
	free(sorted);
	text_add(&first, "%zu buffers, %s (%s), %zu without a process, %s",
		 model->num_shown, human_size(out[0], model->size),
		 human_change(out[1], before, model->size), model->num_orphans,
		 human_size(out[2], model->orphans_size));
	if (model->hidden)
		text_add(&first, ", %u processes hidden", model->hidden);
	if (!model->bufinfo)
		text_add(&first, ", no bufinfo");
	lines = table_lines(&table, !opt.no_headers, count);
	all = xrealloc(NULL, *count + 2, sizeof(*all));
	memcpy(all + 2, lines, *count * sizeof(*lines));
	free(lines);
	all[0] = first.at;
	memset(&first, 0, sizeof(first));
	text_add(&first, "by %s; %s", opt.sort ? opt.sort : order, keys_help);
	all[1] = first.at;
	*count += 2;
	return all;
}

static void json_view(struct model *model, const char *order)
{
	struct process **sorted = sorted_processes(model, order);
	unsigned int i;

	json_begin("top");
	json_visibility(model);
	json_open("processes", '[');
	for (i = 0; i < model->num_processes; i++) {
		if (!sorted[i]->buffers)
			continue;
		json_open(NULL, '{');
		json_signed("pid", sorted[i]->pid);
		json_text("comm", sorted[i]->comm);
		json_number("buffers", sorted[i]->buffers);
		json_number("size", sorted[i]->size);
		json_number("rss", sorted[i]->rss);
		json_number("pss", sorted[i]->pss);
		json_signed("growth", sorted[i]->size - sorted[i]->before);
		json_close();
	}
	json_close();
	json_total("orphans", model->num_orphans, model->orphans_size);
	json_total("total", model->num_shown, model->size);
	json_end();
	fflush(stdout);
	free(sorted);
}

static void show(struct model *model, const char *order, u64 before)
{
	size_t count, i, rows;
	char **lines;

	if (opt.json) {
		json_view(model, order);
		return;
	}
	lines = view(model, order, before, &count);
	if (on_screen) {
		rows = (size_t)screen_rows() < count ? (size_t)screen_rows() : count;
		screen_show(lines, rows);
	}
	for (i = 0; i < count; i++) {
		if (!on_screen && i != 1)
			puts(lines[i]);
		free(lines[i]);
	}
	if (!on_screen) {
		putchar('\n');
		fflush(stdout);
	}
	free(lines);
}

/* Return false if the command ends; @order: changed by a key. */
static bool handle_keys(const char **order)
{
	size_t i;
	int key;

	while (on_screen && (key = screen_key())) {
		if (key == 'q')
			return false;
		for (i = 0; i < ARRAY_SIZE(keys); i++) {
			if (key != keys[i].key)
				continue;
			*order = keys[i].order;
			opt.sort = NULL;
		}
	}
	return true;
}

int cmd_top(int argc, char **argv)
{
	bool full = !opt.json && isatty(STDOUT_FILENO) && isatty(STDIN_FILENO);
	const char *order = "pss";
	struct model model;
	u64 before = 0;
	long screens;

	(void)argc;
	(void)argv;
	signals_catch();
	for (screens = 0; !stopped && !ferror(stdout); screens++) {
		model_init(&model);
		model_gather(&model);
		if (!screens) {
			before = model.size;
			see_all(&model);
		}
		set_growth(&model);
		if (full && !on_screen)
			screen_begin();
		show(&model, order, before);
		model_free(&model);
		if (opt.count && screens + 1 >= opt.count)
			break;
		pause_for(full ? STDIN_FILENO : -1, opt.delay ? opt.delay : 2);
		if (!handle_keys(&order))
			break;
	}
	screen_end();
	free(seen);
	return 0;
}
