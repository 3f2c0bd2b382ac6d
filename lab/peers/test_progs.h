/* SPDX-License-Identifier: GPL-2.0 */
/*
 * In place of tools/testing/selftests/bpf/test_progs.h, for the one test that
 * is built without the others: subtests and checks, reported as TAP.
 */
#ifndef PEERS_TEST_PROGS_H
#define PEERS_TEST_PROGS_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

bool test__start_subtest(const char *name);
void check_failed(const char *function, int line, const char *check);

#define CHECK_TRUE(condition, name) ({					\
	bool __passed = (condition);					\
									\
	if (!__passed)							\
		check_failed(__func__, __LINE__, name);			\
	__passed;							\
})

#define ASSERT_TRUE(value, name)	CHECK_TRUE(value, name)
#define ASSERT_OK(value, name)		CHECK_TRUE(!(value), name)
#define ASSERT_OK_FD(fd, name)		CHECK_TRUE((fd) >= 0, name)
#define ASSERT_OK_PTR(ptr, name)	CHECK_TRUE(!libbpf_get_error(ptr), name)
#define ASSERT_EQ(one, two, name)	CHECK_TRUE((one) == (two), name)
#define ASSERT_LE(one, two, name)	CHECK_TRUE((one) <= (two), name)
#define ASSERT_GT(one, two, name)	CHECK_TRUE((one) > (two), name)

#endif /* PEERS_TEST_PROGS_H */
