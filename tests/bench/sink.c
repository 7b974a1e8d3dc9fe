/* Speed of the Kafka sink beside a bare producer of librdkafka: sink BROKER [EVENTS]. Both send the
 * same bytes with acks=all and lz4, in turns, and wait for every acknowledgement. Prints one JSON
 * line a figure, the medians of the rounds. */
#include "sink/sink.h"

#include <librdkafka/rdkafka.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "sink/kafka.h"

#define ROUNDS  5
#define TOPIC   "bench"
#define HOST_ID "0193e5a0-0000-7000-8000-00000000000a"
#define TIME    "2026-11-25T09:40:37.123456Z"

struct cost {
	double events_per_second, cpu_us;
};

static void fail(const char *what)
{
	fprintf(stderr, "sink: %s\n", what);
	exit(1);
}

static int64_t now_ns(void)
{
	return clock_system.monotonic_ns(&clock_system);
}

static double cpu_us(void)
{
	struct rusage r;

	getrusage(RUSAGE_SELF, &r);
	return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1e6 +
	       (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec);
}

/* An event of a chat call as published, 1.2 KB. */
static struct span event_json(int64_t seq)
{
	static char json[2048];
	int n = snprintf(
	    json, sizeof(json),
	    "{\"event_id\":\"01a21433-b4d7-74e7-96c2-%012llx\",\"time_start\":\"" TIME "\","
	    "\"time_end\":\"" TIME "\",\"host_id\":\"" HOST_ID "\",\"host_name\":\"build-7\","
	    "\"pid\":48213,\"exe\":\"/usr/bin/python3.11\",\"comm\":\"python3\",\"uid\":1000,"
	    "\"user\":\"build\",\"cgroup\":8817,\"labels\":{\"team\":\"search\",\"env\":\"prod\"},"
	    "\"provider\":\"openai\",\"server\":\"api.openai.com\",\"operation\":\"chat\","
	    "\"route\":\"POST /v1/chat/completions\",\"method\":\"POST\",\"status\":200,"
	    "\"model\":\"gpt-4o-mini-2024-07-18\",\"request_id\":\"req_%032llx\","
	    "\"usage\":{\"input\":%d,\"output\":%d},\"cost_usd\":\"0.000%06d\","
	    "\"rates\":{\"input\":\"0.00000015\",\"output\":\"0.0000006\"}}",
	    (unsigned long long)seq, (unsigned long long)seq * 2654435761u,
	    (int)(seq * 7919 % 9000), (int)(seq * 101 % 1500), (int)(seq * 31 % 1000000));

	return (struct span){ json, (size_t)n };
}

/* --- by the sink, as the ledger loop drives it */

static struct cost by_sink(char *broker, int64_t n)
{
	struct sink_config config = { .kafka = broker,
				      .kafka_topic = (char *)(uintptr_t)TOPIC,
				      .host_id = HOST_ID };
	struct sink_event event = { .id = SPAN("01a21433-b4d7-74e7-96c2-dfcd1da1ccf7"),
				    .type = SPAN("io.outlay.usage.v1"),
				    .time = SPAN(TIME) };
	struct err err = { "" };
	struct sink *sink;
	int64_t next = 1, acked = 0, start = 0;
	double cpu = 0;

	if (kafka_sink.open(&config, 0, &sink, &err) < 0)
		fail(err.text);
	/* The first event is the connection's: the clock runs from its arrival. */
	while (acked < n) {
		struct pollfd fd = { .fd = kafka_sink.fd(sink), .events = POLLIN };
		int64_t last = start ? n : 1;
		bool resubmit;

		for (; next <= last; next++) {
			event.seq = next;
			event.json = event_json(next);
			if (!kafka_sink.submit(sink, &event))
				break;
		}
		poll(&fd, 1, 1000);
		kafka_sink.poll(sink, &acked, &resubmit);
		if (resubmit)
			next = acked + 1;
		if (acked && !start) {
			start = now_ns();
			cpu = cpu_us();
		}
	}
	cpu = (cpu_us() - cpu) / (double)n;
	start = now_ns() - start;
	kafka_sink.close(sink);
	return (struct cost){ (double)n * 1e9 / (double)start, cpu };
}

/* --- bare */

static void on_report(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque)
{
	(void)producer;
	if (message->err)
		fail(rd_kafka_err2str(message->err));
	++*(int64_t *)opaque;
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
	char why[256];

	if (rd_kafka_conf_set(conf, name, value, why, sizeof(why)) != RD_KAFKA_CONF_OK)
		fail(why);
}

static void send_bare(rd_kafka_t *producer, rd_kafka_topic_t *topic, int64_t first, int64_t last)
{
	for (int64_t i = first; i <= last; i++) {
		struct span json = event_json(i);

		while (rd_kafka_produce(topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY,
					(void *)(uintptr_t)json.ptr, json.len, HOST_ID,
					sizeof(HOST_ID) - 1, NULL))
			rd_kafka_poll(producer, 10);
		rd_kafka_poll(producer, 0);
	}
	rd_kafka_flush(producer, 30000);
}

static struct cost bare(const char *broker, int64_t n)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	int64_t reports = 0, start;
	rd_kafka_topic_t *topic;
	rd_kafka_t *producer;
	char why[256];
	double cpu;

	set(conf, "bootstrap.servers", broker);
	set(conf, "acks", "all");
	set(conf, "compression.codec", "lz4");
	set(conf, "linger.ms", "50");
	set(conf, "queue.buffering.max.messages", "10000");
	rd_kafka_conf_set_dr_msg_cb(conf, on_report);
	rd_kafka_conf_set_opaque(conf, &reports);
	producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
	if (!producer)
		fail(why);
	topic = rd_kafka_topic_new(producer, TOPIC, NULL);
	send_bare(producer, topic, 1, 1);
	start = now_ns();
	cpu = cpu_us();
	send_bare(producer, topic, 2, n);
	cpu = (cpu_us() - cpu) / (double)n;
	start = now_ns() - start;
	if (reports != n)
		fail("the bare producer lost events");
	rd_kafka_topic_destroy(topic);
	rd_kafka_destroy(producer);
	return (struct cost){ (double)n * 1e9 / (double)start, cpu };
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values)
{
	qsort(values, ROUNDS, sizeof(*values), compare);
	return values[ROUNDS / 2];
}

static void print(const char *name, double *ours, double *floor, const char *unit)
{
	printf("{\"name\":\"%s\",\"value\":%.2f,\"unit\":\"%s\",\"floor\":%.2f}\n", name,
	       median(ours), unit, median(floor));
}

int main(int argc, char **argv)
{
	double rate[ROUNDS], cpu[ROUNDS], floor_rate[ROUNDS], floor_cpu[ROUNDS];
	int64_t n = argc > 2 ? strtoll(argv[2], NULL, 10) : 200000;

	if (argc < 2) {
		fprintf(stderr, "usage: %s BROKER [EVENTS]\n", argv[0]);
		return 2;
	}
	for (int i = 0; i < ROUNDS; i++) {
		struct cost ours = by_sink(argv[1], n), floor = bare(argv[1], n);

		rate[i] = ours.events_per_second;
		cpu[i] = ours.cpu_us;
		floor_rate[i] = floor.events_per_second;
		floor_cpu[i] = floor.cpu_us;
	}
	print("sink_kafka_events_per_second", rate, floor_rate, "1/s");
	print("sink_kafka_cpu_per_event", cpu, floor_cpu, "us");
	return 0;
}
