/* Rows: what goes in comes out, and what stands in the file is what the schema says. */
#include "ledger/row.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"

static bool keep_verdict(void *ctx, int64_t seq, const struct verdict *v)
{
	(void)seq;
	*(struct verdict *)ctx = *v;
	return true;
}

/* Writes one event, reads it back. */
static void pass_through(struct ledger *ledger, const struct verdict *in, struct verdict *out)
{
	struct ledger_query query = { .uid = UINT32_MAX, .limit = 1 };
	int64_t seq;

	assert_int_equal(ledger_begin(ledger), 0);
	assert_int_equal(ledger_add(ledger, in, &seq), 0);
	assert_int_equal(ledger_commit(ledger), 0);
	query.after_seq = seq - 1;
	memset(out, 0xa5, sizeof(*out));
	assert_int_equal(ledger_events(ledger, &query, keep_verdict, out), 0);
}

static void assert_same_json(const struct verdict *a, const struct verdict *b)
{
	struct buf ja = buf_with_max(1 << 20), jb = buf_with_max(1 << 20);

	verdict_json(&ja, a, "host", "name");
	verdict_json(&jb, b, "host", "name");
	buf_put(&ja, (struct span){ "", 1 });
	buf_put(&jb, (struct span){ "", 1 });
	assert_false(ja.failed || jb.failed);
	assert_string_equal(ja.data, jb.data);
	buf_done(&ja);
	buf_done(&jb);
}

static void random_text(char *text, size_t size)
{
	static const char *const pieces[] = { "a", "'", "\"", "\\", "{", "\xc3\xa4", "%", "0" };
	size_t want = (size_t)rand() % size, len = 0;

	memset(text, 0, size);
	while (len + 2 < want) {
		const char *piece = pieces[rand() % 8];

		memcpy(text + len, piece, strlen(piece));
		len += strlen(piece);
	}
}

/* Any value of the member's type, its null and its ends among them. */
static void random_member(struct verdict *v, const struct verdict_field *field)
{
	static const uint64_t ends[] = { 0,          1,          UINT64_MAX, INT64_MAX,
					 1ull << 63, UINT32_MAX, UINT16_MAX, 12345 };
	void *at = (char *)v + field->offset;
	uint64_t value = ends[rand() % 8];

	switch (field->kind) {
	case FIELD_TEXT:
		random_text(at, field->size);
		break;
	case FIELD_BOOL:
		*(bool *)at = value & 1;
		break;
	case FIELD_ENUM:
		*(unsigned *)at = (unsigned)(value % field->n_names);
		break;
	case FIELD_TIME:
		*(int64_t *)at = (int64_t)(value >> 1);
		break;
	case FIELD_CUSTOM:
		break;
	default:
		memcpy(at, &value, field->size < sizeof(value) ? field->size : sizeof(value));
		break;
	}
}

static struct verdict random_verdict(int64_t n)
{
	struct verdict v = { 0 };

	for (unsigned i = 0; i < verdict_n_fields; i++)
		random_member(&v, &verdict_fields[i]);
	v.charge.usage.event_id = fixture_event(n).charge.usage.event_id;
	v.charge.usage.ttfb_ns = rand() % 2 ? -1 : rand() % 100000 * 1000LL;
	v.charge.cost_pico = v.charge.source == COST_UNPRICED ? 0 : rand();
	if (v.charge.source == COST_UNPRICED)
		v.charge.doubt = PRICE_DOUBT_NO_MODEL + (unsigned)(rand() % 3);
	snprintf(v.charge.usage.process.labels, sizeof(v.charge.usage.process.labels),
		 "team=%d,env=prod", rand());
	for (int i = 0; i < USAGE_BUCKET_MAX; i++) {
		v.charge.usage.counts[i] = rand();
		v.charge.rates_yocto[i] = (money_wide)rand() * rand();
	}
	v.charge.usage.present = (uint32_t)rand() & ((1u << USAGE_BUCKET_MAX) - 1);
	v.charge.rated = v.charge.usage.present;
	v.n_budgets = (unsigned)(rand() % (VERDICT_BUDGETS_MAX + 1));
	v.budget_cost_pico = v.n_budgets ? v.charge.cost_pico : 0;
	for (unsigned i = 0; i < v.n_budgets; i++) {
		snprintf(v.budgets[i].name, sizeof(v.budgets[i].name), "budget \"%u\"", i);
		v.budgets[i].window_start_ns = 1764547200000000000;
		v.budgets[i].spent_pico = (money_wide)rand() * rand() * 1000;
	}
	return v;
}

