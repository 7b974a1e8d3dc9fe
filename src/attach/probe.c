/* Symbols -> places -> links. All that a file has is planned first; then the return side is tied
 * before the entry side, so that no call is entered that nobody ends. */
#include "attach/probe.h"

#include <bpf/libbpf.h>
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "attach/code.h"
#include "attach/elf.h"
#include "attach/go.h"
#include "attach/image.h"
#include "base/cleanup.h"
#include "bpf/cookie.h"
#include "bpf/tls.skel.h"

enum probe_need { NEEDED, OPTIONAL };

struct probe_row {
	enum image_kind library;
	const char *symbol;
	enum probe_need need;
	unsigned arguments; /* that the program reads */
	size_t program;     /* offset in struct tls_bpf; CALL: the programs for reads and writes */
	union probe_cookie cookie;
};

#define CALL        0
#define ENTRY(name) offsetof(struct tls_bpf, progs.name)
#define COOKIE(...)                                                                                \
	{                                                                                          \
		__VA_ARGS__                                                                        \
	}
#define NONE                                                                                       \
	{                                                                                          \
		0                                                                                  \
	}

enum { SENT = EVENT_SENT, RECEIVED = EVENT_RECEIVED };

/* To probe another function: a row; what a cookie says is in bpf/event.h. A library may lack what
 * is OPTIONAL (OpenSSL before 1.1.1 has no _ex functions); without the others it is not followed.
 * SSL_peek is no row: what it shows is read later. SSL_write_early_data makes its writes by
 * SSL_write_ex, SSL_read_early_data is the server's. */
/* clang-format off: a row a line */
static const struct probe_row rows[] = {
	{ IMAGE_OPENSSL, "SSL_read", NEEDED, 3, CALL, COOKIE(.direction = RECEIVED) },
	{ IMAGE_OPENSSL, "SSL_read_ex", OPTIONAL, 4, CALL,
	  COOKIE(.direction = RECEIVED, .count_argument = 4) },
	{ IMAGE_OPENSSL, "SSL_write", NEEDED, 3, CALL, COOKIE(.direction = SENT) },
	{ IMAGE_OPENSSL, "SSL_write_ex", OPTIONAL, 4, CALL,
	  COOKIE(.direction = SENT, .count_argument = 4) },
	{ IMAGE_OPENSSL, "SSL_write_ex2", OPTIONAL, 5, CALL,
	  COOKIE(.direction = SENT, .count_argument = 5) },
	{ IMAGE_OPENSSL, "SSL_sendfile", OPTIONAL, 1, CALL,
	  COOKIE(.direction = SENT, .wide_result = 1, .unseen = 1) },
	{ IMAGE_OPENSSL, "SSL_ctrl", NEEDED, 4, ENTRY(ssl_ctrl), NONE },
	{ IMAGE_OPENSSL, "SSL_clear", OPTIONAL, 1, ENTRY(object_renewed), NONE },
	{ IMAGE_OPENSSL, "SSL_up_ref", OPTIONAL, 1, ENTRY(object_held), NONE },
	{ IMAGE_OPENSSL, "SSL_free", NEEDED, 1, ENTRY(object_gone), NONE },
	{ IMAGE_GNUTLS, "gnutls_record_recv", NEEDED, 3, CALL,
	  COOKIE(.direction = RECEIVED, .wide_result = 1) },
	{ IMAGE_GNUTLS, "gnutls_record_recv_seq", OPTIONAL, 3, CALL,
	  COOKIE(.direction = RECEIVED, .wide_result = 1) },
	{ IMAGE_GNUTLS, "gnutls_record_recv_packet", OPTIONAL, 1, CALL,
	  COOKIE(.direction = RECEIVED, .wide_result = 1, .unseen = 1) },
	{ IMAGE_GNUTLS, "gnutls_record_send", NEEDED, 3, CALL,
	  COOKIE(.direction = SENT, .wide_result = 1) },
	{ IMAGE_GNUTLS, "gnutls_record_send2", OPTIONAL, 3, CALL,
	  COOKIE(.direction = SENT, .wide_result = 1) },
	{ IMAGE_GNUTLS, "gnutls_record_send_range", OPTIONAL, 3, CALL,
	  COOKIE(.direction = SENT, .wide_result = 1) },
	{ IMAGE_GNUTLS, "gnutls_record_send_early_data", OPTIONAL, 3, CALL,
	  COOKIE(.direction = SENT, .all = 1) },
	{ IMAGE_GNUTLS, "gnutls_server_name_set", NEEDED, 4, ENTRY(gnutls_name), NONE },
	{ IMAGE_GNUTLS, "gnutls_deinit", NEEDED, 1, ENTRY(object_gone), NONE },
};
/* clang-format on */

