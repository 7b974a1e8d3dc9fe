/* The Kafka sink against librdkafka's own mock cluster: real protocol, faults on command. An owner
 * as the ledger loop is one drives it by its fd. The .c is included for the one fault that no
 * broker can cause: a fatal error inside the library. */
#include "sink/kafka.c"

#include <librdkafka/rdkafka_mock.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/wait.h>

#include <cmocka.h>

#define PARTITIONS 4
#define PRODUCE    0 /* ApiKey of a ProduceRequest */
#define HOST       "0193e5a0-0000-7000-8000-00000000000a"

struct cluster {
	rd_kafka_t *handle;
	rd_kafka_mock_cluster_t *mock;
	unsigned n_topics;
	char topic[32];
	struct sink_config config;
};

static void quiet(const rd_kafka_t *handle, int level, const char *facility, const char *text)
{
	(void)handle;
	(void)level;
	(void)facility;
	(void)text;
}

static rd_kafka_t *new_handle(rd_kafka_type_t type, const char *servers)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_t *handle;

	rd_kafka_conf_set_log_cb(conf, quiet);
	rd_kafka_conf_set(conf, "bootstrap.servers", servers, NULL, 0);
	rd_kafka_conf_set(conf, "fetch.wait.max.ms", "10", NULL, 0);
	handle = rd_kafka_new(type, conf, NULL, 0);
	assert_non_null(handle);
	return handle;
}

/* A cluster and a process for each test: they wait much and work little, so they run side by side.
 */
static int make_cluster(void **state)
{
	struct cluster *c = calloc(1, sizeof(*c));

	c->handle = new_handle(RD_KAFKA_PRODUCER, "");
	c->mock = rd_kafka_mock_cluster_new(c->handle, 3);
	c->config.kafka = strdup(rd_kafka_mock_cluster_bootstraps(c->mock));
	c->config.kafka_topic = c->topic;
	c->config.host_id = HOST;
	*state = c;
	return 0;
}

static int free_cluster(void **state)
{
	struct cluster *c = *state;

	rd_kafka_mock_cluster_destroy(c->mock);
	rd_kafka_destroy(c->handle);
	free(c->config.kafka);
	free(c);
	return 0;
}

static int make_topic(void **state)
{
	struct cluster *c = *state;

	snprintf(c->topic, sizeof(c->topic), "calls-%u", ++c->n_topics);
	rd_kafka_mock_topic_create(c->mock, c->topic, PARTITIONS, 3);
	rd_kafka_mock_clear_request_errors(c->mock, PRODUCE);
	rd_kafka_mock_broker_set_up(c->mock, -1);
	return 0;
}

/* --- the owner */

struct owner {
	struct sink *sink;
	int64_t n, next, acked; /* events 1 to n; next to offer */
	unsigned resubmits;
	size_t json_bytes; /* of event 1, when it is to be large */
};

static struct owner start(const struct cluster *c, int64_t n)
{
	struct owner o = { .n = n, .next = 1 };
	struct err err = { "" };

	if (kafka_sink.open(&c->config, 0, &o.sink, &err) < 0)
		fail_msg("%s", err.text);
	return o;
}

static bool offer(struct owner *o, int64_t seq)
{
	static char large[2000000];
	char json[64], id[32];
	struct sink_event event = { .seq = seq,
				    .type = SPAN("io.outlay.usage.v1"),
				    .time = SPAN("2026-11-25T09:40:37.123456Z") };

	snprintf(id, sizeof(id), "id-%d", (int)seq);
	snprintf(json, sizeof(json), "{\"event\":%d}", (int)seq);
	event.id = span_of(id);
	event.json = span_of(json);
	if (seq == 1 && o->json_bytes)
		event.json = (struct span){ large, o->json_bytes };
	return kafka_sink.submit(o->sink, &event);
}

static void pump(struct owner *o)
{
	int64_t before = o->acked;
	bool resubmit;

	kafka_sink.poll(o->sink, &o->acked, &resubmit);
	assert_true(o->acked >= before);
	assert_true(o->acked < o->next);
	if (resubmit) {
		o->resubmits++;
		o->next = o->acked + 1;
	}
	while (o->next <= o->n && offer(o, o->next))
		o->next++;
}

/* Pumps when the fd says so, and every second at the latest, until all is acknowledged. */
static void run_for(struct owner *o, int ms)
{
	int64_t end = now_ns() + ms * NS_PER_MS;

	while (o->acked < o->n && now_ns() < end) {
		struct pollfd fd = { .fd = kafka_sink.fd(o->sink), .events = POLLIN };
		int64_t left_ms = (end - now_ns()) / NS_PER_MS + 1;

		pump(o);
		if (o->acked < o->n)
			poll(&fd, 1, left_ms < 1000 ? (int)left_ms : 1000);
	}
}

