// SPDX-License-Identifier: GPL-2.0-only
/*
 * The tool dmabuf, from tools/dma-buf: its JSON is compared with the state that the
 * test has made, and with bufinfo.
 */
#include <libgen.h>
#include <limits.h>
#include <sys/wait.h>

#include "dma_buf_fenced.h"
#include "../../../dma-buf/json.h"

#define WRITE DMA_BUF_SYNC_WRITE
#define TRACEFS "/sys/kernel/tracing"
#define SKIP_TOOL "no program dmabuf next to the test: needs tools/dma-buf"
#define MAX_ARGS 8

static struct bufinfo info;

/* The tool next to this program, for as many bits; return false without it. */
static bool tool_path(char *path, size_t size)
{
	char self[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", self, sizeof(self) - 1);

	if (len < 0)
		return false;
	self[len] = '\0';
	snprintf(path, size, "%s/dmabuf%s", dirname(self),
		 sizeof(long) == 4 ? "_32" : "");
	return !access(path, X_OK);
}

/* Start the tool, with a pipe instead of its output; return its PID or -errno. */
static pid_t tool_start(const char *const *args, int *out)
{
	const char *argv[MAX_ARGS + 2] = { "dmabuf" };
	char path[PATH_MAX];
	int pipes[2], i;
	pid_t child;

	for (i = 0; args[i] && i < MAX_ARGS; i++)
		argv[i + 1] = args[i];
	if (!tool_path(path, sizeof(path)) || pipe2(pipes, O_CLOEXEC))
		return -errno;
	child = fork();
	if (!child) {
		dup2(pipes[1], STDOUT_FILENO);
		execv(path, (char **)argv);
		_exit(127);
	}
	close(pipes[1]);
	*out = pipes[0];
	return or_errno(child);
}

/* Run the tool; return its output, which is freed by the caller. */
static char *tool_run(int *status, const char *const *args)
{
	char *text;
	int out;
	pid_t child = tool_start(args, &out);

	if (child < 0)
		return NULL;
	text = text_of_fd(out, 4096);
	close(out);
	waitpid(child, status, 0);
	return text;
}

/* Run a command that must succeed; return its output as JSON. */
#define tool(...) ({							\
	static const char * const tool_args[] = { __VA_ARGS__, "--json", NULL }; \
	int tool_status = -1;						\
	char *tool_text = tool_run(&tool_status, tool_args);		\
	struct json *tool_json;						\
									\
	ASSERT_NE(NULL, tool_text);					\
	ASSERT_EQ(0, tool_status);					\
	tool_json = json_parse(tool_text, strlen(tool_text));		\
	ASSERT_NE(NULL, tool_json)					\
		TH_LOG("no JSON: %s", tool_text);			\
	free(tool_text);						\
	tool_json;							\
})

static bool tool_skips(struct __test_metadata *_metadata, long objects)
{
	char path[PATH_MAX];

	if (!tool_path(path, sizeof(path)))
		SKIP(return true, SKIP_TOOL);
	if (objects < 0)
		SKIP(return true, SKIP_BUFINFO);
	return false;
}

/* Return the element of an array whose member @key is @number. */
static struct json *element(const struct json *object, const char *array,
			    const char *key, u64 number)
{
	struct json *json = json_get(object, array);

	for (json = json ? json->child : NULL; json; json = json->next)
		if (json_get_number(json, key, ~number) == number)
			return json;
	return NULL;
}

static size_t count(const struct json *object, const char *array)
{
	return json_count(json_get(object, array));
}

/* Passes when a buffer is listed as bufinfo has it, held by this process. */
TEST_F(buffer, holder)
{
	struct json *json, *buffer, *holder;

	if (tool_skips(_metadata, self->objects))
		return;
	set_name(self->fd, "say \"hello\"\n");
	json = tool("list");
	EXPECT_EQ(self->objects + 1, count(json, "buffers"));
	EXPECT_EQ(JSON_TRUE, json_get(json, "complete")->type);
	buffer = element(json, "buffers", "inode", self->ino);
	ASSERT_NE(NULL, buffer);
	EXPECT_EQ(self->size, json_get_number(buffer, "size", 0));
	EXPECT_STREQ(self->exporter->exp_name, json_get_text(buffer, "exporter"));
	EXPECT_STREQ("say \"hello\"\\012", json_get_text(buffer, "name"));
	EXPECT_EQ(1, json_get_number(buffer, "references", 0));
	EXPECT_EQ(0, json_get_number(buffer, "in_kernel", 9));
	EXPECT_EQ(1, count(buffer, "holders"));
	holder = element(buffer, "holders", "pid", getpid());
	ASSERT_NE(NULL, holder);
	ASSERT_EQ(1, count(holder, "fds"));
	EXPECT_EQ(self->fd, atoi(json_get(holder, "fds")->child->text));
	EXPECT_EQ(0, count(holder, "mappings"));
	json_free(json);
}

