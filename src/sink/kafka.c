/* Kafka by librdkafka 2.0.2. The ledger is the outbox and this is its last metre: at most 10 000
 * messages or 16 MiB are in memory, every message carries its ticket (sink/flight.h); readers drop
 * duplicates by event id. The idempotent producer stays off: in this version it can die for
 * good ("rewound sequence number", librdkafka #3584). All calls come from the ledger loop, save
 * `describe` and `counters`, which may come from any thread and read atomics only. */
#include "sink/kafka.h"

#include <errno.h>
#include <sys/eventfd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/timestamp.h"
#include "sink/flight.h"
#include "sink/rdkafka.h"

#define PAUSE_MIN_NS (1 * NS_PER_SEC)
#define PAUSE_MAX_NS (30 * NS_PER_SEC)

struct sink {
	struct rdkafka kafka;
	rd_kafka_t *producer; /* NULL: could not be made anew yet */
	rd_kafka_topic_t *topic;
	int fd;
	char *brokers, *topic_name, *host_id;
	bool by_type; /* each event to the topic of its type */
	struct flight flight;
	bool go_back; /* something failed: nothing new is taken until the owner is told */
	int64_t go_back_at_ns, pause_ns;
	bool alone; /* something was refused: until `alone_until` one at a time */
	uint64_t alone_until, alone_ticket;
	rd_kafka_resp_err_t cause; /* why the last connection failed */
	_Atomic bool connected;
	_Atomic int trouble; /* rd_kafka_resp_err_t */
	_Atomic int64_t trouble_since_ns;
	struct sink_counters counters;
};

/* --- trouble */

static int64_t now_ns(void)
{
	return clock_system.monotonic_ns(&clock_system);
}

static void set_trouble(struct sink *s, rd_kafka_resp_err_t error)
{
	if (!atomic_load(&s->trouble))
		atomic_store(&s->trouble_since_ns, clock_system.now_ns(&clock_system));
	atomic_store(&s->trouble, error);
}

static void go_back_later(struct sink *s)
{
	if (s->go_back)
		return;
	s->go_back = true;
	s->go_back_at_ns = now_ns() + s->pause_ns;
	s->pause_ns = s->pause_ns * 2 < PAUSE_MAX_NS ? s->pause_ns * 2 : PAUSE_MAX_NS;
}

/* --- reports; rd_kafka_poll calls these */

static bool is_refusal(rd_kafka_resp_err_t error)
{
	return error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ||
	       error == RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE ||
	       error == RD_KAFKA_RESP_ERR_INVALID_RECORD;
}

static void pass_over(struct sink *s, uint64_t ticket)
{
	counter_add(&s->counters.refused, 1);
	flight_landed(&s->flight, ticket);
}

static void on_failure(struct sink *s, uint64_t ticket, rd_kafka_resp_err_t error)
{
	counter_add(&s->counters.failed, 1);
	if (is_refusal(error) && s->alone && ticket == s->alone_ticket) {
		pass_over(s, ticket);
		return;
	}
	flight_failed(&s->flight, ticket);
	if (is_refusal(error)) {
		s->alone = true;
		s->alone_until = s->flight.tail;
		s->go_back = true;
		s->go_back_at_ns = 0;
	} else {
		go_back_later(s);
	}
	/* A time-out only says that what is already known goes on. */
	if (error != RD_KAFKA_RESP_ERR__MSG_TIMED_OUT || !atomic_load(&s->trouble))
		set_trouble(s, error);
}

static void on_report(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque)
{
	uint64_t ticket = (uintptr_t)message->_private;
	struct sink *s = opaque;

	(void)producer;
	if (message->err) {
		on_failure(s, ticket, message->err);
		return;
	}
	flight_landed(&s->flight, ticket);
	counter_add(&s->counters.acknowledged, 1);
	s->pause_ns = PAUSE_MIN_NS;
	atomic_store(&s->connected, true);
	atomic_store(&s->trouble, 0);
}

/* One broker of several may be away without harm: it counts when there is no other. */
static void on_error(rd_kafka_t *producer, int error, const char *reason, void *opaque)
{
	struct sink *s = opaque;

	(void)producer;
	(void)reason;
	switch (error) {
	case RD_KAFKA_RESP_ERR__TRANSPORT:
	case RD_KAFKA_RESP_ERR__RESOLVE:
		s->cause = error;
		if (!atomic_load(&s->connected))
			set_trouble(s, error);
		break;
	case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
		atomic_store(&s->connected, false);
		set_trouble(s, s->cause ? s->cause : error);
		break;
	default:
		set_trouble(s, error);
		break;
	}
}