static uint64_t count_of(const struct owner *o, size_t offset)
{
	const char *counters = (const char *)kafka_sink.counters(o->sink);

	return counter_read((const struct counter *)(counters + offset));
}

#define COUNT(o, name) count_of(o, offsetof(struct sink_counters, name))

static void assert_state(const struct owner *o, const char *text)
{
	char state[200];

	kafka_sink.describe(o->sink, state, sizeof(state));
	if (strncmp(state, text, strlen(text)) != 0)
		fail_msg("state is: %s", state);
}

/* --- an independent reader */

#define IDS_MAX 30000

struct readings {
	unsigned n, n_ids;
	unsigned char times[IDS_MAX + 1]; /* by seq */
	void (*inspect)(const rd_kafka_message_t *message, long seq);
};

static void assert_header(const rd_kafka_message_t *message, const char *name, const char *want)
{
	rd_kafka_headers_t *headers;
	const void *value;
	size_t bytes;

	assert_int_equal(rd_kafka_message_headers(message, &headers), 0);
	assert_int_equal(rd_kafka_header_get_last(headers, name, &value, &bytes), 0);
	assert_int_equal(bytes, strlen(want));
	assert_memory_equal(value, want, bytes);
}

static void take(struct readings *r, const rd_kafka_message_t *message)
{
	char json[64], id[32];
	long seq;

	snprintf(json, sizeof(json), "%.*s", (int)message->len, (const char *)message->payload);
	assert_int_equal(sscanf(json, "{\"event\":%ld}", &seq), 1);
	assert_true(seq >= 1 && seq <= IDS_MAX);
	snprintf(id, sizeof(id), "id-%ld", seq);
	assert_header(message, "ce_id", id);
	if (r->inspect)
		r->inspect(message, seq);
	r->n++;
	r->n_ids += !r->times[seq]++;
}

/* Reads until `want` ids are there, then a little longer for what should not be. */
static void read_back(const struct cluster *c, struct readings *r, unsigned want)
{
	rd_kafka_t *reader = new_handle(RD_KAFKA_CONSUMER, c->config.kafka);
	rd_kafka_topic_t *topic = rd_kafka_topic_new(reader, c->topic, NULL);
	rd_kafka_queue_t *queue = rd_kafka_queue_new(reader);
	int64_t end = now_ns() + 5 * NS_PER_SEC;

	for (int i = 0; i < PARTITIONS; i++)
		rd_kafka_consume_start_queue(topic, i, RD_KAFKA_OFFSET_BEGINNING, queue);
	while (now_ns() < end) {
		rd_kafka_message_t *message = rd_kafka_consume_queue(queue, 100);

		if (message && !message->err)
			take(r, message);
		else if (!message && r->n_ids >= want)
			break;
		if (message)
			rd_kafka_message_destroy(message);
	}
	for (int i = 0; i < PARTITIONS; i++)
		rd_kafka_consume_stop(topic, i);
	rd_kafka_queue_destroy(queue);
	rd_kafka_topic_destroy(topic);
	rd_kafka_destroy(reader);
}

/* All are there, and the sink says so. What was under way when a broker went may be there twice. */
static void assert_all_arrived(const struct cluster *c, struct owner *o, bool once)
{
	struct readings r = { 0 };

	read_back(c, &r, (unsigned)o->n);
	assert_int_equal(o->acked, o->n);
	assert_int_equal(r.n_ids, o->n);
	if (once)
		assert_int_equal(r.n, o->n);
	assert_int_equal(COUNT(o, acknowledged), o->n);
	assert_int_equal(COUNT(o, refused), 0);
	assert_state(o, "connected");
}

/* --- tests */

/* CloudEvents 1.0, Kafka protocol binding, binary content mode. */
static void inspect(const rd_kafka_message_t *message, long seq)
{
	char json[64];

	snprintf(json, sizeof(json), "{\"event\":%ld}", seq);
	assert_int_equal(message->len, strlen(json));
	assert_memory_equal(message->payload, json, message->len);
	assert_int_equal(message->key_len, strlen(HOST));
	assert_memory_equal(message->key, HOST, message->key_len);
	assert_header(message, "content-type", "application/json");
	assert_header(message, "ce_specversion", "1.0");
	assert_header(message, "ce_source", HOST);
	assert_header(message, "ce_type", "io.outlay.usage.v1");
	assert_header(message, "ce_time", "2026-11-25T09:40:37.123456Z");
}

