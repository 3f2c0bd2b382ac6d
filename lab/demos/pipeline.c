// SPDX-License-Identifier: GPL-2.0-only
/*
 * Passes frames from a camera to a display without copying them:
 *
 *	pipeline DIRECTORY [FRAMES]
 *
 *	system heap --fd--> vivid draws into it --fd--> vkms scans it out
 *	                                                     |
 *	         DIRECTORY <------ another process <--fd-- writeback
 *
 * The process in the middle passes fds only.  It checks that vkms reads the
 * pages that vivid wrote: the buffer behind a framebuffer, exported, has the
 * inode number of the camera buffer, and no process has mapped it.  The saver
 * sees a frame only through the writeback buffer, and a fence of that buffer
 * makes it wait for the composition.
 */
#include <signal.h>
#include <sys/wait.h>
#include <linux/videodev2.h>

#include "demo.h"
#include "dma_buf_user.h"
#include "pipeline_display.h"

/* One chunk of the heap: vivid's allocator needs contiguous memory. */
#define CAMERA_SIZE (1024 * 1024)
#define CAMERA_BUFFERS 4
#define SCREEN_BUFFERS 2
#define SHOW_AT 50

/* Private controls of vivid: the test pattern, and its movement. */
#define VIVID_TEST_PATTERN 0x00f0f000
#define VIVID_HOR_MOVEMENT 0x00f0f002
#define PATTERN_FULL_COLOUR_BARS 1
#define MOVE_LEFT 1

const char *process_name = "pipeline";

/*
 * A message about a frame to the saver, which returns it when the frame is
 * saved
 */
struct frame {
	__u32 number, sequence, screen;
	double taken, flipped, waited, saved;	/* milliseconds */
};

struct pipeline {
	const char *directory;
	unsigned int frames;
	int camera;
	struct display display;
	struct buffer source[CAMERA_BUFFERS];	/* vivid writes, vkms reads */
	struct buffer screen[SCREEN_BUFFERS];	/* vkms writes, the saver reads */
	int socket;
	pid_t saver;
	struct frame *log;
};

/* The camera */

static bool is_camera(int fd)
{
	struct v4l2_capability cap = {};

	return !sys_ioctl(fd, VIDIOC_QUERYCAP, &cap) &&
	       !strcmp((char *)cap.driver, "vivid") &&
	       cap.device_caps & V4L2_CAP_VIDEO_CAPTURE;
}

static int camera_open(void)
{
	char path[32];
	int i, fd;

	for (i = 0; i < 64; i++) {
		snprintf(path, sizeof(path), "/dev/video%d", i);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd >= 0 && is_camera(fd))
			return fd;
		if (fd >= 0)
			close(fd);
	}
	return -ENODEV;
}

static void camera_control(int fd, __u32 id, __s32 value)
{
	struct v4l2_control control = { .id = id, .value = value };

	check_ret("set a control of the camera", sys_ioctl(fd, VIDIOC_S_CTRL, &control));
}

static void camera_set_up(int fd)
{
	struct v4l2_format format = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.fmt.pix = {
			.width = WIDTH,
			.height = HEIGHT,
			.pixelformat = V4L2_PIX_FMT_XBGR32,
			.field = V4L2_FIELD_NONE,
		},
	};
	struct v4l2_requestbuffers request = {
		.count = CAMERA_BUFFERS,
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.memory = V4L2_MEMORY_DMABUF,
	};

	check_ret("set the camera's format", sys_ioctl(fd, VIDIOC_S_FMT, &format));
	check("the camera supports the display's size and format",
	      format.fmt.pix.width == WIDTH && format.fmt.pix.height == HEIGHT &&
	      format.fmt.pix.bytesperline == PITCH &&
	      format.fmt.pix.pixelformat == V4L2_PIX_FMT_XBGR32);
	camera_control(fd, VIVID_TEST_PATTERN, PATTERN_FULL_COLOUR_BARS);
	camera_control(fd, VIVID_HOR_MOVEMENT, MOVE_LEFT);
	check_ret("make the camera import buffers",
		  sys_ioctl(fd, VIDIOC_REQBUFS, &request));
	check("the camera uses all buffers",
	      request.count == CAMERA_BUFFERS);
}

