/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A mock exporter, mock importers and mock fences for the dma-buf suites
 *
 * The exporter logs every call of its callbacks and can be set to fail each of
 * them. At the end of each case it checks that each table, pin and vmap was
 * undone and that the buffer was released once, which every driver relies on.
 * KUnit actions destroy the objects that a case has created, in reverse order.
 */
#ifndef __DMA_BUF_TESTS_MOCK_H__
#define __DMA_BUF_TESTS_MOCK_H__

#include <linux/completion.h>
#include <linux/dma-buf.h>
#include <linux/dma-fence.h>
#include <linux/dma-resv.h>
#include <linux/module.h>
#include <linux/kref.h>
#include <linux/workqueue.h>

#include <kunit/test.h>

/* Callbacks of an exporter or an importer. */
enum mock_op {
	MOCK_ATTACH,
	MOCK_DETACH,
	MOCK_PIN,
	MOCK_UNPIN,
	MOCK_MAP_DMA_BUF,
	MOCK_UNMAP_DMA_BUF,
	MOCK_RELEASE,
	MOCK_BEGIN_CPU_ACCESS,
	MOCK_END_CPU_ACCESS,
	MOCK_MAP,
	MOCK_UNMAP,
	MOCK_MMAP,
	MOCK_VMAP,
	MOCK_VUNMAP,
	MOCK_INVALIDATE_MAPPINGS,
	MOCK_OPS
};

/* Violations that the exporter detects. */
enum mock_violation {
	MOCK_VIOLATION_LOG_FULL,
	MOCK_VIOLATION_FENCE,
	MOCK_VIOLATION_TABLE,
	MOCK_VIOLATION_ATTACH,
	MOCK_VIOLATION_DIR,
	MOCK_VIOLATION_PAGES,
	MOCK_VIOLATION_VMAP,
	MOCK_VIOLATIONS
};

/* For &mock_exporter.fail: return NULL instead of an errno. */
#define MOCK_NULL	1

/* Kinds of exporter; 0 is static with every optional callback. */
#define MOCK_DYNAMIC	BIT(0)	/* pin and unpin */
#define MOCK_MINIMAL	BIT(1)	/* mandatory callbacks only */

#define MOCK_LOG_MAX	256

/* Long enough for a loaded emulator, short enough for interactive use */
#define MOCK_TIMEOUT	(5 * HZ)

/**
 * struct mock_call - one call that reached the exporter or an importer
 * @op: the callback
 * @locked: the reservation lock was held
 * @listed: the attachment was on the buffer's list
 * @dir: direction, if there is one
 * @arg: attachment, vma or address; for vmap, the map's initial address
 * @page: page number or page offset
 */
struct mock_call {
	enum mock_op op;
	bool locked;
	bool listed;
	enum dma_data_direction dir;
	const void *arg;
	unsigned long page;
};

/**
 * struct mock_exporter - a driver that owns one buffer
 * @ops: callbacks; a case may change them before mock_export()
 * @info: argument of dma_buf_export()
 * @dmabuf: the buffer, valid while the exporter holds its reference
 * @vaddr: address of the memory
 * @mem_size: size of the memory in bytes
 * @fail: errno to return for each callback, or MOCK_NULL; 0 to succeed
 * @sg_offset: offset into the first page of each table
 * @sg_merge: map to a single DMA segment, like an IOMMU
 * @no_pages: each table has DMA addresses and no pages
 * @no_segments: each table has no DMA addresses
 * @fence_on_map: fence of KERNEL usage to add to the buffer when mapping
 * @log: logged calls
 * @calls: number of logged calls
 * @log_lock: protects @log and @calls
 * @pins: number of pins that are not undone
 * @vmaps: number of vmaps that are not undone
 * @tables: tables that are mapped
 * @last_table: table that was mapped last
 * @violations: violations so far, bits of &enum mock_violation
 * @releases: number of calls of @ops.release
 * @released: completed by the first release
 * @exported: the buffer was exported
 * @held: the exporter still holds its own reference
 * @expect_leak: the case makes the core leak the buffer on purpose
 * @expect_imbalance: the case leaves a pin, vmap or table in place on purpose
 * @no_log: do not log, since there are too many calls
 */
struct mock_exporter {
	struct dma_buf_ops ops;
	struct dma_buf_export_info info;
	struct dma_buf *dmabuf;
	void *vaddr;
	size_t mem_size;
	int fail[MOCK_OPS];
	unsigned int sg_offset;
	bool sg_merge;
	bool no_pages;
	bool no_segments;
	struct dma_fence *fence_on_map;
	struct mock_call log[MOCK_LOG_MAX];
	unsigned int calls;
	spinlock_t log_lock; /* log, calls */
	int pins;
	int vmaps;
	struct list_head tables;
	struct sg_table *last_table;
	unsigned long violations;
	int releases;
	struct completion released;
	bool exported;
	bool held;
	bool expect_leak;
	bool expect_imbalance;
	bool no_log;

	/* private: used at the end of the case */
	struct kunit *test;
	struct list_head parked;
};

struct mock_exporter *mock_exporter_alloc(struct kunit *test,
					  unsigned int kind, size_t size);
struct dma_buf *mock_export(struct mock_exporter *exp);
struct mock_exporter *mock_exporter_create(struct kunit *test,
					   unsigned int kind, size_t size);
void mock_put_sync(struct mock_exporter *exp);
bool mock_wait_released(struct mock_exporter *exp);