#define N_ROWS (sizeof(rows) / sizeof(rows[0]))

/* Behind the rows: accessors that tell where things are in an SSL object. */
enum { NAME_ACCESSOR = N_ROWS, SERVER_ACCESSOR, N_SYMBOLS };

struct probes {
	struct links links;
	struct probe_facts facts;
};

struct plan {
	const struct probe_means *means;
	int fd;
	unsigned kinds;
	uint16_t number; /* of the file, for cookies */
	struct code *code;
	uint64_t symbols[N_SYMBOLS]; /* 0: it has none */
	uint16_t name_at, server_at;
	struct link_places calls, rets;
	struct probe_facts facts;
};

void probe_release(struct probes *probes, struct links *links)
{
	if (!probes)
		return;
	link_move(&probes->links, links);
	free(probes);
}

void probe_detach(struct probes *probes)
{
	struct links links = { 0 };

	probe_release(probes, &links);
	link_close(&links);
}

const struct probe_facts *probe_facts(const struct probes *probes)
{
	return &probes->facts;
}

CLEANUP_FOR(probes, struct probes *, probe_detach)

/* --- where */

static int find_symbols(struct plan *plan, struct err *err)
{
	const char *names[N_SYMBOLS];

	for (size_t i = 0; i < N_ROWS; i++)
		names[i] = rows[i].symbol;
	names[NAME_ACCESSOR] = "SSL_get_servername";
	names[SERVER_ACCESSOR] = "SSL_is_server";
	if (elf_find_symbols(plan->fd, names, N_SYMBOLS, plan->symbols) < 0)
		return err_set(err, -ENOENT, "not a readable ELF file");
	for (size_t i = 0; i < N_ROWS; i++) {
		if (!(rows[i].library & plan->kinds))
			plan->symbols[i] = 0;
		else if (!plan->symbols[i] && rows[i].need == NEEDED)
			return err_set(err, -ENOENT, "has no %s", rows[i].symbol);
	}
	return 0;
}

static void find_layout(struct plan *plan)
{
	uint64_t name = plan->symbols[NAME_ACCESSOR], server = plan->symbols[SERVER_ACCESSOR];
	unsigned name_at = name ? code_returned_field(plan->code, name, 8) : 0;
	unsigned server_at = server ? code_returned_field(plan->code, server, 4) : 0;

	if (server_at <= UINT16_MAX)
		plan->server_at = (uint16_t)server_at;
	if (name_at <= UINT16_MAX && plan->server_at)
		plan->name_at = (uint16_t)name_at;
	plan->facts.names_objects = plan->name_at;
}

static uint64_t spot(struct plan *plan, uint64_t function, unsigned arguments)
{
	uint64_t at;

	plan->facts.cheap += code_cheap_spot(plan->code, function, arguments, &at);
	plan->facts.places++;
	return at;
}

static int add_place(struct link_places *places, uint64_t offset, uint64_t cookie)
{
	if (places->n == LINK_PLACES_MAX)
		return -E2BIG;
	places->offsets[places->n] = offset;
	places->cookies[places->n++] = cookie;
	return 0;
}

static int add_call(struct plan *plan, uint64_t function, unsigned arguments,
		    union probe_cookie cookie, struct err *err)
{
	uint64_t rets[CODE_RETURNS_MAX];
	unsigned n = plan->means->at_rets ? code_returns(plan->code, function, rets) : 0;