static void camera_queue(struct pipeline *pipe, __u32 index)
{
	struct v4l2_buffer arg = {
		.index = index,
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.memory = V4L2_MEMORY_DMABUF,
		.m.fd = pipe->source[index].fd,
		.length = CAMERA_SIZE,
	};

	check_ret("queue a buffer to the camera", sys_ioctl(pipe->camera, VIDIOC_QBUF, &arg));
}

static __u32 camera_dequeue(struct pipeline *pipe, struct frame *frame)
{
	struct v4l2_buffer arg = {
		.type = V4L2_BUF_TYPE_VIDEO_CAPTURE,
		.memory = V4L2_MEMORY_DMABUF,
	};

	wait_for("the camera has a frame in time", pipe->camera, POLLIN);
	check_ret("dequeue a frame", sys_ioctl(pipe->camera, VIDIOC_DQBUF, &arg));
	check("the frame has no error", !(arg.flags & V4L2_BUF_FLAG_ERROR));
	frame->sequence = arg.sequence;
	frame->taken = now_ms();
	return arg.index;
}

static void camera_stream(struct pipeline *pipe, unsigned long request)
{
	int type = V4L2_BUF_TYPE_VIDEO_CAPTURE;

	check_ret("start or stop the camera", sys_ioctl(pipe->camera, request, &type));
}

/* The saver */

static void saver_write(struct pipeline *pipe, __u32 number, const unsigned char *map)
{
	static unsigned char pixels[WIDTH * HEIGHT * 3];
	unsigned char *to = pixels;
	char path[256];
	int fd, i;

	for (i = 0; i < WIDTH * HEIGHT; i++, map += 4) {
		*to++ = map[2];
		*to++ = map[1];
		*to++ = map[0];
	}
	snprintf(path, sizeof(path), "%s/frame-%03u.ppm", pipe->directory, number);
	fd = check_ret("create a file", or_errno(open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644)));
	dprintf(fd, "P6\n%d %d\n255\n", WIDTH, HEIGHT);
	write_all(fd, pixels, sizeof(pixels));
	check_ret("close the file", or_errno(close(fd)));
}

static void saver_run(struct pipeline *pipe)
{
	const unsigned char *map[SCREEN_BUFFERS];
	int fd[SCREEN_BUFFERS], i;
	struct frame frame;
	double start;

	for (i = 0; i < SCREEN_BUFFERS; i++) {
		fd[i] = check_ret("receive a buffer", sys_receive_fd(pipe->socket));
		map[i] = map_or_fail(fd[i], PITCH * HEIGHT, PROT_READ);
	}
	while (read(pipe->socket, &frame, sizeof(frame)) == sizeof(frame)) {
		start = now_ms();
		check_ret("start CPU access",
			  sys_sync_cpu(fd[frame.screen], DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ));
		frame.waited = now_ms() - start;
		saver_write(pipe, frame.number, map[frame.screen]);
		check_ret("end CPU access",
			  sys_sync_cpu(fd[frame.screen], DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ));
		frame.saved = now_ms();
		check("return a buffer",
		      write(pipe->socket, &frame, sizeof(frame)) == sizeof(frame));
	}
}

static void saver_start(struct pipeline *pipe)
{
	int pair[2];

	check_ret("make a pair of sockets",
		  or_errno(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)));
	pipe->saver = check_ret("fork", or_errno(fork()));
	pipe->socket = pair[!pipe->saver];
	close(pair[!!pipe->saver]);
	if (!pipe->saver) {
		process_name = "saver";
		saver_run(pipe);
		exit(0);
	}
}

/* Checks while the pipeline is running */

static int count_mappings(pid_t pid, const char *name)
{
	char path[32], *text, *at;
	int count = 0;

	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	text = text_of(path, 65536);
	check("maps can be read", text && *text);
	for (at = text; (at = strstr(at, name)); at++)
		count++;
	free(text);
	return count;
}

/* Does bufinfo list the camera and the display for the named buffer? */
static bool both_attached(const char *bufinfo, const char *name)
{
	const char *block = strstr(bufinfo, name);
	const char *end = block ? strstr(block, "\nTotal ") : NULL;
	const char *camera = block ? strstr(block, "\tvivid.") : NULL;
	const char *display = block ? strstr(block, "\tvkms\n") : NULL;

	return end && camera && display && camera < end && display < end &&
	       !strncmp(end, "\nTotal 2 devices attached\n", 26);
}