void mock_log_reset(struct mock_exporter *exp);
const char *mock_op_name(enum mock_op op);
unsigned int mock_call_count(struct mock_exporter *exp, enum mock_op op);
const struct mock_call *mock_last_call(struct mock_exporter *exp,
				       enum mock_op op);
bool mock_log_is(struct mock_exporter *exp, const enum mock_op *ops,
		 unsigned int num);

/* Expect exactly these calls, in this order, since the last reset. */
#define MOCK_EXPECT_LOG(test, exp, ...)					\
do {									\
	static const enum mock_op __ops[] = { __VA_ARGS__ };		\
	const unsigned int __num = ARRAY_SIZE(__ops);			\
									\
	KUNIT_EXPECT_TRUE(test, mock_log_is(exp, __ops, __num));	\
} while (0)

#ifdef CONFIG_MODULE_UNLOAD
struct module *mock_module_create(struct kunit *test, bool going);
int mock_module_users(struct module *owner);
#else
/* Inline: objtool reports a function in another file that never returns. */
static inline struct module *mock_module_create(struct kunit *test, bool going)
{
	kunit_skip(test, "needs CONFIG_MODULE_UNLOAD");
	return NULL;
}

static inline int mock_module_users(struct module *owner)
{
	return 0;
}
#endif

struct device *mock_device_create(struct kunit *test, const char *name);

/**
 * struct mock_importer - a driver that imports a buffer
 * @ops: callbacks of a dynamic importer
 * @notified: number of calls of @ops.invalidate_mappings
 */
struct mock_importer {
	struct dma_buf_attach_ops ops;
	unsigned int notified;
};

/* Kinds of importer */
enum mock_importer_kind {
	MOCK_STATIC,		/* no callbacks */
	MOCK_REVOCABLE,		/* dynamic, with invalidate_mappings */
	MOCK_PINNING,		/* dynamic, without */
};

struct mock_importer *mock_importer_create(struct kunit *test);
struct dma_buf_attachment *mock_attach_as(struct kunit *test,
					  struct mock_exporter *exp,
					  enum mock_importer_kind kind);
struct dma_buf_attachment *mock_attach(struct kunit *test,
				       struct mock_exporter *exp);
struct dma_buf_attachment *mock_attach_dynamic(struct kunit *test,
					       struct mock_exporter *exp);
void mock_detach(struct kunit *test, struct dma_buf_attachment *attach);

/**
 * struct mock_timeline - state that the fences of a case share
 * @ref: one reference of the case and one of each fence; these may outlive it
 * @lock: lock of the fences that share one
 * @enabled: number of calls of enable_signaling
 * @enabled_in_irq: number of these in interrupt context
 */
struct mock_timeline {
	struct kref ref;
	spinlock_t lock; /* of the fences */
	atomic_t enabled;
	atomic_t enabled_in_irq;
};

struct dma_resv *mock_resv_create(struct kunit *test);
struct mock_timeline *mock_timeline_create(struct kunit *test);
struct dma_fence *mock_fence_create(struct kunit *test,
				    struct mock_timeline *tl, bool share_lock);
void mock_fence_complete_silently(struct dma_fence *fence);
void mock_fence_set_signaled(struct dma_fence *fence,
			     bool (*signaled)(struct dma_fence *fence, void *data),
			     void *data);
void mock_fence_signal_later(struct kunit *test, struct dma_fence *fence,
			     unsigned int msecs);
bool mock_fence_armed(struct dma_fence *fence);
void mock_fence_add(struct kunit *test, struct dma_buf *dmabuf,
		    struct dma_fence *fence, enum dma_resv_usage usage);
struct dma_fence *mock_fence_add_new(struct kunit *test, struct dma_buf *dmabuf,
				     enum dma_resv_usage usage);

/**
 * struct mock_resv_lock_holder - another thread that holds a reservation lock
 * @work: the thread
 * @resv: reservation object of the lock
 * @held: completed when the lock is held
 * @release: completed by the case to have the lock released
 * @timed_out: @release was not completed in time, as the case waited for the
 *	lock
 */
struct mock_resv_lock_holder {
	struct work_struct work;
	struct dma_resv *resv;
	struct completion held;
	struct completion release;
	bool timed_out;
};

struct mock_resv_lock_holder *
mock_resv_lock_holder_create(struct kunit *test, struct dma_resv *resv);
bool mock_resv_lock_holder_release(struct kunit *test,
				   struct mock_resv_lock_holder *holder);

void mock_run_parallel(struct kunit *test, unsigned int num,
		       void (*func)(void *data, unsigned int id), void *data);

void mock_signal_pending_set(void);
void mock_signal_pending_clear(void);

void __user *mock_user_alloc(struct kunit *test, size_t size);
long mock_ioctl_raw(struct file *file, unsigned int cmd, unsigned long uarg);
long mock_ioctl(struct kunit *test, struct file *file, unsigned int cmd,
		void *arg, size_t size);
struct file *mock_bufinfo_open(struct kunit *test);
void mock_bufinfo_close(struct kunit *test, struct file *file);
ssize_t mock_bufinfo_read(struct file *file, char *buf, size_t len, loff_t *pos);
char *mock_bufinfo_text(struct kunit *test, struct file *file, size_t size, size_t step);
void *mock_kvzalloc(struct kunit *test, size_t size);
int mock_next_fd(struct kunit *test);
bool mock_fd_cloexec(int fd);

#endif /* __DMA_BUF_TESTS_MOCK_H__ */
