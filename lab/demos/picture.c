// SPDX-License-Identifier: GPL-2.0-only
/*
 * Passes a picture from one process to another through a dma-buf, which the
 * vgem driver imports as well:
 *
 *	picture heap|udmabuf IN.ppm OUT.ppm
 *
 * The producer sends the buffer before it writes the picture.  A fence makes
 * the consumer wait; the consumer writes the pixels of OUT.ppm from its own
 * mapping.  Each step is checked and printed.  OUT.list gets the output of
 * "dmabuf list", from the program in this directory, while both processes and
 * the driver hold the buffer.
 */
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "demo.h"
#include "dma_buf_user.h"

#define BANDS 16
#define BAND_MS 13
#define NAME "picture"

const char *process_name = "picture";

struct picture {
	char *file;		/* content of IN.ppm */
	size_t file_size, header_size;
	unsigned int width, height;
	size_t pixels;		/* bytes of pixels, after the header */
};

struct transfer {
	const struct exporter *exporter;
	const char *in, *out;
	int socket;		/* to the other process */
	size_t size;		/* of the buffer, page-aligned */
};

/* The picture file */

/* Parse the next number of a PPM header, after blanks and comments. */
static const char *ppm_number(const char *at, const char *end, unsigned int *value)
{
	char *after;

	while (at < end && strchr(" \t\r\n#", *at)) {
		if (*at == '#')
			while (at < end && *at != '\n')
				at++;
		else
			at++;
	}
	if (at == end || *at < '0' || *at > '9')
		return NULL;
	*value = strtoul(at, &after, 10);
	return after;
}

static bool ppm_header(struct picture *picture)
{
	const char *at = picture->file + 2;
	const char *end = picture->file + picture->file_size;
	unsigned int depth = 0;

	if (picture->file_size < 8 || memcmp(picture->file, "P6", 2))
		return false;
	at = ppm_number(at, end, &picture->width);
	at = at ? ppm_number(at, end, &picture->height) : NULL;
	at = at ? ppm_number(at, end, &depth) : NULL;
	if (!at || depth != 255 || !picture->width || !picture->height)
		return false;
	picture->header_size = at + 1 - picture->file;
	picture->pixels = (size_t)picture->width * picture->height * 3;
	return picture->header_size + picture->pixels <= picture->file_size;
}

static void picture_load(struct picture *picture, const char *path)
{
	int fd = check_ret("open the input file", or_errno(open(path, O_RDONLY)));
	struct stat st;
	ssize_t got;
	size_t used;

	check_ret("stat the input file", or_errno(fstat(fd, &st)));
	picture->file_size = st.st_size;
	/* A terminating zero ends every header. */
	picture->file = calloc(1, st.st_size + 1);
	check("allocate memory for the input file", picture->file);
	for (used = 0; used < picture->file_size; used += got) {
		got = read(fd, picture->file + used, picture->file_size - used);
		check_ret("read the input file", or_errno(got));
		check("the size of the input file is right", got);
	}
	close(fd);
	check("the input file is a binary PPM with 8 bits a colour",
	      ppm_header(picture));
}

/* The producer */

static int producer_allocate(struct transfer *transfer)
{
	int dev = check_ret("open the exporter", transfer->exporter->open());
	int fd = check_ret("allocate the buffer",
			   transfer->exporter->alloc(dev, transfer->size, true));

	close(dev);
	check_ret("name the buffer", sys_set_name(fd, NAME));
	say("allocated %zu bytes from %s, inode %lu, named \"%s\"",
	    transfer->size, transfer->exporter->exp_name, inode_of(fd), NAME);
	return fd;
}

/* Copy slowly, as a camera would, while the consumer waits. */
static void producer_draw(unsigned char *map, const struct picture *picture)
{
	const char *pixels = picture->file + picture->header_size;
	size_t from, to;
	int band;

	for (band = 0; band < BANDS; band++) {
		from = picture->pixels * band / BANDS;
		to = picture->pixels * (band + 1) / BANDS;
		memcpy(map + from, pixels + from, to - from);
		sleep_ms(BAND_MS);
	}
}

