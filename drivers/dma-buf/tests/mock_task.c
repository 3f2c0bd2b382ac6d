// SPDX-License-Identifier: GPL-2.0-only
/*
 * Parts of a process for the suites: threads, signals, user memory and files
 */

#include <linux/fdtable.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/mount.h>
#include <linux/sched/signal.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "mock.h"

/* One of several threads that run concurrently. */
struct mock_thread {
	struct work_struct work;
	struct completion *start;
	void (*func)(void *data, unsigned int id);
	void *data;
	unsigned int id;
};

static void mock_thread_work(struct work_struct *work)
{
	struct mock_thread *thread = container_of(work, struct mock_thread,
						  work);

	wait_for_completion(thread->start);
	thread->func(thread->data, thread->id);
}

/**
 * mock_run_parallel - run a function in several threads concurrently
 * @test: the case
 * @num: number of threads
 * @func: the function; must not end the case by an assertion
 * @data: argument of @func, with the number of the thread, counted from 0
 *
 * Returns when the function has returned in all threads.
 */
void mock_run_parallel(struct kunit *test, unsigned int num,
		       void (*func)(void *data, unsigned int id), void *data)
{
	struct mock_thread *thread;
	DECLARE_COMPLETION_ONSTACK(start);
	unsigned int i;

	thread = kunit_kcalloc(test, num, sizeof(*thread), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, thread);

	for (i = 0; i < num; i++) {
		thread[i].start = &start;
		thread[i].func = func;
		thread[i].data = data;
		thread[i].id = i;
		INIT_WORK(&thread[i].work, mock_thread_work);
		queue_work(system_dfl_wq, &thread[i].work);
	}
	complete_all(&start);
	for (i = 0; i < num; i++)
		flush_work(&thread[i].work);
	kunit_kfree(test, thread);
}

/* Set a signal pending, so that interruptible waits return immediately. */
void mock_signal_pending_set(void)
{
	allow_signal(SIGUSR1);
	send_sig(SIGUSR1, current, 1);
}

/* Clear the signal that mock_signal_pending_set() has set pending. */
void mock_signal_pending_clear(void)
{
	flush_signals(current);
	disallow_signal(SIGUSR1);
}

/* Map user memory, for calls that copy from and to it. */
void __user *mock_user_alloc(struct kunit *test, size_t size)
{
	unsigned long addr;

	if (!IS_ENABLED(CONFIG_MMU))
		kunit_skip(test, "needs an MMU");

	addr = kunit_vm_mmap(test, NULL, 0, size, PROT_READ | PROT_WRITE,
			     MAP_ANONYMOUS | MAP_PRIVATE, 0);
	KUNIT_ASSERT_NE(test, addr, 0UL);
	KUNIT_ASSERT_FALSE(test, IS_ERR_VALUE(addr));

	return (void __user *)addr;
}

/* Call a file's ioctl with exactly this argument. */
long mock_ioctl_raw(struct file *file, unsigned int cmd, unsigned long uarg)
{
	return file->f_op->unlocked_ioctl(file, cmd, uarg);
}

/**
 * mock_ioctl - call a file's ioctl with an argument in user memory
 * @test: the case
 * @file: the file
 * @cmd: the command
 * @arg: the argument, which is copied back if the command writes it
 * @size: size of the argument
 *
 * Return: The result of the ioctl.
 */
long mock_ioctl(struct kunit *test, struct file *file, unsigned int cmd,
		void *arg, size_t size)
{
	void __user *uarg = mock_user_alloc(test, PAGE_SIZE);
	long ret;

	KUNIT_ASSERT_EQ(test, copy_to_user(uarg, arg, size), 0UL);
	ret = mock_ioctl_raw(file, cmd, (unsigned long)uarg);
	if (_IOC_DIR(cmd) & _IOC_READ)
		KUNIT_ASSERT_EQ(test, copy_from_user(arg, uarg, size), 0UL);

	return ret;
}

static void mock_bufinfo_unmount(void *mnt)
{
	kern_unmount(mnt);
}

static void mock_kvfree(void *memory)
{
	kvfree(memory);
}

/* Zeroed memory for the case, of sizes that kunit_kzalloc() may not provide. */
void *mock_kvzalloc(struct kunit *test, size_t size)
{
	void *memory = kvzalloc(size, GFP_KERNEL);
	int ret;

	KUNIT_ASSERT_NOT_NULL(test, memory);
	ret = kunit_add_action_or_reset(test, mock_kvfree, memory);
	KUNIT_ASSERT_EQ(test, ret, 0);

	return memory;
}

static void mock_bufinfo_end(void *file)
{
	__fput_sync(file);
}

/* Open bufinfo, before user space has mounted debugfs. */
struct file *mock_bufinfo_open(struct kunit *test)
{
	struct file_system_type *type;
	struct vfsmount *mnt;
	struct file *file;
	struct path root;
	int ret;

	type = get_fs_type("debugfs");
	if (!type)
		kunit_skip(test, "needs debugfs");
	mnt = kern_mount(type);
	KUNIT_ASSERT_FALSE(test, IS_ERR(mnt));
	ret = kunit_add_action_or_reset(test, mock_bufinfo_unmount, mnt);
	KUNIT_ASSERT_EQ(test, ret, 0);

	root.mnt = mnt;
	root.dentry = mnt->mnt_root;
	file = file_open_root(&root, "dma_buf/bufinfo", O_RDONLY, 0);
	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	ret = kunit_add_action_or_reset(test, mock_bufinfo_end, file);
	KUNIT_ASSERT_EQ(test, ret, 0);

	return file;
}

/* Close bufinfo now instead of at the end of the case. */
void mock_bufinfo_close(struct kunit *test, struct file *file)
{
	kunit_release_action(test, mock_bufinfo_end, file);
}

/* Read on from @pos. debugfs wraps the file's seq_file. */
ssize_t mock_bufinfo_read(struct file *file, char *buf, size_t len, loff_t *pos)
{
	struct kvec vec = { .iov_base = buf, .iov_len = len };
	struct iov_iter iter;
	struct kiocb kiocb;
	ssize_t ret;

	init_sync_kiocb(&kiocb, file);
	kiocb.ki_pos = *pos;
	iov_iter_kvec(&iter, ITER_DEST, &vec, 1, len);
	ret = seq_read_iter(&kiocb, &iter);
	*pos = kiocb.ki_pos;

	return ret;
}

/* Read all of bufinfo, @step bytes at a time; it must be shorter than @size. */
char *mock_bufinfo_text(struct kunit *test, struct file *file, size_t size, size_t step)
{
	char *text = mock_kvzalloc(test, size);
	size_t len = 0;
	loff_t pos = 0;
	ssize_t ret;

	do {
		KUNIT_ASSERT_LT(test, len + step, size);
		ret = mock_bufinfo_read(file, text + len, step, &pos);
		KUNIT_ASSERT_GE(test, ret, 0);
		len += ret;
	} while (ret);
	KUNIT_EXPECT_EQ(test, pos, len);

	return text;
}

/* The number of the next file descriptor that will be allocated. */
int mock_next_fd(struct kunit *test)
{
	int fd = get_unused_fd_flags(O_CLOEXEC);

	KUNIT_ASSERT_GE(test, fd, 0);
	put_unused_fd(fd);
	return fd;
}

/* Is this descriptor closed on exec? */
bool mock_fd_cloexec(int fd)
{
	bool cloexec;

	spin_lock(&current->files->file_lock);
	cloexec = test_bit(fd, files_fdtable(current->files)->close_on_exec);
	spin_unlock(&current->files->file_lock);

	return cloexec;
}
