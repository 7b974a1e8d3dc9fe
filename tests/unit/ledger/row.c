/* Rows: what goes in comes out, and what stands in the file is what the schema says. */
#include "ledger/row.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "fixture.h"

static bool keep_verdict(void *ctx, int64_t seq, const struct verdict *v)
{
	(void)seq;
	assert_non_null(v);
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
	v.charge.usage.process.labels_known = true;
	snprintf(v.charge.usage.process.labels, sizeof(v.charge.usage.process.labels),
		 "team=%d,env=prod", rand());
	for (int i = 0; i < USAGE_BUCKET_MAX; i++) {
		v.charge.usage.counts[i] = rand();
		v.charge.rates_yocto[i] = (money_wide)rand() * rand();
	}
	v.charge.usage.present =
	    ((uint64_t)rand() << 31 | (uint64_t)rand()) & (USAGE_BIT(USAGE_BUCKET_MAX) - 1);
	v.charge.rated = v.charge.usage.present;
	v.n_budgets = (unsigned)(rand() % (VERDICT_BUDGETS_MAX + 1));
	v.budget_cost_pico = v.n_budgets ? v.charge.cost_pico : 0;
	for (unsigned i = 0; i < v.n_budgets; i++) {
		snprintf(v.budgets[i].name, sizeof(v.budgets[i].name), "budget \"%u\"", i);
		v.budgets[i].window_start_ns = 1764547200000000000;
		v.budgets[i].spent = (money_wide)rand() * rand() * 1000;
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
		{ "input", "7" },
		{ "output IS NULL", "1" },
		{ "usd", "7.000021e-06" },
		{ "ended", "2025-11-24T16:00:07.500Z" },
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

/* Bit n is set when event n was said, bit n + 8 when it came without a verdict. */
static bool keep_said(void *ctx, int64_t seq, const struct verdict *v)
{
	*(unsigned *)ctx |= 1u << (v ? seq : seq + 8);
	return true;
}

#define BOTH_SAID   (1u << 1 | 1u << 2)
#define SECOND_SAID (1u << 9 | 1u << 2)

/* Changes the first of two events as another program might: what is said of the two then? */
static unsigned said_after(const struct fixture *f, const char *sql)
{
	struct ledger_query query = { .uid = UINT32_MAX, .limit = 9 };
	struct err err = { "" };
	struct ledger *ledger;
	unsigned said = 0;
	sqlite3 *db;

	unlink(f->db);
	assert_int_equal(fixture_fill(f, 2), 0);
	assert_int_equal(sqlite3_open(f->db, &db), SQLITE_OK);
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	sqlite3_close(db);
	assert_int_equal(ledger_open(f->dir, &ledger, &err), 0);
	assert_int_equal(ledger_events(ledger, &query, keep_said, &said), 0);
	ledger_close(ledger);
	return said;
}

/* Values that the table's types allow and a field does not: the row is left out, the next comes. */
static void test_foreign_values_are_passed_over(void **state)
{
	static const struct {
		const char *set;
		unsigned want;
	} rows[] = {
		{ "caller SET exe = NULL", BOTH_SAID },
		{ "caller SET exe = printf('%.*c', 1000, 'x')", BOTH_SAID }, /* cut */
		{ "caller SET labels = NULL", BOTH_SAID },
		{ "service SET completeness = ''", SECOND_SAID },
		{ "call SET uid = -1", SECOND_SAID },
		{ "call SET uid = 4294967296", SECOND_SAID },
		{ "service SET status = 65536", SECOND_SAID },
		{ "service SET streaming = 2", SECOND_SAID },
		{ "call SET event_id = x'00'", SECOND_SAID },
		{ "call SET decision_id = zeroblob(17)", SECOND_SAID },
		{ "service SET rates = '{'", SECOND_SAID },
		{ "service SET rates = '{\"no_bucket\":\"1\"}'", SECOND_SAID },
		{ "call SET budget_cost_usd = '1e3'", SECOND_SAID },
		{ "call SET spent_usd = '[\"1\"]'", SECOND_SAID }, /* of no window */
		{ "call SET spent_usd = '[1]'", SECOND_SAID },
		{ "call SET caller = 77", SECOND_SAID },
		{ "call SET service = NULL", SECOND_SAID },
		{ "call SET ttfb_ms = -2", SECOND_SAID },
		{ "service SET windows = '[1]'", SECOND_SAID },
	};
	char sql[128];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(sql, sizeof(sql), "UPDATE %s WHERE rowid = 1", rows[i].set);
		if (said_after(*state, sql) != rows[i].want)
			fail_msg("%s", rows[i].set);
	}
}

/* A later release may add a name to any enum. */
static void test_enums_of_a_later_release_are_passed_over(void **state)
{
	unsigned n_enums = 0;
	char sql[128];

	for (unsigned i = 0; i < verdict_n_fields; i++) {
		const struct verdict_field *field = &verdict_fields[i];

		if (field->kind != FIELD_ENUM && strcmp(field->name, "unpriced_reason") != 0)
			continue;
		n_enums++;
		snprintf(sql, sizeof(sql), "UPDATE service SET %s = 'of_2030' WHERE service = 1",
			 field->name);
		if (said_after(*state, sql) != SECOND_SAID)
			fail_msg("%s", field->name);
	}
	assert_true(n_enums >= 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
		TEST(test_any_verdict_comes_back),
		TEST(test_a_call_of_which_nothing_is_known),
		TEST(test_columns_are_typed),
		TEST(test_foreign_values_are_passed_over),
		TEST(test_enums_of_a_later_release_are_passed_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
