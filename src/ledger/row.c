/* Binding and reading by kind of field. What a person should see in the file stands there: custom
 * values are the event's JSON: numbers become numbers by the column's type, strings lose their
 * quotes, objects and lists stay JSON. No string of a custom field starts with a bracket, so what a
 * text was can be told. */
#include "ledger/row.h"

#include <errno.h>

/* --- which column where */

static bool has_column(sqlite3 *db, const char *table, const char *column)
{
	return sqlite3_table_column_metadata(db, NULL, table, column, NULL, NULL, NULL, NULL,
					     NULL) == SQLITE_OK;
}

/* Every value that a table may have a column for. Returns false past the last one. */
static bool candidate(unsigned i, struct row_column *column)
{
	if (i < verdict_n_fields) {
		*column = (struct row_column){ verdict_fields[i].name, &verdict_fields[i], 0 };
		return true;
	}
	i -= verdict_n_fields;
	if (i < verdict_n_parts) {
		*column = (struct row_column){ verdict_parts[i].name, &verdict_parts[i], 0 };
		return true;
	}
	i -= verdict_n_parts;
	if (i < USAGE_BUCKET_MAX)
		*column = (struct row_column){ usage_bucket_name(i), NULL, i };
	return i < USAGE_BUCKET_MAX;
}

int row_layout(sqlite3 *db, const char *const *tables, unsigned n_tables,
	       struct row_layout *ret_layout)
{
	struct row_layout layout = { .n_tables = n_tables };
	struct row_column column;
	unsigned n = 0;

	for (unsigned t = 0; t < n_tables; t++) {
		for (unsigned i = 0; candidate(i, &column); i++) {
			if (!has_column(db, tables[t], column.name))
				continue;
			if (n == ROW_COLUMNS_MAX)
				return -ENOSPC;
			layout.columns[n++] = column;
		}
		layout.tables[t] = tables[t];
		layout.end[t] = n;
	}
	*ret_layout = layout;
	return 0;
}

unsigned row_first(const struct row_layout *layout, unsigned table)
{
	return table ? layout->end[table - 1] : 0;
}

void row_names(struct buf *out, const struct row_layout *layout, unsigned table)
{
	for (unsigned i = row_first(layout, table); i < layout->end[table]; i++)
		buf_printf(out, ",%s", layout->columns[i].name);
}

void row_places(struct buf *out, const struct row_layout *layout, unsigned table)
{
	for (unsigned i = row_first(layout, table); i < layout->end[table]; i++)
		buf_put(out, SPAN(",?"));
}

/* --- to a row */

static int bind_text(sqlite3_stmt *stmt, int at, struct span text)
{
	if (!text.len)
		return sqlite3_bind_null(stmt, at);
	return sqlite3_bind_text(stmt, at, text.ptr, (int)text.len, SQLITE_STATIC);
}

static int bind_custom(sqlite3_stmt *stmt, int at, struct span json)
{
	if (span_eq(json, SPAN("null")))
		return sqlite3_bind_null(stmt, at);
	if (json.len >= 2 && json.ptr[0] == '"')
		json = span_head(span_skip(json, 1), json.len - 2);
	return sqlite3_bind_text(stmt, at, json.ptr, (int)json.len, SQLITE_TRANSIENT);
}