static void producer_run(struct transfer *transfer, const struct picture *picture)
{
	int fd = producer_allocate(transfer);
	unsigned char *map = map_or_fail(fd, transfer->size, PROT_READ | PROT_WRITE);
	int timeline = check_ret("open a timeline of fences", sys_timeline());
	double start;
	char byte;

	/* Add the fence after START, which would wait for it otherwise. */
	check_ret("start CPU access",
		  sys_sync_cpu(fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE));
	check_ret("add a write fence to the buffer",
		  sys_add_fence(fd, DMA_BUF_SYNC_WRITE, timeline, 1));
	check_ret("send the buffer", sys_send_fd(transfer->socket, fd));
	say("added a write fence and sent the empty buffer");
	start = now_ms();
	producer_draw(map, picture);
	check_ret("end CPU access",
		  sys_sync_cpu(fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE));
	say("wrote %zu bytes of pixels in %.0f ms", picture->pixels,
	    now_ms() - start);
	say("signalling the fence");
	check_ret("signal the fence", sys_advance(timeline, 1));
	check("the consumer has finished",
	      read(transfer->socket, &byte, 1) == 1);
	munmap(map, transfer->size);
	close(fd);
	close(timeline);
}

/* The consumer */

static void consumer_wait(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	struct rusage before, after;
	double start = now_ms();
	int sleeps;

	check("poll reports that the buffer is not ready yet", poll(&pfd, 1, 0) == 0);
	say("the pixels are not written yet, waiting in poll()");
	getrusage(RUSAGE_SELF, &before);
	check_ret("wait in poll()", or_errno(poll(&pfd, 1, 30000)));
	getrusage(RUSAGE_SELF, &after);
	sleeps = after.ru_nvcsw - before.ru_nvcsw;
	check("poll reports that the buffer can be read", pfd.revents == POLLIN);
	check("poll slept and woke once", sleeps == 1);
	say("readable after %.0f ms, woken %d time", now_ms() - start, sleeps);
}

/* Write the pixels of OUT.ppm from the mapping only. */
static void consumer_save(struct transfer *transfer, int fd, const unsigned char *map)
{
	struct picture picture = {};
	int out;

	picture_load(&picture, transfer->in);
	check_ret("start CPU access",
		  sys_sync_cpu(fd, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ));
	check("the buffer has the same pixels as the input file",
	      !memcmp(map, picture.file + picture.header_size, picture.pixels));
	say("all %zu bytes are equal to those of %s", picture.pixels, transfer->in);
	out = check_ret("create the output file",
			or_errno(open(transfer->out, O_WRONLY | O_CREAT | O_TRUNC, 0644)));
	write_all(out, picture.file, picture.header_size);
	write_all(out, map, picture.pixels);
	check_ret("close the output file", or_errno(close(out)));
	check_ret("end CPU access",
		  sys_sync_cpu(fd, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ));
	say("wrote %s from the buffer", transfer->out);
	free(picture.file);
}

/* Does bufinfo list vgem as the only device of the named buffer? */
static bool device_listed(const char *bufinfo)
{
	const char *block = bufinfo ? strstr(bufinfo, "\t" NAME "\n") : NULL;
	const char *total = block ? strstr(block, "\nTotal ") : NULL;

	return total && !strncmp(total, "\nTotal 1 devices attached\n", 26) &&
	       strstr(block, "\tvgem\n") && strstr(block, "\tvgem\n") < total;
}

static void consumer_show(int fd)
{
	char path[48];
	char *text, *line;

	text = text_of(BUFINFO_PATH, 4096);
	check("bufinfo has the buffer's name and vgem as its device",
	      device_listed(text));
	say_text("debugfs dma_buf/bufinfo", text);
	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	text = text_of(path, 4096);
	check("fdinfo has the buffer's name",
	      text && strstr(text, "\nname:\t" NAME "\n"));
	say_text("fdinfo of the buffer", text);
	text = text_of("/proc/self/maps", 65536);
	line = line_with(text, "/dmabuf:" NAME);
	check("maps has the buffer's name", line);
	say_text("line of /proc/self/maps", strdup(line));
	free(text);
}

