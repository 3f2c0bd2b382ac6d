/* SPDX-License-Identifier: GPL-2.0-only */
/* A strict reader of JSON (RFC 8259) */
#ifndef DMABUF_JSON_H
#define DMABUF_JSON_H

#include <stdbool.h>
#include <stddef.h>

typedef unsigned long long u64;
typedef long long s64;

#define U64_MAX (~0ULL)

enum json_type {
	JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_TEXT, JSON_ARRAY,
	JSON_OBJECT,
};

struct json {
	enum json_type type;
	struct json *next;	/* in the array or object */
	struct json *child;	/* of an array or object */
	char *key;		/* of a member of an object */
	char *text;		/* of a text; a number as it is written */
};

/* Return NULL if the text is not valid or the memory does not suffice. */
struct json *json_parse(const char *text, size_t len);
void json_free(struct json *json);

/* The functions below accept NULL. */
struct json *json_get(const struct json *object, const char *key);
const char *json_get_text(const struct json *object, const char *key);
/* Return the unsigned integer, or @fallback if there is none. */
u64 json_get_number(const struct json *object, const char *key,
		    u64 fallback);
size_t json_count(const struct json *array);

#endif /* DMABUF_JSON_H */