static void test_messages_are_cloud_events(void **state)
{
	const struct cluster *c = *state;
	struct owner o = start(c, 20);
	struct readings r = { .inspect = inspect };

	assert_state(&o, "connecting");
	run_for(&o, 5000);
	assert_int_equal(o.acked, 20);
	assert_state(&o, "connected");
	read_back(c, &r, 20);
	assert_int_equal(r.n_ids, 20);
	assert_int_equal(r.n, 20);
	kafka_sink.close(o.sink);
}

static void test_more_than_fits_at_once(void **state)
{
	struct owner o = start(*state, IDS_MAX);

	run_for(&o, 10000);
	assert_all_arrived(*state, &o, true);
	assert_int_equal(o.resubmits, 0);
	assert_int_equal(COUNT(&o, submitted), IDS_MAX);
	kafka_sink.close(o.sink);
}

static void test_broker_away_at_start(void **state)
{
	const struct cluster *c = *state;
	struct owner o;

	rd_kafka_mock_broker_set_down(c->mock, -1);
	o = start(c, 12000);
	run_for(&o, 1000);
	/* The library's queue is full, and nothing is lost by that. */
	assert_int_equal(o.next, 10001);
	assert_int_equal(o.acked, 0);
	assert_state(&o, "not delivering since 2");
	rd_kafka_mock_broker_set_up(c->mock, -1);
	run_for(&o, 10000);
	assert_all_arrived(c, &o, true);
	kafka_sink.close(o.sink);
}

static void test_broker_goes_and_comes(void **state)
{
	const struct cluster *c = *state;
	struct owner o = start(c, 3000);

	run_for(&o, 5000);
	assert_int_equal(o.acked, 3000);
	rd_kafka_mock_broker_set_down(c->mock, -1);
	o.n = 6000;
	run_for(&o, 500);
	assert_int_equal(o.acked, 3000);
	rd_kafka_mock_broker_set_up(c->mock, -1);
	run_for(&o, 10000);
	assert_int_equal(o.acked, 6000);
	/* In the middle of what is under way. */
	o.n = IDS_MAX;
	run_for(&o, 20);
	rd_kafka_mock_broker_set_down(c->mock, -1);
	run_for(&o, 300);
	rd_kafka_mock_broker_set_up(c->mock, -1);
	run_for(&o, 10000);
	assert_all_arrived(c, &o, false);
	kafka_sink.close(o.sink);
}

static void test_errors_that_the_library_retries(void **state)
{
	const struct cluster *c = *state;
	struct owner o = start(c, 1000);

	rd_kafka_mock_push_request_errors(c->mock, PRODUCE, 4, RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
					  RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
					  RD_KAFKA_RESP_ERR__TRANSPORT,
					  RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS);
	run_for(&o, 10000);
	assert_all_arrived(c, &o, true);
	assert_int_equal(COUNT(&o, failed), 0);
	kafka_sink.close(o.sink);
}

