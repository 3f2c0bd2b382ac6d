// SPDX-License-Identifier: GPL-2.0-only
/* DMA_BUF_SET_NAME: valid names, and all files that show them. */
#include "dma_buf_fixture.h"

/* Return the name in the link /proc/self/fd/N, after "/dmabuf:". */
static const char *name_by_link(int fd)
{
	static char target[80];
	char path[48];
	ssize_t len;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 8 || strncmp(target, "/dmabuf:", 8))
		return "(no name)";
	target[len] = '\0';
	return target + 8;
}

/* Return the name in fdinfo, "(no name)" if there is no such line. */
static const char *name_by_fdinfo(int fd)
{
	static char name[80];
	char path[48];
	char *text, *line;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	text = text_of(path, 4096);
	line = text ? strstr(text, "exp_name:") : NULL;
	line = line ? strchr(line, '\n') : NULL;
	snprintf(name, sizeof(name), "%s",
		 line && !strncmp(line, "\nname:\t", 7) ? line + 7 : "(no name)");
	name[strcspn(name, "\n")] = '\0';
	free(text);
	return name;
}

/*
 * Passes when 31 characters are accepted and 32 are not, with either ioctl
 * number.
 */
TEST_F(buffer, length)
{
	static const unsigned long request[] = { DMA_BUF_SET_NAME_A, DMA_BUF_SET_NAME_B };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(request); i++) {
		set_name(self->fd, SHORTER);
		raw_ioctl(self->fd, request[i], LONGEST);
		EXPECT_STREQ(LONGEST, name_by_link(self->fd));
		err_raw_ioctl(EINVAL, self->fd, request[i], LONGEST "x");
		err_raw_ioctl(EINVAL, self->fd, request[i], LONGEST LONGEST);
		EXPECT_STREQ(LONGEST, name_by_link(self->fd));
	}
	EXPECT_EQ(DMA_BUF_NAME_LEN, sizeof(LONGEST));
}

/* Passes when an empty name differs from no name in fdinfo. */
TEST_F(buffer, empty)
{
	EXPECT_STREQ("", name_by_link(self->fd));
	EXPECT_STREQ("(no name)", name_by_fdinfo(self->fd));
	set_name(self->fd, "");
	EXPECT_STREQ("", name_by_link(self->fd));
	EXPECT_STREQ("", name_by_fdinfo(self->fd));
	set_name(self->fd, SHORTER);
	set_name(self->fd, "");
	EXPECT_STREQ("", name_by_fdinfo(self->fd));
}

/*
 * Passes when a name is read up to its terminating zero, and no byte further.
 */
