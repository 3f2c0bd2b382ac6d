// SPDX-License-Identifier: GPL-2.0-only
/* Tables, JSON and sizes for people */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "dmabuf.h"

/* A text that grows */

static void text_reserve(struct text *text, size_t len)
{
	if (text->size - text->used > len)
		return;
	text->size = text->size * 2 + len + 32;
	text->at = xrealloc(text->at, text->size, 1);
}

/* Add @len bytes; faster than a format. */
static void text_put(struct text *text, const char *bytes, size_t len)
{
	text_reserve(text, len);
	memcpy(text->at + text->used, bytes, len);
	text->used += len;
	text->at[text->used] = '\0';
}

void text_string(struct text *text, const char *string)
{
	text_put(text, string, strlen(string));
}

/* Write the digits so that they end before @end; return their begin. */
static char *digits(char *end, u64 number)
{
	do {
		*--end = '0' + number % 10;
		number /= 10;
	} while (number);
	return end;
}

void text_number(struct text *text, u64 number)
{
	char out[20], *first = digits(out + sizeof(out), number);

	text_put(text, first, out + sizeof(out) - first);
}

static void text_pad(struct text *text, size_t len)
{
	text_reserve(text, len);
	memset(text->at + text->used, ' ', len);
	text->used += len;
	text->at[text->used] = '\0';
}

void text_add(struct text *text, const char *fmt, ...)
{
	va_list args;
	int len;

	for (;;) {
		va_start(args, fmt);
		len = vsnprintf(text->at ? text->at + text->used : NULL,
				text->size - text->used, fmt, args);
		va_end(args);
		if (len < 0)
			die("out of memory");
		if ((size_t)len < text->size - text->used)
			break;
		text_reserve(text, len);
	}
	text->used += len;
}

