// SPDX-License-Identifier: GPL-2.0-only
/* A strict reader of JSON */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

#define MAX_DEPTH 64

struct reader {
	const char *at, *end;
	int depth;
};

static struct json *parse_value(struct reader *reader);

static int peek(struct reader *reader)
{
	return reader->at < reader->end ? (unsigned char)*reader->at : -1;
}

static void skip_blanks(struct reader *reader)
{
	while (reader->at < reader->end && *reader->at &&
	       strchr(" \t\r\n", *reader->at))
		reader->at++;
}

static bool skip(struct reader *reader, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(reader->end - reader->at) < len ||
	    memcmp(reader->at, word, len))
		return false;
	reader->at += len;
	return true;
}

static size_t skip_digits(struct reader *reader)
{
	const char *begin = reader->at;

	while (isdigit(peek(reader)))
		reader->at++;
	return reader->at - begin;
}

static bool skip_number(struct reader *reader)
{
	skip(reader, "-");
	if (!skip(reader, "0") && !skip_digits(reader))
		return false;
	if (skip(reader, ".") && !skip_digits(reader))
		return false;
	if (skip(reader, "e") || skip(reader, "E")) {
		if (!skip(reader, "+"))
			skip(reader, "-");
		return skip_digits(reader);
	}
	return true;
}

static bool parse_hex(struct reader *reader, unsigned int *code)
{
	int i, digit;

	*code = 0;
	for (i = 0; i < 4; i++, reader->at++) {
		digit = peek(reader);
		if (!isxdigit(digit))
			return false;
		*code = *code * 16 + (isdigit(digit) ? digit - '0' :
				      tolower(digit) - 'a' + 10);
	}
	return true;
}

/* Write a character in UTF-8; return its length, 0 if it is not allowed. */
static size_t put_utf8(char *out, unsigned int code)
{
	if (!code || (code >= 0xd800 && code < 0xe000))
		return 0;
	if (code < 0x80) {
		out[0] = code;
		return 1;
	}
	if (code < 0x800) {
		out[0] = 0xc0 | code >> 6;
		out[1] = 0x80 | (code & 0x3f);
		return 2;
	}
	out[0] = 0xe0 | code >> 12;
	out[1] = 0x80 | (code >> 6 & 0x3f);
	out[2] = 0x80 | (code & 0x3f);
	return 3;
}

/* Pairs of surrogates are not supported: the writer has no use for them. */
static size_t parse_escape(struct reader *reader, char *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	unsigned int code;
	const char *hit;
	int letter = peek(reader);

	if (letter <= 0)
		return 0;
	reader->at++;
	if (letter == 'u')
		return parse_hex(reader, &code) ? put_utf8(out, code) : 0;
	hit = strchr(from, letter);
	if (!hit)
		return 0;
	*out = to[hit - from];
	return 1;
}

/* Return the text after the first quotation mark, or NULL. */
static char *parse_text(struct reader *reader)
{
	const char *stop = reader->at;
	size_t used = 0, len;
	char *out;
	int byte;

	while (stop < reader->end && *stop != '"')
		stop += *stop == '\\' ? 2 : 1;
	if (stop >= reader->end)
		return NULL;
	out = malloc(stop - reader->at + 4);
	while (out && (byte = peek(reader)) != '"') {
		if (byte < 0x20)
			goto bad;
		reader->at++;
		if (byte != '\\') {
			out[used++] = byte;
			continue;
		}
		len = parse_escape(reader, out + used);
		if (!len)
			goto bad;
		used += len;
	}
	if (!out)
		return NULL;
	reader->at++;
	out[used] = '\0';
	return out;
bad:
	free(out);
	return NULL;
}

/* Parse the rest of an array or object. */
static bool parse_members(struct reader *reader, struct json *json)
{
	const char *close = json->type == JSON_ARRAY ? "]" : "}";
	struct json **tail = &json->child;
	char *key = NULL;

	skip_blanks(reader);
	if (skip(reader, close))
		return true;
	do {
		skip_blanks(reader);
		if (json->type == JSON_OBJECT) {
			key = skip(reader, "\"") ? parse_text(reader) : NULL;
			skip_blanks(reader);
			if (!key || !skip(reader, ":")) {
				free(key);
				return false;
			}
		}
		*tail = parse_value(reader);
		if (!*tail) {
			free(key);
			return false;
		}
		(*tail)->key = key;
		tail = &(*tail)->next;
		skip_blanks(reader);
	} while (skip(reader, ","));
	return skip(reader, close);
}

static bool parse_into(struct reader *reader, struct json *json)
{
	const char *begin = reader->at;

	if (skip(reader, "{") || skip(reader, "[")) {
		json->type = *begin == '{' ? JSON_OBJECT : JSON_ARRAY;
		return parse_members(reader, json);
	}
	if (skip(reader, "\"")) {
		json->type = JSON_TEXT;
		json->text = parse_text(reader);
		return json->text;
	}
	if (skip(reader, "null"))
		return true;
	if (skip(reader, "true")) {
		json->type = JSON_TRUE;
		return true;
	}
	if (skip(reader, "false")) {
		json->type = JSON_FALSE;
		return true;
	}
	json->type = JSON_NUMBER;
	if (!skip_number(reader))
		return false;
	json->text = strndup(begin, reader->at - begin);
	return json->text;
}

static struct json *parse_value(struct reader *reader)
{
	struct json *json = NULL;

	skip_blanks(reader);
	if (++reader->depth <= MAX_DEPTH)
		json = calloc(1, sizeof(*json));
	if (json && !parse_into(reader, json)) {
		json_free(json);
		json = NULL;
	}
	reader->depth--;
	return json;
}

struct json *json_parse(const char *text, size_t len)
{
	struct reader reader = { .at = text, .end = text + len };
	struct json *json = parse_value(&reader);

	skip_blanks(&reader);
	if (reader.at == reader.end)
		return json;
	json_free(json);
	return NULL;
}

void json_free(struct json *json)
{
	struct json *next;

	for (; json; json = next) {
		next = json->next;
		json_free(json->child);
		free(json->key);
		free(json->text);
		free(json);
	}
}

struct json *json_get(const struct json *object, const char *key)
{
	struct json *json = NULL;

	if (object && object->type == JSON_OBJECT)
		json = object->child;
	while (json && strcmp(json->key, key))
		json = json->next;
	return json;
}

const char *json_get_text(const struct json *object, const char *key)
{
	struct json *json = json_get(object, key);

	return json && json->type == JSON_TEXT ? json->text : NULL;
}

u64 json_get_number(const struct json *object, const char *key,
		    u64 fallback)
{
	struct json *json = json_get(object, key);
	u64 number;
	char *end;

	if (!json || json->type != JSON_NUMBER || json->text[0] == '-')
		return fallback;
	errno = 0;
	number = strtoull(json->text, &end, 10);
	return errno || *end ? fallback : number;
}

size_t json_count(const struct json *array)
{
	const struct json *json = NULL;
	size_t count = 0;

	if (array && (array->type == JSON_ARRAY || array->type == JSON_OBJECT))
		json = array->child;
	for (; json; json = json->next)
		count++;
	return count;
}
