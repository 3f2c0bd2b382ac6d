// SPDX-License-Identifier: GPL-2.0
/*
 * Runs the test of the iterator dmabuf and reports each subtest.
 */
#include "test_progs.h"

void test_dmabuf_iter(void);

static const char *subtest;
static unsigned int subtests, failures, failed_subtests;

static void report_subtest(void)
{
	if (subtest)
		printf("%sok %u %s\n", failures ? "not " : "", subtests, subtest);
	failed_subtests += !!failures;
	failures = 0;
}

bool test__start_subtest(const char *name)
{
	report_subtest();
	subtest = name;
	subtests++;
	return true;
}

void check_failed(const char *function, int line, const char *check)
{
	printf("# %s:%d: %s (%s)\n", function, line, check, strerror(errno));
	failures++;
}

int main(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("TAP version 13\n");
	test_dmabuf_iter();
	report_subtest();
	printf("1..%u\n", subtests);
	return failed_subtests || !subtests;
}