static void test_any_verdict_comes_back(void **state)
{
	struct fixture *f = *state;
	struct err err = { "" };
	struct ledger *ledger;
	struct verdict in, out;
	const char *given = getenv("SEED");
	unsigned seed = given ? (unsigned)strtoul(given, NULL, 10) : (unsigned)getpid();

	print_message("SEED=%u\n", seed);
	srand(seed);
	assert_int_equal(ledger_open(f->dir, &ledger, &err), 0);
	for (int64_t n = 1; n <= 300; n++) {
		in = random_verdict(n);
		pass_through(ledger, &in, &out);
		assert_same_json(&in, &out);
	}
	ledger_close(ledger);
}

static void test_a_call_of_which_nothing_is_known(void **state)
{
	struct fixture *f = *state;
	struct err err = { "" };
	struct ledger *ledger;
	struct verdict in = { .charge = { .source = COST_UNPRICED,
					  .doubt = PRICE_DOUBT_NO_MODEL } };
	struct verdict out;

	in.charge.usage.event_id.bytes[0] = 1;
	in.charge.usage.ttfb_ns = -1;
	in.charge.usage.process.uid = UINT32_MAX;
	assert_int_equal(ledger_open(f->dir, &ledger, &err), 0);
	pass_through(ledger, &in, &out);
	assert_memory_equal(&in, &out, sizeof(in));
	ledger_close(ledger);
}

/* As another program reads the file: the values of the schema's comments. */
static void test_columns_are_typed(void **state)
{
	static const char *const columns[][2] = {
		{ "hex(event_id)", "00000000000000070000000000000001" },
		{ "time_end", "1764000007500000000" },
		{ "typeof(time_end)", "integer" },
		{ "provider", "openai" },
		{ "model_requested IS NULL", "1" },
		{ "status IS NULL", "1" },
		{ "uid", "1" },
		{ "typeof(streaming)", "integer" },
		{ "usage", "{\"input\":7}" },
		{ "json_extract(usage, '$.input')", "7" },
		{ "cost_usd", "0.000007000021" },
		{ "typeof(cost_usd)", "text" },
		{ "cost_pico", "7000021" },
		{ "typeof(cost_pico)", "integer" },
		{ "cost_source", "catalog" },
		{ "unpriced_reason IS NULL", "1" },
		{ "completeness", "complete" },
		{ "duration_ms", "500.0" },
		{ "ttfb_ms", "0.007" },
		{ "decision_id IS NULL", "1" },
	};
	struct fixture *f = *state;
	sqlite3_stmt *stmt;
	sqlite3 *db;
	char sql[128];

	assert_int_equal(fixture_fill(f, 7), 0);
	assert_int_equal(sqlite3_open(f->db, &db), SQLITE_OK);
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++) {
		snprintf(sql, sizeof(sql), "SELECT %s FROM event WHERE seq = 7", columns[i][0]);
		assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
		assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
		assert_string_equal(sqlite3_column_text(stmt, 0), columns[i][1]);
		sqlite3_finalize(stmt);
	}
	sqlite3_close(db);
}

/* Values that the table's types allow and a field does not. */
static void test_foreign_values_are_refused(void **state)
{
	static const struct {
		const char *set;
		int want;
	} rows[] = {
		{ "exe = NULL", 0 },
		{ "exe = printf('%.*c', 1000, 'x')", 0 }, /* cut */
		{ "labels = NULL", 0 },
		{ "cost_source = 'guessed'", -EBADMSG },
		{ "completeness = ''", -EBADMSG },
		{ "uid = -1", -EBADMSG },
		{ "uid = 4294967296", -EBADMSG },
		{ "status = 65536", -EBADMSG },
		{ "streaming = 2", -EBADMSG },
		{ "event_id = x'00'", -EBADMSG },
		{ "decision_id = zeroblob(17)", -EBADMSG },
		{ "usage = '{'", -EBADMSG },
		{ "usage = '{\"no_bucket\":1}'", -EBADMSG },
		{ "cost_usd = '1e3'", -EBADMSG },
		{ "ttfb_ms = -2", -EBADMSG },
		{ "budgets = '[1]'", -EBADMSG },
	};
	struct fixture *f = *state;
	struct ledger_query query = { .uid = UINT32_MAX, .limit = 1 };
	struct err err = { "" };
	struct ledger *ledger;
	struct verdict out;
	sqlite3 *db;
	char sql[128];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unlink(f->db);
		assert_int_equal(fixture_fill(f, 1), 0);
		assert_int_equal(sqlite3_open(f->db, &db), SQLITE_OK);
		snprintf(sql, sizeof(sql), "UPDATE event SET %s", rows[i].set);
		assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
		sqlite3_close(db);
		assert_int_equal(ledger_open(f->dir, &ledger, &err), 0);
		if (ledger_events(ledger, &query, keep_verdict, &out) != rows[i].want)
			fail_msg("%s", rows[i].set);
		ledger_close(ledger);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(test_any_verdict_comes_back),
		TEST(test_a_call_of_which_nothing_is_known),
		TEST(test_columns_are_typed),
		TEST(test_foreign_values_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