/* Run "dmabuf list", with OUT.list as its output; it must list all holders. */
static void consumer_list(const char *out)
{
	const char *dot = strrchr(out, '.');
	char path[256], *text;
	pid_t child;
	int status, fd;

	snprintf(path, sizeof(path), "%.*s.list", dot ? (int)(dot - out) : 200, out);
	fd = check_ret("create the list",
		       or_errno(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644)));
	child = check_ret("fork", or_errno(fork()));
	if (!child) {
		dup2(fd, STDOUT_FILENO);
		execl("./dmabuf", "dmabuf", "list", NULL);
		_exit(127);
	}
	close(fd);
	check_ret("wait for dmabuf", or_errno(waitpid(child, &status, 0)));
	check("dmabuf has succeeded", status == 0);
	text = text_of(path, 4096);
	check("dmabuf lists both processes and vgem",
	      text && strstr(text, " " NAME " ") && strstr(text, " vgem ") &&
	      strstr(text, "producer[") && strstr(text, "consumer["));
	free(text);
}

static void consumer_import(int fd, const char *out)
{
	int vgem = check_ret("open the vgem device", vgem_open());
	__u32 handle;

	check_ret("import the buffer into vgem", vgem_import(vgem, fd, &handle));
	say("the vgem driver imported the buffer as its handle %u", handle);
	consumer_show(fd);
	consumer_list(out);
	check_ret("close vgem's handle", vgem_close_handle(vgem, handle));
	close(vgem);
}

static void consumer_run(struct transfer *transfer)
{
	int fd = check_ret("receive the buffer", sys_receive_fd(transfer->socket));
	unsigned char *map;
	off_t size = lseek(fd, 0, SEEK_END);

	check("lseek returns the buffer's size", size == (off_t)transfer->size);
	say("received %zu bytes, inode %lu", transfer->size, inode_of(fd));
	consumer_wait(fd);
	map = map_or_fail(fd, transfer->size, PROT_READ);
	consumer_save(transfer, fd, map);
	consumer_import(fd, transfer->out);
	munmap(map, transfer->size);
	close(fd);
	check("notify the producer",
	      write(transfer->socket, "!", 1) == 1);
}

/* Both processes */

static pid_t start(const char *name, struct transfer transfer, int mine, int other,
		   const struct picture *picture)
{
	pid_t child = check_ret("fork", or_errno(fork()));

	if (child)
		return child;
	process_name = name;
	prctl(PR_SET_NAME, name);
	close(other);
	transfer.socket = mine;
	if (picture)
		producer_run(&transfer, picture);
	else
		consumer_run(&transfer);
	exit(0);
}

static bool ended_well(pid_t child)
{
	int status;

	check_ret("wait for a process", or_errno(waitpid(child, &status, 0)));
	return WIFEXITED(status) && !WEXITSTATUS(status);
}

static void run(struct transfer *transfer)
{
	long before = check_ret("read " BUFINFO_PATH, sys_objects());
	size_t page = getpagesize();
	struct picture picture = {};
	pid_t producer, consumer;
	bool well;
	int pair[2];

	picture_load(&picture, transfer->in);
	transfer->size = (picture.pixels + page - 1) / page * page;
	say("%s is %u x %u pixels, %zu bytes; %ld buffers are alive", transfer->in,
	    picture.width, picture.height, picture.pixels, before);
	check_ret("make a pair of sockets",
		  or_errno(socketpair(AF_UNIX, SOCK_STREAM, 0, pair)));
	producer = start("producer", *transfer, pair[0], pair[1], &picture);
	consumer = start("consumer", *transfer, pair[1], pair[0], NULL);
	close(pair[0]);
	close(pair[1]);
	well = ended_well(consumer);
	well = ended_well(producer) && well;
	check("both processes have succeeded", well);
	check("all buffers are freed", objects_settle(before));
	say("all closed, %ld buffers are alive as before", before);
	free(picture.file);
}

int main(int argc, char **argv)
{
	struct transfer transfer = {};

	if (argc == 4 && !strcmp(argv[1], "heap"))
		transfer.exporter = &heap_exporter;
	else if (argc == 4 && !strcmp(argv[1], "udmabuf"))
		transfer.exporter = &udmabuf_exporter;
	if (!transfer.exporter) {
		fprintf(stderr, "usage: picture heap|udmabuf IN.ppm OUT.ppm\n");
		return 1;
	}
	/* Let a write to a process that has failed return an error. */
	signal(SIGPIPE, SIG_IGN);
	transfer.in = argv[2];
	transfer.out = argv[3];
	run(&transfer);
	return 0;
}