/* A child with its inherited descriptor, until its end of the pipe is closed */
static pid_t fork_holder(int *pipe_end)
{
	int pipes[2];
	pid_t child;
	char byte;

	if (pipe2(pipes, O_CLOEXEC))
		return -errno;
	child = fork();
	if (!child) {
		close(pipes[1]);
		_exit(read(pipes[0], &byte, 1) ? 1 : 0);
	}
	close(pipes[0]);
	*pipe_end = pipes[1];
	return or_errno(child);
}

/*
 * Passes when the references of two processes and of a socket are told apart: two
 * descriptors and a mapping here, one of the child, and one in flight.
 */
TEST_F(buffer, fork_and_flight)
{
	struct json *json, *buffer, *holder, *mapping;
	int sockets[2], pipe_end, copy;
	void *map;
	pid_t child;

	if (tool_skips(_metadata, self->objects))
		return;
	child = must(fork_holder(&pipe_end));
	copy = must(or_errno(fcntl(self->fd, F_DUPFD_CLOEXEC, 0)));
	map = map_buffer(self->fd, self->size);
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, sockets));
	ASSERT_EQ(0, sys_send_fd(sockets[0], self->fd));

	json = tool("list");
	buffer = element(json, "buffers", "inode", self->ino);
	ASSERT_NE(NULL, buffer);
	EXPECT_EQ(5, json_get_number(buffer, "references", 0));
	EXPECT_EQ(1, json_get_number(buffer, "in_kernel", 9));
	EXPECT_EQ(2, count(buffer, "holders"));
	holder = element(buffer, "holders", "pid", child);
	EXPECT_EQ(1, count(holder, "fds"));
	EXPECT_EQ(0, count(holder, "mappings"));
	holder = element(buffer, "holders", "pid", getpid());
	EXPECT_EQ(2, count(holder, "fds"));
	ASSERT_EQ(1, count(holder, "mappings"));
	mapping = json_get(holder, "mappings")->child;
	EXPECT_EQ((uintptr_t)map, json_get_number(mapping, "start", 0));
	EXPECT_EQ((uintptr_t)map + self->size, json_get_number(mapping, "end", 0));
	json_free(json);

	close(pipe_end);
	waitpid(child, NULL, 0);
	munmap(map, self->size);
	close(copy);
	close(sockets[0]);
	close(sockets[1]);
}

/* Passes when a mapping without a descriptor makes a process a holder. */
TEST_F(buffer, mapping_only)
{
	struct json *json, *buffer, *holder;
	void *map;

	if (tool_skips(_metadata, self->objects))
		return;
	map = map_buffer(self->fd, self->size);
	close_buffer();
	json = tool("list");
	buffer = element(json, "buffers", "inode", self->ino);
	ASSERT_NE(NULL, buffer);
	EXPECT_EQ(1, json_get_number(buffer, "references", 0));
	EXPECT_EQ(0, json_get_number(buffer, "in_kernel", 9));
	holder = element(buffer, "holders", "pid", getpid());
	ASSERT_NE(NULL, holder);
	EXPECT_EQ(0, count(holder, "fds"));
	EXPECT_EQ(1, count(holder, "mappings"));
	json_free(json);
	munmap(map, self->size);
}

/* Passes when a buffer in the queue of a socket only is an orphan. */
TEST_F(buffer, orphan)
{
	struct json *json, *buffer;
	int sockets[2];

	if (tool_skips(_metadata, self->objects))
		return;
	json = tool("list", "--orphans");
	EXPECT_EQ(NULL, element(json, "buffers", "inode", self->ino));
	json_free(json);
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, sockets));
	ASSERT_EQ(0, sys_send_fd(sockets[0], self->fd));
	close_buffer();
	json = tool("list", "--orphans");
	buffer = element(json, "buffers", "inode", self->ino);
	ASSERT_NE(NULL, buffer);
	EXPECT_EQ(1, json_get_number(buffer, "in_kernel", 0));
	EXPECT_EQ(0, count(buffer, "holders"));
	json_free(json);
	close(sockets[0]);
	close(sockets[1]);
}

/* Passes when an importer without a process is shown with its device. */
TEST_F(buffer, importer)
{
	struct json *json, *buffer;
	int dev = vgem_open();
	__u32 handle;

	if (tool_skips(_metadata, self->objects))
		goto out;
	if (dev < 0)
		SKIP(goto out, "no importer: needs %s", vgem_exporter.config);
	if (self->exporter == &vgem_exporter)
		SKIP(goto out, "vgem does not attach to its own buffers");
	ASSERT_EQ(0, vgem_import(dev, self->fd, &handle));
	close_buffer();
	json = tool("list", "--device", "vgem");
	buffer = element(json, "buffers", "inode", self->ino);
	ASSERT_NE(NULL, buffer);
	EXPECT_EQ(0, count(buffer, "holders"));
	EXPECT_LE(1, json_get_number(buffer, "in_kernel", 0));
	EXPECT_EQ(1, count(buffer, "devices"));
	json_free(json);
	json = tool("devices");
	EXPECT_LE(1, count(json, "devices"));
	json_free(json);
	ASSERT_EQ(0, vgem_close_handle(dev, handle));
out:
	close(dev);
}