static void check_attached(void)
{
	char *text = text_of(BUFINFO_PATH, 4096), name[32];
	int i;

	check("bufinfo can be read", text);
	for (i = 0; i < CAMERA_BUFFERS; i++) {
		snprintf(name, sizeof(name), "\tcamera-%d\n", i);
		check("bufinfo lists both devices for each camera buffer",
		      both_attached(text, name));
	}
	say_text("debugfs dma_buf/bufinfo", text);
}

static void check_nothing_copied(struct pipeline *pipe)
{
	int mapped = count_mappings(getpid(), "/dmabuf:") +
		     count_mappings(pipe->saver, "/dmabuf:camera");
	int screens = count_mappings(pipe->saver, "/dmabuf:screen");
	int i, same = 0;

	for (i = 0; i < CAMERA_BUFFERS; i++)
		same += display_backing(&pipe->display, pipe->source[i].fb) ==
			inode_of(pipe->source[i].fd);
	check("the display reads the buffers that the camera wrote", same == CAMERA_BUFFERS);
	check("no process has mapped a camera buffer", !mapped);
	check("the saver has mapped the writeback buffers", screens == SCREEN_BUFFERS);
	say("buffers: %d from the camera to the display, %d from the display to the saver",
	    CAMERA_BUFFERS, SCREEN_BUFFERS);
	say("%d of %d framebuffers are the camera's own dma-bufs, by inode number",
	    same, CAMERA_BUFFERS);
	say("copies between capture and scanout: %d (mappings of these buffers: %d)",
	    CAMERA_BUFFERS - same, mapped);
}

/* The pipeline */

static void make_buffers(struct pipeline *pipe)
{
	int heap = check_ret("open the system heap", heap_open());
	char name[32];
	int i;

	for (i = 0; i < CAMERA_BUFFERS; i++) {
		pipe->source[i].fd = check_ret("allocate a camera buffer",
					       heap_alloc(heap, CAMERA_SIZE, true));
		snprintf(name, sizeof(name), "camera-%d", i);
		check_ret("name it", sys_set_name(pipe->source[i].fd, name));
		pipe->source[i].fb = display_import(&pipe->display, pipe->source[i].fd);
	}
	for (i = 0; i < SCREEN_BUFFERS; i++) {
		pipe->screen[i].fd = display_allocate(&pipe->display);
		snprintf(name, sizeof(name), "screen-%d", i);
		check_ret("name it", sys_set_name(pipe->screen[i].fd, name));
		pipe->screen[i].fb = display_import(&pipe->display, pipe->screen[i].fd);
	}
	close(heap);
}

static void send_screens(struct pipeline *pipe)
{
	int i;

	for (i = 0; i < SCREEN_BUFFERS; i++)
		check_ret("send a buffer", sys_send_fd(pipe->socket, pipe->screen[i].fd));
}

/*
 * Pass the frame to the saver as soon as the display has returned a fence for
 * it.
 */
static void show_frame(struct pipeline *pipe, struct frame *frame, struct buffer *source)
{
	struct buffer *screen = &pipe->screen[frame->screen];
	int fence = display_flip(&pipe->display, source, screen, !frame->number);

	check_ret("add the display's fence to the buffer",
		  sys_import_fence(screen->fd, DMA_BUF_SYNC_WRITE, fence));
	close(fence);
	check("notify the saver",
	      write(pipe->socket, frame, sizeof(*frame)) == sizeof(*frame));
	display_flipped(&pipe->display);
	frame->flipped = now_ms();
}

/*
 * Wait until the frame is saved and the display has released the writeback
 * buffer.
 */
static void finish_frame(struct pipeline *pipe, struct frame *frame)
{
	struct frame reply;

	wait_for("the saver saves in time", pipe->socket, POLLIN);
	check("the saver has saved the frame",
	      read(pipe->socket, &reply, sizeof(reply)) == sizeof(reply) &&
	      reply.number == frame->number);
	frame->waited = reply.waited;
	frame->saved = reply.saved;
	display_settle(&pipe->display, &pipe->screen[frame->screen]);
}