static int bind_field(sqlite3_stmt *stmt, int at, const struct verdict_field *field,
		      const struct verdict *v, struct buf *scratch)
{
	const void *member = (const char *)v + field->offset;

	switch (field->kind) {
	case FIELD_TEXT:
		return bind_text(stmt, at, (struct span){ member, strnlen(member, field->size) });
	case FIELD_UINT16:
		if (!*(const uint16_t *)member)
			return sqlite3_bind_null(stmt, at);
		return sqlite3_bind_int64(stmt, at, *(const uint16_t *)member);
	case FIELD_UINT32:
		if (*(const uint32_t *)member == UINT32_MAX)
			return sqlite3_bind_null(stmt, at);
		return sqlite3_bind_int64(stmt, at, *(const uint32_t *)member);
	case FIELD_COUNT:
		if (!*(const uint64_t *)member)
			return sqlite3_bind_null(stmt, at);
		return sqlite3_bind_int64(stmt, at, (int64_t) * (const uint64_t *)member);
	case FIELD_UINT64:
		return sqlite3_bind_int64(stmt, at, (int64_t) * (const uint64_t *)member);
	case FIELD_BOOL:
		return sqlite3_bind_int64(stmt, at, *(const bool *)member);
	case FIELD_TIME:
		return sqlite3_bind_int64(stmt, at, *(const int64_t *)member);
	case FIELD_UUID:
		if (uuid_is_zero(member))
			return sqlite3_bind_null(stmt, at);
		return sqlite3_bind_blob(stmt, at, member, UUID_BYTES, SQLITE_STATIC);
	case FIELD_ENUM:
		return bind_text(stmt, at, span_of(field->names[*(const unsigned *)member]));
	case FIELD_CUSTOM:
		buf_reset(scratch);
		field->write(scratch, v);
		return scratch->failed ? SQLITE_NOMEM : bind_custom(stmt, at, buf_span(scratch));
	}
	return SQLITE_MISUSE;
}

static int bind_count(sqlite3_stmt *stmt, int at, enum usage_bucket bucket,
		      const struct usage *usage)
{
	if (!(usage->present >> bucket & 1))
		return sqlite3_bind_null(stmt, at);
	return sqlite3_bind_int64(stmt, at, usage->counts[bucket]);
}

int row_bind(sqlite3_stmt *stmt, int first, const struct row_layout *layout, unsigned table,
	     const struct verdict *verdict, struct buf *scratch)
{
	unsigned begin = row_first(layout, table);

	for (unsigned i = begin; i < layout->end[table]; i++) {
		const struct row_column *column = &layout->columns[i];
		int at = first + (int)(i - begin);

		if (column->field ? bind_field(stmt, at, column->field, verdict, scratch)
				  : bind_count(stmt, at, column->bucket, &verdict->charge.usage))
			return -ENOMEM;
	}
	return 0;
}

void row_key(struct buf *out, const struct row_layout *layout, unsigned table,
	     const struct verdict *verdict)
{
	for (unsigned i = row_first(layout, table); i < layout->end[table]; i++) {
		const struct verdict_field *field = layout->columns[i].field;
		const char *member = (const char *)verdict + field->offset;

		if (field->kind == FIELD_CUSTOM)
			field->write(out, verdict);
		else if (field->kind == FIELD_TEXT)
			buf_put(out, (struct span){ member, strnlen(member, field->size) });
		else
			buf_put(out, (struct span){ member, field->size });
		buf_put(out, (struct span){ "", 1 });
	}
}

/* --- from a row */

static struct span column_text(sqlite3_stmt *stmt, int at)
{
	const char *text = (const char *)sqlite3_column_text(stmt, at);

	return (struct span){ text, text ? (size_t)sqlite3_column_bytes(stmt, at) : 0 };
}

static int read_integer(sqlite3_stmt *stmt, int at, int64_t null, int64_t max, int64_t *ret_value)
{
	int64_t value = null;

	switch (sqlite3_column_type(stmt, at)) {
	case SQLITE_NULL:
		break;
	case SQLITE_INTEGER:
		value = sqlite3_column_int64(stmt, at);
		if (max && (value < 0 || value > max))
			return -EBADMSG;
		break;
	default:
		return -EBADMSG;
	}
	*ret_value = value;
	return 0;
}

static int read_uuid(sqlite3_stmt *stmt, int at, struct uuid *id)
{
	const void *bytes = sqlite3_column_blob(stmt, at);

	if (sqlite3_column_type(stmt, at) == SQLITE_NULL)
		return 0;
	if (sqlite3_column_type(stmt, at) != SQLITE_BLOB || !bytes ||
	    sqlite3_column_bytes(stmt, at) != UUID_BYTES)
		return -EBADMSG;
	memcpy(id->bytes, bytes, UUID_BYTES);
	return 0;
}