static int on_statistics(rd_kafka_t *producer, char *json, size_t bytes, void *opaque)
{
	static const char up[] = "\"state\":\"UP\"";
	struct sink *s = opaque;
	int trouble = atomic_load(&s->trouble);

	(void)producer;
	atomic_store(&s->connected, memmem(json, bytes, up, sizeof(up) - 1) != NULL);
	if (atomic_load(&s->connected) && trouble && trouble == (int)s->cause)
		atomic_store(&s->trouble, 0);
	return 0;
}

/* The library's own lines repeat what the callbacks above say; a stage does not log. */
static void on_log(const rd_kafka_t *producer, int level, const char *facility, const char *text)
{
	(void)producer;
	(void)level;
	(void)facility;
	(void)text;
}

/* --- the producer */

static rd_kafka_conf_t *make_conf(struct sink *s, struct err *err)
{
	rd_kafka_conf_t *conf = rdkafka_conf(&s->kafka, err);

	if (!conf)
		return NULL;
	s->kafka.conf_set_opaque(conf, s);
	s->kafka.conf_set_dr_msg_cb(conf, on_report);
	s->kafka.conf_set_error_cb(conf, on_error);
	s->kafka.conf_set_stats_cb(conf, on_statistics);
	s->kafka.conf_set_log_cb(conf, on_log);
	return conf;
}

static void drop_producer(struct sink *s)
{
	if (!s->producer)
		return;
	if (s->topic)
		s->kafka.topic_destroy(s->topic);
	s->topic = NULL;
	/* Destroying would wait for messages that are on their way. */
	s->kafka.purge(s->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT |
					RD_KAFKA_PURGE_F_NON_BLOCKING);
	s->kafka.destroy(s->producer);
	s->producer = NULL;
}

static int make_producer(struct sink *s, struct err *err)
{
	static const uint64_t one = 1;
	rd_kafka_conf_t *conf = make_conf(s, err);
	rd_kafka_queue_t *queue;
	char why[256];

	if (!conf)
		return -EINVAL;
	s->producer = s->kafka.new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
	if (!s->producer) {
		s->kafka.conf_destroy(conf);
		return err_set(err, -EINVAL, "kafka: %s", why);
	}
	/* With a handle on the topic the library asks for its leader at once, in the background. */
	s->topic = s->kafka.topic_new(s->producer, s->topic_name, NULL);
	if (!s->topic || s->kafka.brokers_add(s->producer, s->brokers) < 1) {
		drop_producer(s);
		return err_set(err, -EINVAL,
			       "kafka: '%s', topic '%s': expected HOST:PORT,HOST:PORT and a topic",
			       s->brokers, s->topic_name);
	}
	queue = s->kafka.queue_get_main(s->producer);
	s->kafka.queue_io_event_enable(queue, s->fd, &one, sizeof(one));
	s->kafka.queue_destroy(queue);
	return 0;
}

static rd_kafka_resp_err_t produce(struct sink *s, const struct sink_event *e, uint64_t ticket)
{
	const char *topic = s->by_type ? e->type.ptr + sizeof("io.") - 1 : s->topic_name;

#define HEADER(name, span) RD_KAFKA_V_HEADER(name, (span).ptr, (ssize_t)(span).len)
	return s->kafka.producev(
	    s->producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
	    RD_KAFKA_V_KEY(s->host_id, strlen(s->host_id)),
	    RD_KAFKA_V_VALUE((void *)(uintptr_t)e->json.ptr, e->json.len),
	    RD_KAFKA_V_OPAQUE((void *)(uintptr_t)ticket),
	    HEADER("content-type", SPAN("application/json")), HEADER("ce_specversion", SPAN("1.0")),
	    HEADER("ce_id", e->id), HEADER("ce_source", span_of(s->host_id)),
	    HEADER("ce_type", e->type), HEADER("ce_time", e->time), RD_KAFKA_V_END);
#undef HEADER
}

/* --- the sink */

static unsigned kafka_wanted(const struct sink_config *config)
{
	return config->kafka && config->kafka[0];
}

static void kafka_close(struct sink *s)
{
	if (!s)
		return;
	drop_producer(s);
	if (s->fd >= 0)
		close(s->fd);
	free(s->brokers);
	free(s->topic_name);
	free(s->host_id);
	free(s);
}

CLEANUP_FOR(sink, struct sink *, kafka_close)

static int open_topic(const struct sink_config *config, const char *topic, struct sink **ret_sink,
		      struct err *err)
{
	CLEANUP(cleanup_sink) struct sink *s = calloc(1, sizeof(*s));
	int code;