/* Return the length of the UTF-8 character, 0 if it must be escaped. */
static size_t printable(const char *text)
{
	const unsigned char *byte = (const unsigned char *)text;
	unsigned int code, len, i;

	if (byte[0] < 0x80)
		return byte[0] >= 0x20 && byte[0] != 0x7f;
	if (byte[0] < 0xc2 || byte[0] > 0xf4)
		return 0;
	len = byte[0] < 0xe0 ? 2 : byte[0] < 0xf0 ? 3 : 4;
	code = byte[0] & (0x7f >> len);
	for (i = 1; i < len; i++) {
		if ((byte[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (byte[i] & 0x3f);
	}
	if ((len == 3 && code < 0x800) || (len == 4 && code < 0x10000) ||
	    code < 0xa0 || (code >= 0xd800 && code < 0xe000) || code > 0x10ffff)
		return 0;
	return len;
}

/* Add @raw; control characters and bytes that are not UTF-8 are added in octal. */
void text_escaped(struct text *text, const char *raw)
{
	const char *end = raw;
	size_t len;

	for (;;) {
		while (*end && (len = printable(end)))
			end += len;
		text_put(text, raw, end - raw);
		if (!*end)
			return;
		text_add(text, "\\%03o", (unsigned char)*end++);
		raw = end;
	}
}

char *escaped(const char *raw)
{
	struct text text = {};

	text_escaped(&text, raw);
	return text.at;
}

/* Sizes; @out has 32 bytes */

const char *human_size(char *out, u64 size)
{
	static const char units[] = "BKMGTPE";
	char *end = out + 31;
	unsigned int unit = 0;
	u64 rest = 0;

	*end = '\0';
	if (opt.bytes)
		return digits(end, size);
	while (size >= 1024 && unit < 6) {
		rest = size % 1024;
		size /= 1024;
		unit++;
	}
	*--end = units[unit];
	if (rest && size < 10) {
		*--end = '0' + rest * 10 / 1024;
		*--end = '.';
	}
	return digits(end, size);
}

const char *human_change(char *out, u64 before, u64 after)
{
	char size[32];

	if (before == after)
		return "0";
	snprintf(out, 32, "%c%.30s", after > before ? '+' : '-',
		 human_size(size, after > before ? after - before : before - after));
	return out;
}

/* Tables */

static void table_add(struct table *table, char *cell)
{
	if (table->used == table->size) {
		table->size = table->size * 2 + 64;
		table->cells = xrealloc(table->cells, table->size,
					sizeof(*table->cells));
	}
	table->cells[table->used++] = cell;
}

void table_cell(struct table *table, const char *fmt, ...)
{
	va_list args;
	char *cell;

	va_start(args, fmt);
	if (vasprintf(&cell, fmt, args) < 0)
		die("out of memory");
	va_end(args);
	table_add(table, cell);
}

void table_number(struct table *table, u64 number)
{
	struct text text = {};

	text_number(&text, number);
	table_add(table, text.at);
}

/* Add a cell with a text that is freed with the table. */
void table_take(struct table *table, struct text *text)
{
	table_add(table, text->at);
	memset(text, 0, sizeof(*text));
}

/* Add a cell with text from the kernel, "-" for NULL. */
void table_text(struct table *table, const char *raw)
{
	table_add(table, escaped(raw ? raw : "-"));
}

static size_t width(const char *text)
{
	size_t count = 0;

	for (; *text; text++)
		count += (*text & 0xc0) != 0x80;
	return count;
}

static const char *heading(const struct table *table, unsigned int column)
{
	return table->heading[column] + (table->heading[column][0] == '>');
}

static char *table_line(const struct table *table, char *const *cells,
			const size_t *widths)
{
	struct text line = {};
	const char *cell;
	unsigned int i;
	size_t pad;

	for (i = 0; i < table->columns; i++) {
		cell = cells ? cells[i] : heading(table, i);
		pad = widths[i] - width(cell);
		if (table->heading[i][0] == '>')
			text_pad(&line, pad);
		text_put(&line, cell, strlen(cell));
		if (i + 1 == table->columns)
			break;
		text_pad(&line, table->heading[i][0] == '>' ? 2 : pad + 2);
	}
	return line.at;
}

/* Return the lines of the table, and free its cells. */
char **table_lines(struct table *table, bool headings, size_t *count)
{
	size_t widths[16] = {}, rows = table->used / table->columns, i;
	char **lines = xrealloc(NULL, rows + 1, sizeof(*lines));
	unsigned int column;

	*count = 0;
	for (column = 0; column < table->columns && headings; column++)
		widths[column] = width(heading(table, column));
	for (i = 0; i < rows * table->columns; i++)
		if (widths[i % table->columns] < width(table->cells[i]))
			widths[i % table->columns] = width(table->cells[i]);
	if (headings)
		lines[(*count)++] = table_line(table, NULL, widths);
	for (i = 0; i < rows; i++)
		lines[(*count)++] = table_line(table,
					       table->cells + i * table->columns,
					       widths);
	for (i = 0; i < table->used; i++)
		free(table->cells[i]);
	free(table->cells);
	table->cells = NULL;
	table->used = 0;
	table->size = 0;
	return lines;
}

void table_print(struct table *table)
{
	size_t count, i;
	char **lines = table_lines(table, !opt.no_headers, &count);
	bool bold;

	for (i = 0; i < count; i++) {
		bold = opt.colour && !i && !opt.no_headers;
		if (bold)
			fputs("\033[1m", stdout);
		fputs(lines[i], stdout);
		fputs(bold ? "\033[0m\n" : "\n", stdout);
		free(lines[i]);
	}
	free(lines);
}

/* JSON; each element of an array of the outermost object has its line */

static char json_nesting[16];
static int json_depth;
static bool json_first = true;

static struct text json_out;

static void json_flush(void)
{
	fwrite(json_out.at, 1, json_out.used, stdout);
	json_out.used = 0;
}

static void json_put(const char *bytes)
{
	if (json_out.used > 32768)
		json_flush();
	text_string(&json_out, bytes);
}

static bool is_plain(const char *text)
{
	while (*text >= ' ' && *text < 0x7f && *text != '"' && *text != '\\')
		text++;
	return !*text;
}

static void json_put_text(const char *raw)
{
	char *text, *at;

	text_put(&json_out, "\"", 1);
	if (is_plain(raw)) {
		json_put(raw);
	} else {
		text = escaped(raw);
		for (at = text; *at; at++) {
			if (*at == '"' || *at == '\\')
				text_put(&json_out, "\\", 1);
			text_put(&json_out, at, 1);
		}
		free(text);
	}
	text_put(&json_out, "\"", 1);
}

/* The names of members need no escapes. */
static void json_key(const char *key)
{
	if (json_depth == 2 && json_nesting[1] == '[')
		json_put(json_first ? "\n" : ",\n");
	else if (!json_first)
		json_put(", ");
	json_first = false;
	if (!key)
		return;
	json_put("\"");
	json_put(key);
	json_put("\": ");
}

void json_open(const char *key, char bracket)
{
	json_key(key);
	text_put(&json_out, &bracket, 1);
	json_nesting[json_depth++] = bracket;
	json_first = true;
}

void json_close(void)
{
	json_put(json_nesting[--json_depth] == '[' ? "]" : "}");
	json_first = false;
}

void json_begin(const char *command)
{
	json_first = true;
	json_open(NULL, '{');
	json_number("version", JSON_VERSION);
	json_text("command", command);
}

void json_end(void)
{
	json_close();
	json_put("\n");
	json_flush();
}

void json_text(const char *key, const char *raw)
{
	json_key(key);
	if (raw)
		json_put_text(raw);
	else
		json_put("null");
}

void json_number(const char *key, u64 number)
{
	json_key(key);
	text_number(&json_out, number);
}

void json_signed(const char *key, s64 number)
{
	json_key(key);
	if (number < 0)
		json_put("-");
	text_number(&json_out, number < 0 ? -(u64)number : (u64)number);
}

void json_bool(const char *key, bool value)
{
	json_key(key);
	json_put(value ? "true" : "false");
}

void json_null(const char *key)
{
	json_text(key, NULL);
}

void json_total(const char *key, size_t buffers, u64 size)
{
	json_open(key, '{');
	json_number("buffers", buffers);
	json_number("size", size);
	json_close();
}

void json_visibility(const struct model *model)
{
	json_bool("complete", model->bufinfo && !model->hidden);
	json_number("hidden_processes", model->hidden);
}