	if (plan->means->at_rets && !n)
		return err_set(
		    err, -ENOTSUP,
		    "this kernel may kill a sandboxed process that a return probe is in, "
		    "and where the functions return cannot be told");
	cookie.name_at = plan->name_at;
	cookie.server_at = plan->server_at;
	cookie.file = plan->number;
	for (unsigned i = 0; i < n; i++)
		if (add_place(&plan->rets, rets[i], cookie.word) < 0)
			return err_set(err, -E2BIG, "returns at too many places");
	plan->facts.places += n;
	if (add_place(&plan->calls, spot(plan, function, arguments), cookie.word) < 0)
		return err_set(err, -E2BIG, "too many functions");
	return 0;
}

static bool is_of(const struct plan *plan, size_t row, unsigned direction)
{
	return plan->symbols[row] && rows[row].library == IMAGE_OPENSSL &&
	       rows[row].program == CALL && rows[row].cookie.direction == direction &&
	       !rows[row].cookie.unseen;
}

/* The one function that all of OpenSSL's reads, or writes, call first, with the place for the count
 * in the same argument: ssl_read_internal, ssl_write_internal. False also where a probe on it is
 * dear. */
static bool find_inner(struct plan *plan, unsigned direction, struct code_call *ret_inner)
{
	struct code_call inner = { 0, 0 };
	uint64_t at, rets[CODE_RETURNS_MAX];

	for (size_t i = 0; i < N_ROWS; i++) {
		struct code_call call;

		if (!is_of(plan, i, direction))
			continue;
		call = code_first_call(plan->code, plan->symbols[i]);
		if (!call.target || (inner.target && call.target != inner.target))
			return false;
		inner.target = call.target;
		/* The one that returns a count keeps it in a local; the others pass theirs on. */
		if (!rows[i].cookie.count_argument)
			inner.local_argument = call.local_argument;
	}
	*ret_inner = inner;
	return inner.local_argument &&
	       code_cheap_spot(plan->code, inner.target, inner.local_argument, &at) &&
	       (!plan->means->at_rets || code_returns(plan->code, inner.target, rets));
}

static int plan_calls(struct plan *plan, struct err *err)
{
	bool *const found[] = {
		[SENT] = &plan->facts.inner_write, [RECEIVED] = &plan->facts.inner_read
	};
	int code = 0;

	for (unsigned d = 0; d < 2 && code == 0; d++) {
		struct code_call inner;
		union probe_cookie cookie = COOKIE(.direction = d & 1);

		*found[d] = find_inner(plan, d, &inner);
		cookie.count_argument = inner.local_argument & 7;
		if (*found[d])
			code = add_call(plan, inner.target, inner.local_argument, cookie, err);
	}
	for (size_t i = 0; i < N_ROWS && code == 0; i++) {
		const struct probe_row *row = &rows[i];

		if (row->program == CALL && plan->symbols[i] &&
		    !(is_of(plan, i, row->cookie.direction) && *found[row->cookie.direction]))
			code = add_call(plan, plan->symbols[i], row->arguments, row->cookie, err);
	}
	return code;
}

/* --- and how */

static int tie_calls(const struct plan *plan, struct links *links)
{
	const struct probe_means *m = plan->means;
	struct bpf_program *leave = m->skeleton->progs.call_leave;
	struct bpf_program *enter = m->skeleton->progs.call_enter;
	int code;

	if (m->links == LINK_SESSION && !m->at_rets)
		return link_attach(m->links, m->skeleton->progs.call_session, plan->fd,
				   &plan->calls, false, links);
	code = link_attach(m->links, leave, plan->fd, m->at_rets ? &plan->rets : &plan->calls,
			   !m->at_rets, links);
	return code < 0 ? code : link_attach(m->links, enter, plan->fd, &plan->calls, false, links);
}