static int read_enum(sqlite3_stmt *stmt, int at, const struct verdict_field *field,
		     unsigned *ret_value)
{
	struct span name = column_text(stmt, at);

	for (unsigned i = 0; i < field->n_names; i++)
		if (span_eq(name, span_of(field->names[i]))) {
			*ret_value = i;
			return 0;
		}
	return name.ptr ? -EBADMSG : 0;
}

static int read_custom(sqlite3_stmt *stmt, int at, const struct verdict_field *field,
		       struct buf *scratch, struct verdict *v)
{
	struct span value = column_text(stmt, at);
	bool quoted;

	if (!field->read)
		return 0;
	/* NULL is null; or "not recorded then", where null is not a value of the field. */
	if (!value.ptr) {
		(void)field->read(SPAN("null"), v);
		return 0;
	}
	quoted = sqlite3_column_type(stmt, at) == SQLITE_TEXT && !span_starts(value, SPAN("{")) &&
		 !span_starts(value, SPAN("["));
	buf_reset(scratch);
	buf_put(scratch, quoted ? SPAN("\"") : SPAN(""));
	buf_put(scratch, value);
	buf_put(scratch, quoted ? SPAN("\"") : SPAN(""));
	return scratch->failed ? -EBADMSG : field->read(buf_span(scratch), v);
}

static int read_field(sqlite3_stmt *stmt, int at, const struct verdict_field *field,
		      struct buf *scratch, struct verdict *v)
{
	void *member = (char *)v + field->offset;
	int64_t value = 0;
	int code;

	switch (field->kind) {
	case FIELD_TEXT:
		span_copy(column_text(stmt, at), member, field->size);
		return 0;
	case FIELD_UINT16:
		code = read_integer(stmt, at, 0, UINT16_MAX, &value);
		*(uint16_t *)member = (uint16_t)value;
		return code;
	case FIELD_UINT32:
		code = read_integer(stmt, at, UINT32_MAX, UINT32_MAX, &value);
		*(uint32_t *)member = (uint32_t)value;
		return code;
	case FIELD_COUNT:
	case FIELD_UINT64:
		code = read_integer(stmt, at, 0, 0, &value);
		*(uint64_t *)member = (uint64_t)value;
		return code;
	case FIELD_BOOL:
		code = read_integer(stmt, at, 0, 1, &value);
		*(bool *)member = value;
		return code;
	case FIELD_TIME:
		return read_integer(stmt, at, 0, 0, member);
	case FIELD_UUID:
		return read_uuid(stmt, at, member);
	case FIELD_ENUM:
		return read_enum(stmt, at, field, member);
	case FIELD_CUSTOM:
		return read_custom(stmt, at, field, scratch, v);
	}
	return -EBADMSG;
}

static int read_count(sqlite3_stmt *stmt, int at, enum usage_bucket bucket, struct usage *usage)
{
	if (sqlite3_column_type(stmt, at) == SQLITE_NULL)
		return 0;
	usage->present |= USAGE_BIT(bucket);
	return read_integer(stmt, at, 0, 0, &usage->counts[bucket]);
}

int row_read(sqlite3_stmt *stmt, int first, const struct row_layout *layout, struct buf *scratch,
	     struct verdict *ret_verdict)
{
	struct verdict verdict = { 0 };

	for (unsigned i = 0; i < layout->end[layout->n_tables - 1]; i++) {
		const struct row_column *column = &layout->columns[i];
		int at = first + (int)i;
		int code = column->field
			       ? read_field(stmt, at, column->field, scratch, &verdict)
			       : read_count(stmt, at, column->bucket, &verdict.charge.usage);

		if (code < 0)
			return code;
	}
	*ret_verdict = verdict;
	return 0;
}
