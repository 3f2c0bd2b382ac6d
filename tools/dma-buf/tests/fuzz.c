// SPDX-License-Identifier: GPL-2.0-only
/*
 * Feed changed texts to the parsers of bufinfo, fdinfo, maps, events and
 * snapshots: fuzz [ROUNDS]. Built with the sanitizers. The buffers that are found
 * are printed as JSON, which must be valid and be read back.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "dmabuf.h"

#define MAX_TEXT 4096

struct options opt = { .root = "" };
atomic_bool stopped;

void warn(const char *fmt, ...)
{
	(void)fmt;
}

noreturn void die(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	abort();
}

u64 parse_number(const char *text, const char *meaning, u64 max)
{
	(void)meaning;
	(void)max;
	return strtoull(text, NULL, 10);
}

void signals_catch(void)
{
}

int pause_for(int fd, double seconds)
{
	(void)fd;
	(void)seconds;
	return 0;
}

static const char bufinfo[] =
	"\nDma-buf Objects:\n"
	"size    \tflags   \tmode    \tcount   \texp_name\tino     \tname\n"
	"00065536\t00000002\t00080007\t00000002\tsystem\t00001025\tcamera\n"
	"\twrite fence:12:1 jobs gpu unsignalled\n"
	"\tread fence:13:2   signalled\n"
	"\tkernel fence:gpu my jobs seq 5 unsignalled\n"
	"\tAttached Devices:\n\tvgem\nTotal 1 devices attached\n\n"
	"00004096\t00000002\t00080007\t00000001\tudmabuf\t00001026\t<none>\n"
	"\tAttached Devices:\nTotal 0 devices attached\n\n"
	"\nTotal 2 objects, 69632 bytes\n";
static const char fdinfo[] =
	"pos:\t0\nflags:\t02\nmnt_id:\t9\nino:\t1025\nsize:\t65536\ncount:\t2\n"
	"exp_name:\tsystem\nname:\tcamera\n";
static const char maps[] =
	"00400000-00401000 r-xp 00000000 08:01 77      /bin/cat\n"
	"7f0000000000-7f0000010000 rw-s 00000000 00:0d 1025      /dmabuf:camera\n";
static const char event[] =
	" app-4242 [001] ..... 12.345679: dma_buf_fd: exp_name=system size=12288 ino=1025 fd=5";
static const char snapshot[] =
	"{\"version\": 1, \"complete\": true, \"buffers\": [{\"inode\": 1, \"size\": 4096,\n"
	"\"name\": \"a\\u00e9\\n\", \"references\": 2, \"holders\": [{\"pid\": 9, \"comm\": \"c\",\n"
	"\"fds\": [3, 4], \"mappings\": [{\"start\": 4096, \"end\": 8192}]}]}]}";

static u64 state = 88172645463325252ULL;

static unsigned int random_below(unsigned int limit)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (state >> 32) % limit;
}

static size_t change_once(char *text, size_t len)
{
	static const char bytes[] = "\n\t 0:9-\"\\\377[]{}";
	size_t at = random_below(len), from = random_below(len);
	size_t count = random_below(24);

	if (count > len - at)
		count = len - at;
	switch (random_below(5)) {
	case 0:
		text[at] = random_below(256);
		break;
	case 1:
		text[at] = bytes[random_below(sizeof(bytes))];
		break;
	case 2:	/* delete */
		memmove(text + at, text + at + count, len - at - count);
		len -= count < len ? count : len - 1;
		break;
	case 3:	/* repeat a part at another place */
		if (count > len - from)
			count = len - from;
		if (len + count > MAX_TEXT)
			break;
		memmove(text + at + count, text + at, len - at);
		memmove(text + at, text + (from < at ? from : at), count);
		len += count;
		break;
	default:	/* cut */
		if (!random_below(8))
			len = at + 1;
	}
	return len;
}

/* Return a changed copy whose size is exact, for the sanitizer; it has a NUL. */
static char *change(const char *from, size_t *len)
{
	char text[MAX_TEXT], *copy;
	unsigned int times = random_below(6);

	*len = strlen(from);
	memcpy(text, from, *len);
	while (times--)
		*len = change_once(text, *len);
	copy = xrealloc(NULL, *len + 1, 1);
	memcpy(copy, text, *len);
	copy[*len] = '\0';
	return copy;
}

static size_t num_found, num_loaded;

/* The model as JSON is read back with the same buffers. */
static void check_json(struct model *model)
{
	FILE *saved = stdout;
	struct model copy;
	size_t len, i;
	char *text;

	model_sum(model);
	stdout = open_memstream(&text, &len);
	json_begin("list");
	json_visibility(model);
	json_open("buffers", '[');
	for (i = 0; i < model->num_buffers; i++)
		json_buffer(model->buffers[i]);
	json_close();
	json_end();
	fclose(stdout);
	stdout = saved;

	model_init(&copy);
	for (i = 0; i < model->num_buffers; i++)
		if (!model->buffers[i]->ino)
			break;
	if (i == model->num_buffers) {
		if (!model_load(&copy, text, len))
			die("not read back: %s", text);
		if (copy.num_buffers != model->num_buffers)
			die("%zu buffers instead of %zu: %s", copy.num_buffers,
			    model->num_buffers, text);
	}
	model_free(&copy);
	free(text);
}

static void round_of_texts(void)
{
	struct model model;
	struct scan scan = { .model = &model, .pid = 9, .dir = -1 };
	size_t len, i;
	char *text;

	model_init(&model);
	scan.process = model_process(&model, 9, "a \"\\\n\377");
	text = change(bufinfo, &len);
	model_parse_bufinfo(&model, text, len);
	free(text);
	text = change(fdinfo, &len);
	model_parse_fdinfo(&model, text, len);
	free(text);
	text = change(maps, &len);
	model_parse_maps(&scan, text, len);
	free(text);
	for (i = 0; i < model.num_buffers; i++)
		if (model_find(&model, model.buffers[i]->ino) != model.buffers[i])
			die("inode %llu is not found", model.buffers[i]->ino);
	num_found += model.num_buffers;
	check_json(&model);
	model_free(&model);

	text = change(snapshot, &len);
	model_init(&model);
	num_loaded += model_load(&model, text, len);
	model_free(&model);
	free(text);

	text = change(event, &len);
	trace_line(text);
	free(text);
}

int main(int argc, char **argv)
{
	unsigned long rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 20000, i;
	FILE *saved = stdout;

	stdout = fopen("/dev/null", "w");
	for (i = 0; i < rounds; i++)
		round_of_texts();
	fclose(stdout);
	stdout = saved;
	printf("%lu rounds: %zu buffers, %zu snapshots accepted\n", rounds,
	       num_found, num_loaded);
	/* Most changes are small: the parsers must accept a part of the texts. */
	return num_found < rounds || num_loaded < rounds / 8;
}