TEST_F(buffer, end_of_memory)
{
	char *two = mmap(NULL, 2 * self->page, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *end = two + self->page;

	ASSERT_NE(MAP_FAILED, two);
	ASSERT_EQ(0, munmap(end, self->page));
	memset(two, 'n', self->page);
	err_set_name(EFAULT, self->fd, NULL);
	err_set_name(EFAULT, self->fd, end);
	err_set_name(EFAULT, self->fd, end - 1);
	err_set_name(EFAULT, self->fd, end - 31);
	err_set_name(EINVAL, self->fd, two);
	EXPECT_STREQ("(no name)", name_by_fdinfo(self->fd));
	end[-1] = '\0';
	set_name(self->fd, end - 32);
	EXPECT_EQ(31, strlen(name_by_fdinfo(self->fd)));
	munmap(two, self->page);
}

/* Passes when fdinfo, the link, maps and bufinfo all show the same name. */
TEST_F(buffer, shown_everywhere)
{
	static struct bufinfo info;
	void *map = map_buffer(self->fd, self->size);
	struct bufinfo_row *row;
	char *maps;

	set_name(self->fd, "camera frame");
	EXPECT_STREQ("camera frame", name_by_fdinfo(self->fd));
	EXPECT_STREQ("camera frame", name_by_link(self->fd));
	maps = text_of("/proc/self/maps", 65536);
	ASSERT_NE(NULL, maps);
	EXPECT_NE(NULL, strstr(maps, " /dmabuf:camera frame\n"))
		TH_LOG("%s", maps);
	free(maps);
	munmap(map, self->size);
	if (self->objects < 0)
		SKIP(return, SKIP_BUFINFO);
	read_bufinfo(&info, 4096);
	row = bufinfo_row(&info, self->ino);
	ASSERT_NE(NULL, row);
	EXPECT_STREQ("camera frame", row->name);
}

/* Passes when bufinfo shows no name and an empty name differently. */
TEST_F(buffer, bufinfo_without_a_name)
{
	static struct bufinfo info;
	struct bufinfo_row *row;

	if (self->objects < 0)
		SKIP(return, SKIP_BUFINFO);
	read_bufinfo(&info, 4096);
	row = bufinfo_row(&info, self->ino);
	ASSERT_NE(NULL, row);
	EXPECT_STREQ("<none>", row->name);
	set_name(self->fd, "");
	read_bufinfo(&info, 4096);
	row = bufinfo_row(&info, self->ino);
	ASSERT_NE(NULL, row);
	EXPECT_STREQ("", row->name);
}

/* Return the text of fdinfo. */
static char *fdinfo_of(int fd)
{
	char path[48];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	return text_of(path, 4096);
}

static int lines_with(const char *text, const char *start)
{
	size_t len = strlen(start);
	int count = 0;

	for (; *text; text += strcspn(text, "\n"), text += *text == '\n')
		count += !strncmp(text, start, len);
	return count;
}

/*
 * Passes when a name is printed on one line, the last one, of fdinfo and in one
 * row of bufinfo, whichever characters it has: control characters in octal, all
 * others unchanged.
 */
TEST_F(buffer, control_characters)
{
	static const struct {
		const char *name, *shown;
	} rows[] = {
		{ "x\nsize:\t123456789\nexp_name:\ty",
		  "x\\012size:\\011123456789\\012exp_name:\\011y" },
		{ "\033[2J\033[31mred", "\\033[2J\\033[31mred" },
		{ "\001\037\177", "\\001\\037\\177" },
		{ "\r\v\f\b", "\\015\\013\\014\\010" },
		{ "a b\\c \"quoted\" 'name' %s", "a b\\c \"quoted\" 'name' %s" },
		{ "gr\xc3\xbc\xc3\x9f \xe2\x9b\xb5", "gr\xc3\xbc\xc3\x9f \xe2\x9b\xb5" },
		/* the longest name and the longest text */
		{ "\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n",
		  "\\012\\012\\012\\012\\012\\012\\012\\012"
		  "\\012\\012\\012\\012\\012\\012\\012\\012"
		  "\\012\\012\\012\\012\\012\\012\\012\\012"
		  "\\012\\012\\012\\012\\012\\012\\012" },
	};
	static struct bufinfo info;
	struct bufinfo_row *row;
	unsigned int i;
	char *text, *last;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		set_name(self->fd, rows[i].name);
		text = fdinfo_of(self->fd);
		ASSERT_NE(NULL, text);
		if (differs_on_stock(NAMES_ARE_RAW, lines_with(text, "size:") == 2)) {
			free(text);
			return;
		}
		EXPECT_EQ(1, lines_with(text, "size:"))
			TH_LOG("%s", text);
		EXPECT_EQ(1, lines_with(text, "exp_name:"))
			TH_LOG("%s", text);
		last = strstr(text, "\nname:\t");
		ASSERT_NE(NULL, last);
		ASSERT_EQ('\n', last[strlen(last) - 1]);
		last[strlen(last) - 1] = '\0';
		EXPECT_STREQ(rows[i].shown, last + 7);
		free(text);
		if (self->objects < 0)
			continue;
		read_bufinfo(&info, 4096);
		row = bufinfo_row(&info, self->ino);
		ASSERT_NE(NULL, row);
		EXPECT_STREQ(rows[i].shown, row->name);
	}
}

/*
 * Passes when fdinfo and bufinfo print each of the 255 bytes that a name may
 * have as three octal digits if it is a control character, and unchanged
 * otherwise.
 */