static int tie_entries(struct plan *plan, struct links *links)
{
	char *skeleton = (char *)plan->means->skeleton;
	int code = 0;

	for (size_t i = 0; i < N_ROWS && code == 0; i++) {
		union probe_cookie cookie = COOKIE(.file = plan->number);
		struct link_places place = { 1, { 0 }, { cookie.word } };

		if (rows[i].program == CALL || !plan->symbols[i])
			continue;
		place.offsets[0] = spot(plan, plan->symbols[i], rows[i].arguments);
		code = link_attach(plan->means->links,
				   *(struct bpf_program **)(skeleton + rows[i].program), plan->fd,
				   &place, false, links);
	}
	return code;
}

/* By name: they are not there where Go programs are not watched. */
static int tie_places(struct plan *plan, const char *name, const struct link_places *places,
		      struct links *links)
{
	const struct bpf_object *object = plan->means->skeleton->obj;

	plan->facts.places += places->n;
	return link_attach(plan->means->links, bpf_object__find_program_by_name(object, name),
			   plan->fd, places, false, links);
}

static int tie_place(struct plan *plan, const char *name, uint64_t offset, uint64_t cookie,
		     struct links *links)
{
	return tie_places(plan, name, &(struct link_places){ 1, { offset }, { cookie } }, links);
}

/* Go's own TLS, at places that go_examine tells; never a return probe. */
static int tie_go(struct plan *plan, const struct go_tls *tls, struct links *links)
{
	union probe_cookie cookie = { .word = tls->layout };
	int code;

	cookie.file = plan->number;
	plan->rets.n = tls->n_returns;
	memcpy(plan->rets.offsets, tls->returns, tls->n_returns * sizeof(tls->returns[0]));
	code = tie_places(plan, "go_return", &plan->rets, links);
	if (code == 0)
		code = tie_place(plan, "go_close", tls->close, 0, links);
	if (code == 0)
		code = tie_place(plan, "go_read", tls->read, cookie.word, links);
	if (code == 0)
		code = tie_place(plan, "go_write", tls->write, cookie.word, links);
	if (code == 0)
		code = tie_place(plan, "go_hello", tls->hello, cookie.word, links);
	return code;
}

static int make_go_probes(struct plan *plan, struct probes *probes, struct err *err)
{
	struct go_tls tls;
	int code = go_examine(plan->fd, &tls, err);

	if (code < 0)
		return code;
	code = tie_go(plan, &tls, &probes->links);
	if (code < 0)
		return err_set(err, code, "the kernel refused a probe: %s", strerror(-code));
	plan->facts.cheap = tls.cheap;
	memcpy(plan->facts.go, tls.version, sizeof(plan->facts.go));
	probes->facts = plan->facts;
	return 0;
}

static int make_probes(struct plan *plan, struct probes *probes, struct err *err)
{
	int code = find_symbols(plan, err);

	if (code < 0)
		return code;
	find_layout(plan);
	code = plan_calls(plan, err);
	if (code < 0)
		return code;
	code = tie_calls(plan, &probes->links);
	if (code == 0)
		code = tie_entries(plan, &probes->links);
	if (code < 0)
		return err_set(err, code, "the kernel refused a probe: %s", strerror(-code));
	probes->facts = plan->facts;
	return 0;
}

int probe_attach(const struct probe_means *means, int fd, unsigned kinds, unsigned number,
		 struct probes **ret_probes, struct err *err)
{
	CLEANUP(cleanup_probes) struct probes *probes = calloc(1, sizeof(*probes));
	FREE_PTR struct plan *plan = calloc(1, sizeof(*plan));
	int code;

	if (!probes || !plan)
		return err_set(err, -ENOMEM, "out of memory");
	*plan = (struct plan){ .means = means,
			       .fd = fd,
			       .kinds = kinds,
			       .number = (uint16_t)number,
			       .code = code_open(fd) };
	code =
	    kinds & IMAGE_GO ? make_go_probes(plan, probes, err) : make_probes(plan, probes, err);
	code_close(plan->code);
	if (code < 0)
		return code;
	*ret_probes = TAKE_PTR(probes);
	return 0;
}