static void stream(struct pipeline *pipe)
{
	__u32 index, before = 0, i;
	struct frame *frame;

	for (i = 0; i < CAMERA_BUFFERS; i++)
		camera_queue(pipe, i);
	camera_stream(pipe, VIDIOC_STREAMON);
	for (i = 0; i < pipe->frames; i++, before = index) {
		frame = &pipe->log[i];
		frame->number = i;
		frame->screen = i % SCREEN_BUFFERS;
		index = camera_dequeue(pipe, frame);
		show_frame(pipe, frame, &pipe->source[index]);
		finish_frame(pipe, frame);
		if (i)		/* the display has released the frame before */
			camera_queue(pipe, before);
		if (i == SHOW_AT || (i < SHOW_AT && i + 1 == pipe->frames)) {
			say("frame %u:", i);
			check_attached();
			check_nothing_copied(pipe);
		}
	}
	camera_stream(pipe, VIDIOC_STREAMOFF);
}

static void print_times(struct pipeline *pipe)
{
	double flip = 0, wait = 0, save = 0, longest = 0;
	struct frame *frame, *end = pipe->log + pipe->frames;
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/frames.txt", pipe->directory);
	f = fopen(path, "we");
	check("frames.txt can be written", f);
	fprintf(f, "# number sequence; milliseconds: taken flipped fence-waited saved\n");
	for (frame = pipe->log; frame < end; frame++) {
		flip += frame->flipped - frame->taken;
		wait += frame->waited;
		save += frame->saved - frame->taken;
		if (frame->saved - frame->taken > longest)
			longest = frame->saved - frame->taken;
		fprintf(f, "%u %u %.3f %.3f %.3f %.3f\n", frame->number, frame->sequence,
			frame->taken, frame->flipped, frame->waited, frame->saved);
	}
	check("frames.txt is written", !fclose(f));
	say("%u frames in %.0f ms, %u lost by the camera", pipe->frames,
	    end[-1].saved - pipe->log[0].taken,
	    end[-1].sequence - pipe->log[0].sequence + 1 - pipe->frames);
	say("a frame is shown after %.1f ms on average, saved after %.1f ms, at most %.1f",
	    flip / pipe->frames, save / pipe->frames, longest);
	say("the saver waits for a frame's fence for %.1f ms on average",
	    wait / pipe->frames);
}

/* Clean up by closing the devices, as most programs do. */
static void finish(struct pipeline *pipe)
{
	int status, i;

	shutdown(pipe->socket, SHUT_WR);
	check_ret("wait for the saver", or_errno(waitpid(pipe->saver, &status, 0)));
	check("the saver has succeeded", WIFEXITED(status) && !WEXITSTATUS(status));
	close(pipe->socket);
	display_off(&pipe->display);
	close(pipe->display.fd);
	close(pipe->camera);
	for (i = 0; i < CAMERA_BUFFERS; i++)
		close(pipe->source[i].fd);
	for (i = 0; i < SCREEN_BUFFERS; i++)
		close(pipe->screen[i].fd);
}

int main(int argc, char **argv)
{
	struct pipeline pipe = { .frames = 100 };
	long before;

	if (argc == 3)
		pipe.frames = atoi(argv[2]);
	if (argc < 2 || argc > 3 || pipe.frames < 1 || pipe.frames > 999) {
		fprintf(stderr, "usage: pipeline DIRECTORY [FRAMES]\n");
		return 1;
	}
	signal(SIGPIPE, SIG_IGN);
	pipe.directory = argv[1];
	pipe.log = calloc(pipe.frames, sizeof(*pipe.log));
	check("allocate memory", pipe.log);
	before = check_ret("read " BUFINFO_PATH, sys_objects());
	/*
	 * Fork the saver first, so that it has only the buffers that it
	 * receives.
	 */
	saver_start(&pipe);
	display_set_up(&pipe.display);
	pipe.camera = check_ret("open the camera", camera_open());
	camera_set_up(pipe.camera);
	make_buffers(&pipe);
	send_screens(&pipe);
	stream(&pipe);
	finish(&pipe);
	print_times(&pipe);
	check("all buffers are freed", objects_settle(before));
	say("all closed, %ld buffers are alive as before", before);
	free(pipe.log);
	return 0;
}