static void test_errors_that_pass(void **state)
{
	const struct cluster *c = *state;
	struct owner o = start(c, 1000);
	int64_t begin = now_ns();

	rd_kafka_mock_push_request_errors(c->mock, PRODUCE, 1,
					  RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	run_for(&o, 400);
	assert_state(&o, "not delivering since 2");
	assert_int_equal(o.acked, 0);
	run_for(&o, 10000);
	assert_true(now_ns() - begin > 1 * NS_PER_SEC);
	assert_int_equal(o.resubmits, 1);
	assert_true(COUNT(&o, failed) >= 1);
	assert_int_equal(COUNT(&o, submitted), COUNT(&o, failed) + 1000);
	assert_all_arrived(c, &o, true);
	kafka_sink.close(o.sink);
}

static void test_pauses_double(void **state)
{
	static const int pauses_s[] = { 1, 2, 4, 8, 16, 30, 30 };
	struct sink *s = calloc(1, sizeof(*s));
	rd_kafka_message_t good = { .err = 0 };

	(void)state;
	s->pause_ns = PAUSE_MIN_NS;
	for (size_t i = 0; i < sizeof(pauses_s) / sizeof(pauses_s[0]); i++) {
		int64_t begin = now_ns(), pause_ns;

		s->go_back = false;
		go_back_later(s);
		go_back_later(s); /* one round of failures, one pause */
		pause_ns = s->go_back_at_ns - begin;
		assert_int_equal(pause_ns / NS_PER_SEC, pauses_s[i]);
	}
	on_report(NULL, &good, s);
	s->go_back = false;
	go_back_later(s);
	assert_true(s->go_back_at_ns < now_ns() + 2 * NS_PER_SEC);
	free(s);
}

/* A topic that takes smaller batches than the library makes. */
static void test_a_batch_is_refused(void **state)
{
	const struct cluster *c = *state;
	struct owner o = start(c, 10);

	rd_kafka_mock_push_request_errors(c->mock, PRODUCE, 1,
					  RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
	run_for(&o, 10000);
	assert_int_equal(COUNT(&o, failed), 10);
	assert_all_arrived(c, &o, true);
	kafka_sink.close(o.sink);
}

/* The batch of ten, then number 1 alone: it must not stand in the way for ever. */
static void test_an_event_is_refused(void **state)
{
	const struct cluster *c = *state;
	struct owner o = start(c, 10);
	struct readings r = { 0 };

	rd_kafka_mock_push_request_errors(c->mock, PRODUCE, 2, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE,
					  RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
	run_for(&o, 10000);
	assert_int_equal(o.acked, 10);
	assert_int_equal(COUNT(&o, refused), 1);
	assert_int_equal(COUNT(&o, acknowledged), 9);
	/* Then all go together again. */
	o.n = 500;
	run_for(&o, 2000);
	assert_int_equal(o.acked, 500);
	read_back(c, &r, 499);
	assert_int_equal(r.times[1], 0);
	assert_int_equal(r.n, 499);
	kafka_sink.close(o.sink);
}

static void test_an_event_is_too_large_for_the_library(void **state)
{
	const struct cluster *c = *state;
	struct owner o = start(c, 5);
	struct readings r = { 0 };

	o.json_bytes = 1500000;
	run_for(&o, 5000);
	assert_int_equal(o.acked, 5);
	assert_int_equal(COUNT(&o, refused), 1);
	read_back(c, &r, 4);
	assert_int_equal(r.n, 4);
	kafka_sink.close(o.sink);
}

static void test_a_fatal_error(void **state)
{
	const struct cluster *c = *state;
	struct owner o = start(c, 100);
	rd_kafka_t *first = o.sink->producer;

	run_for(&o, 5000);
	o.n = 200;
	pump(&o);
	assert_int_equal(o.next, 201);
	rd_kafka_test_fatal_error(first, RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, "test");
	run_for(&o, 10000);
	assert_int_equal(o.resubmits, 1);
	assert_all_arrived(c, &o, false);
	kafka_sink.close(o.sink);
}

/* The broker is not waited for, at the end as at the beginning. */
static void test_nothing_waits(void **state)
{
	const struct cluster *c = *state;
	int64_t begin = now_ns();
	struct owner o;

	rd_kafka_mock_broker_set_down(c->mock, -1);
	o = start(c, 1000);
	pump(&o);
	assert_int_equal(o.next, 1001);
	kafka_sink.close(o.sink);
	/* Now and then the library takes a second to stop its threads. */
	assert_true(now_ns() - begin < 3 * NS_PER_SEC);
}

static void test_configuration(void **state)
{
	static char *const bad[] = { ",", " , ", "" };
	struct sink_config config = { .host_id = HOST };
	struct sink *sink = NULL;

	(void)state;
	assert_false(kafka_sink.wanted(&config));
	config.kafka = "";
	assert_false(kafka_sink.wanted(&config));
	config.kafka = "localhost:9092";
	assert_true(kafka_sink.wanted(&config));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct err err = { "" };

		config.kafka = bad[i];
		assert_int_equal(kafka_sink.open(&config, 0, &sink, &err), -EINVAL);
		assert_non_null(strstr(err.text, "HOST:PORT"));
	}
	assert_null(sink);
}

/* One test in a process of its own. */
static pid_t run_apart(struct CMUnitTest test)
{
	const struct CMUnitTest tests[] = { test };
	pid_t pid = fork();

	if (pid == 0)
		exit(cmocka_run_group_tests(tests, make_cluster, free_cluster));
	return pid;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup(name, make_topic)
		TEST(test_messages_are_cloud_events),
		TEST(test_more_than_fits_at_once),
		TEST(test_broker_away_at_start),
		TEST(test_broker_goes_and_comes),
		TEST(test_errors_that_the_library_retries),
		TEST(test_errors_that_pass),
		cmocka_unit_test(test_pauses_double),
		TEST(test_a_batch_is_refused),
		TEST(test_an_event_is_refused),
		TEST(test_an_event_is_too_large_for_the_library),
		TEST(test_a_fatal_error),
		TEST(test_nothing_waits),
		cmocka_unit_test(test_configuration),
	};
	size_t failed = 0;
	int status;

	for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
		failed += run_apart(tests[i]) < 0;
	while (wait(&status) > 0)
		failed += status != 0;
	return failed > 0;
}