TEST_F(buffer, each_byte)
{
	static struct bufinfo info;
	struct bufinfo_row *row;
	char name[4], shown[8];
	int byte;

	set_name(self->fd, "\033");
	if (differs_on_stock(NAMES_ARE_RAW, !strcmp("\033", name_by_fdinfo(self->fd))))
		return;
	for (byte = 1; byte < 256; byte++) {
		snprintf(name, sizeof(name), "<%c>", byte);
		snprintf(shown, sizeof(shown),
			 byte < ' ' || byte == 0x7f ? "<\\%03o>" : "<%c>", byte);
		set_name(self->fd, name);
		EXPECT_STREQ(shown, name_by_fdinfo(self->fd))
			TH_LOG("fdinfo, byte %#x", byte);
		if (self->objects < 0)
			continue;
		read_bufinfo(&info, 4096);
		row = bufinfo_row(&info, self->ino);
		ASSERT_NE(NULL, row);
		EXPECT_STREQ(shown, row->name)
			TH_LOG("bufinfo, byte %#x", byte);
	}
}

/* Passes when a name with line feeds is printed on one line of maps. */
TEST_F(buffer, line_feed_in_maps)
{
	void *map = map_buffer(self->fd, self->size);
	char *maps;

	set_name(self->fd, "x\n00400000-00401000 rwxp y");
	maps = text_of("/proc/self/maps", 65536);
	ASSERT_NE(NULL, maps);
	EXPECT_NE(NULL, strstr(maps, "/dmabuf:x\\01200400000-00401000 rwxp y\n"))
		TH_LOG("%s", maps);
	free(maps);
	munmap(map, self->size);
}

/* Passes when a name that one process or fd sets is visible to all others. */
TEST_F(buffer, belongs_to_the_buffer)
{
	int copy = must(or_errno(dup(self->fd))), status;
	pid_t child;

	set_name(copy, "first");
	EXPECT_STREQ("first", name_by_link(self->fd));
	child = fork();
	ASSERT_LE(0, child);
	if (!child)
		_exit(sys_set_name(self->fd, "second") ? 1 : 0);
	ASSERT_EQ(child, waitpid(child, &status, 0));
	EXPECT_EQ(0, status);
	EXPECT_STREQ("second", name_by_link(copy));
	close(copy);
}

static atomic_bool renaming;

static int rename_repeatedly(struct worker *worker)
{
	int ret = 0;

	while (renaming && !ret) {
		ret = sys_set_name(worker->fd, LONGEST);
		if (!ret)
			ret = sys_set_name(worker->fd, SHORTER);
	}
	return ret;
}

static bool whole_name(const char *name)
{
	return !strcmp(name, LONGEST) || !strcmp(name, SHORTER);
}

/* Return the name of the first buffer in /proc/self/maps. */
static const char *name_by_maps(void)
{
	static char name[80];
	char *maps = text_of("/proc/self/maps", 65536);
	char *line = line_with(maps, "/dmabuf:");

	snprintf(name, sizeof(name), "%s",
		 line ? strstr(line, "/dmabuf:") + 8 : "(no name)");
	free(maps);
	return name;
}

/* Passes when a reader gets the old name or the new one, never a mixture. */
TEST_F(buffer, renamed_while_read)
{
	struct worker worker = { .call = rename_repeatedly, .fd = self->fd };
	void *map = map_buffer(self->fd, self->size);
	static struct bufinfo info;
	struct bufinfo_row *row;
	int i;

	set_name(self->fd, SHORTER);
	renaming = true;
	worker_start(&worker);
	for (i = 0; i < 300; i++) {
		EXPECT_TRUE(whole_name(name_by_link(self->fd)));
		EXPECT_TRUE(whole_name(name_by_fdinfo(self->fd)));
		EXPECT_TRUE(whole_name(name_by_maps()));
		if (self->objects < 0 || i % 10)
			continue;
		read_bufinfo(&info, 4096);
		row = bufinfo_row(&info, self->ino);
		EXPECT_TRUE(row && whole_name(row->name));
	}
	renaming = false;
	EXPECT_EQ(0, worker_join(&worker));
	munmap(map, self->size);
}

TEST_HARNESS_MAIN