	if (!s)
		return err_set(err, -ENOMEM, "kafka: out of memory");
	s->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	s->brokers = strdup(config->kafka);
	s->topic_name = strdup(topic);
	s->host_id = strdup(config->host_id);
	s->pause_ns = PAUSE_MIN_NS;
	s->alone_ticket = UINT64_MAX;
	if (s->fd < 0 || !s->brokers || !s->topic_name || !s->host_id)
		return err_set(err, -ENOMEM, "kafka: out of memory or of file descriptors");
	code = rdkafka_load(&s->kafka, err);
	if (code == 0)
		code = make_producer(s, err);
	if (code < 0)
		return code;
	*ret_sink = TAKE_PTR(s);
	return 0;
}

static int kafka_open(const struct sink_config *config, unsigned index, struct sink **ret_sink,
		      struct err *err)
{
	(void)index;
	return open_topic(config, config->kafka_topic ?: KAFKA_TOPIC, ret_sink, err);
}

static int alerts_open(const struct sink_config *config, unsigned index, struct sink **ret_sink,
		       struct err *err)
{
	int code = open_topic(config, KAFKA_ALERTS_TOPIC, ret_sink, err);

	(void)index;
	if (code == 0)
		(*ret_sink)->by_type = true;
	return code;
}

/* Whether an event may go now; alone, when one before it was refused. */
static bool may_send(struct sink *s, uint64_t ticket)
{
	if (s->alone && s->flight.head >= s->alone_until)
		s->alone = false;
	if (!s->alone)
		return true;
	if (s->flight.n_pending)
		return false;
	s->alone_ticket = ticket;
	return true;
}

static bool kafka_submit(struct sink *s, const struct sink_event *event)
{
	enum flight_answer answer;
	rd_kafka_resp_err_t error;
	uint64_t ticket;

	if (s->go_back || !s->producer)
		return false;
	answer = flight_offer(&s->flight, event->seq, &ticket);
	if (answer != FLIGHT_SEND)
		return answer == FLIGHT_SKIP;
	if (!may_send(s, ticket))
		return false;
	error = produce(s, event, ticket);
	if (!error || is_refusal(error)) {
		flight_sent(&s->flight, ticket, event->seq);
		counter_add(&s->counters.submitted, 1);
		if (error)
			pass_over(s, ticket);
		return true;
	}
	if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
		set_trouble(s, error);
		go_back_later(s);
	}
	return false;
}

static void kafka_poll(struct sink *s, int64_t *ret_acked_seq, bool *ret_resubmit)
{
	uint64_t count;

	(void)!read(s->fd, &count, sizeof(count));
	if (s->producer)
		s->kafka.poll(s->producer, 0);
	if (s->producer && s->kafka.fatal_error(s->producer, NULL, 0)) {
		drop_producer(s);
		flight_failed_all(&s->flight);
		go_back_later(s);
	}
	if (s->flight.acked_seq > *ret_acked_seq)
		*ret_acked_seq = s->flight.acked_seq;
	*ret_resubmit = false;
	if (!s->go_back || now_ns() < s->go_back_at_ns)
		return;
	s->go_back = false;
	*ret_resubmit = s->producer || make_producer(s, NULL) == 0;
	if (!*ret_resubmit)
		go_back_later(s);
}

static int kafka_fd(const struct sink *s)
{
	return s->fd;
}

static const struct sink_counters *kafka_counters(const struct sink *s)
{
	return &s->counters;
}

static void kafka_describe(const struct sink *s, char *out, size_t size)
{
	int trouble = atomic_load(&s->trouble);
	char since[TIMESTAMP_TEXT_MAX];

	if (trouble)
		snprintf(out, size, "not delivering since %s: %s",
			 timestamp_format(atomic_load(&s->trouble_since_ns), since),
			 s->kafka.err2str(trouble));
	else
		snprintf(out, size, "%s", atomic_load(&s->connected) ? "connected" : "connecting");
}

#define KIND(name_, stream_, open_)                                                                \
	{                                                                                          \
		.name = (name_), .stream = (stream_), .wanted = kafka_wanted, .open = (open_),     \
		.close = kafka_close, .submit = kafka_submit, .poll = kafka_poll, .fd = kafka_fd,  \
		.counters = kafka_counters, .describe = kafka_describe,                            \
	}

const struct sink_kind kafka_sink = KIND("kafka", SINK_CALLS, kafka_open);
const struct sink_kind kafka_alerts_sink = KIND("kafka.alerts", SINK_ALERTS, alerts_open);