/* Passes when a fence is pending until its timeline signals it. */
TEST_F(fenced, pending)
{
	struct json *json, *buffer, *fence;

	if (tool_skips(_metadata, self->objects))
		return;
	add_fence(self->fd, WRITE, self->timeline, 7);
	json = tool("list", "--pending");
	buffer = element(json, "buffers", "inode", self->ino);
	ASSERT_NE(NULL, buffer);
	EXPECT_EQ(1, json_get_number(buffer, "pending", 0));
	fence = element(buffer, "fences", "seqno", 7);
	ASSERT_NE(NULL, fence);
	EXPECT_STREQ("write", json_get_text(fence, "usage"));
	EXPECT_STREQ("sw_sync", json_get_text(fence, "driver"));
	EXPECT_STREQ(program_invocation_short_name, json_get_text(fence, "timeline"));
	json_free(json);
	advance(self->timeline, 7);
	json = tool("list", "--pending");
	EXPECT_EQ(NULL, element(json, "buffers", "inode", self->ino));
	json_free(json);
}

/* Passes when the shares of all processes add up to the total of bufinfo. */
TEST_F(buffer, shares)
{
	struct json *json, *process, *total;
	u64 shares = 0, bytes = 0;
	int pipe_end, i;
	pid_t child;

	if (tool_skips(_metadata, self->objects))
		return;
	child = must(fork_holder(&pipe_end));
	read_bufinfo(&info, 65536);
	for (i = 0; i < info.rows; i++)
		bytes += info.row[i].size;
	json = tool("ps");
	process = json_get(json, "processes");
	for (process = process ? process->child : NULL; process; process = process->next)
		shares += json_get_number(process, "pss", 0);
	shares += json_get_number(json_get(json, "orphans"), "size", 0);
	EXPECT_EQ(bytes, shares);
	total = json_get(json, "total");
	EXPECT_EQ(bytes, json_get_number(total, "size", 0));
	EXPECT_EQ(bytes, json_get_number(total, "pss", 0));
	process = element(json, "processes", "pid", child);
	EXPECT_EQ(self->size / 2, json_get_number(process, "pss", 0));
	json_free(json);
	json = tool("exporters");
	EXPECT_EQ(bytes, json_get_number(json_get(json, "total"), "size", 0));
	json_free(json);
	close(pipe_end);
	waitpid(child, NULL, 0);
}

/* Passes when a buffer that does not exist is an error. */
TEST_F(buffer, unknown)
{
	static const char * const args[] = { "show", "18446744073709551615", NULL };
	int status = -1;
	char *text;

	if (tool_skips(_metadata, self->objects))
		return;
	text = tool_run(&status, args);
	ASSERT_NE(NULL, text);
	EXPECT_STREQ("", text);
	ASSERT_TRUE(WIFEXITED(status));
	EXPECT_EQ(1, WEXITSTATUS(status));
	free(text);
}

/* Passes when a signal ends the tool, and its instance of tracefs is removed. */
TEST_F(buffer, trace)
{
	char instance[64], ino[24], line[512] = "";
	const char *const args[] = { "trace", ino, "--json", NULL };
	int out, status = -1, tries;
	struct json *json;
	pid_t child;

	if (tool_skips(_metadata, self->objects))
		return;
	if (access(TRACEFS "/instances", F_OK))
		SKIP(return, "no tracefs: needs CONFIG_ENABLE_DEFAULT_TRACERS");
	if (access(TRACEFS "/events/dma_buf/dma_buf_mmap_internal", F_OK))
		SKIP(return, "no tracepoints of dma-bufs");
	snprintf(ino, sizeof(ino), "%lu", self->ino);
	child = must(tool_start(args, &out));
	snprintf(instance, sizeof(instance), TRACEFS "/instances/dmabuf-%d", child);
	/* The first event after the events are enabled is read. */
	ASSERT_EQ(0, fcntl(out, F_SETFL, O_NONBLOCK));
	for (tries = 0; tries < 600 && read(out, line, sizeof(line) - 1) <= 0; tries++) {
		munmap(map_buffer(self->fd, self->size), self->size);
		sleep_ms(20);
	}
	line[strcspn(line, "\n")] = '\0';
	json = json_parse(line, strlen(line));
	ASSERT_NE(NULL, json)
		TH_LOG("no JSON: %s", line);
	EXPECT_STREQ("mmap_internal", json_get_text(json, "event"));
	EXPECT_EQ(self->ino, json_get_number(json, "inode", 0));
	EXPECT_EQ(getpid(), json_get_number(json, "pid", 0));
	json_free(json);
	EXPECT_EQ(0, access(instance, F_OK));
	close(out);
	kill(child, SIGINT);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_TRUE(WIFEXITED(status));
	EXPECT_NE(0, access(instance, F_OK));
	rmdir(instance);
}

TEST_HARNESS_MAIN
