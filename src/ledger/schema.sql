-- The ledger's schema, version 2 (PRAGMA user_version). It is run at every start and only adds. A
-- column that a later release adds stands here like the others, in the table where it belongs, and
-- is added to older files; it has no NOT NULL, and NULL means "not recorded then".
--
-- Most of what a call says it says as the call before it: those columns stand once, in `caller` and
-- `service`, and the call names the rows. To read the file: the view `event`, at the end.

CREATE TABLE IF NOT EXISTS call (
	-- One captured call, priced and charged: what is its own (names and meanings:
	-- include/outlay/event.schema.json). Times are nanoseconds of UTC since 1970, unsigned
	-- 64-bit numbers are stored as signed ones. The table is the outbox too: rows are added at
	-- the end and only ever leave at the front, so that seq has no holes.
	seq INTEGER PRIMARY KEY,
	caller INTEGER,
	service INTEGER,
	event_id BLOB NOT NULL UNIQUE,  -- UUIDv7: in order of time, its index grows at one end
	time_start INTEGER NOT NULL,
	time_end INTEGER NOT NULL,
	pid INTEGER,
	ns_pid INTEGER,
	uid INTEGER,
	request_id TEXT,
	response_id TEXT,
	input INTEGER,                  -- the counts of `usage`; NULL = the provider did not say
	input_cache_read INTEGER,
	input_cache_write INTEGER,
	input_cache_write_5m INTEGER,
	input_cache_write_30m INTEGER,
	input_cache_write_1h INTEGER,
	input_cache_write_12h INTEGER,
	input_audio INTEGER,
	input_audio_cache_read INTEGER,
	input_image INTEGER,
	input_image_cache_read INTEGER,
	input_tool INTEGER,
	output INTEGER,
	output_reasoning INTEGER,
	output_audio INTEGER,
	output_image INTEGER,
	requests INTEGER,
	web_searches INTEGER,
	file_searches INTEGER,
	code_sessions INTEGER,
	search_units INTEGER,
	images INTEGER,
	audio_seconds INTEGER,
	characters INTEGER,
	pages INTEGER,
	segments INTEGER,
	messages INTEGER,
	minutes INTEGER,
	recipients INTEGER,
	rows INTEGER,
	bytes_out INTEGER,
	invocations INTEGER,
	unbilled_cache_read INTEGER,
	total_tokens INTEGER,           -- as the provider adds them up; NULL = it does not say
	cost_pico INTEGER,              -- 10^-12 USD; NULL = unpriced
	lost_bytes INTEGER,
	ttfb_ms REAL,
	request_bytes INTEGER,
	response_bytes INTEGER,
	limits TEXT,                    -- {"name": {"limit", "remaining", "resets"}} by the answer
	spent_usd TEXT,                 -- ["12.5"]: of each of `windows`, after this call
	budget_cost_usd TEXT,           -- what its budgets were charged
	decision_id BLOB
) STRICT;

-- "Since when" and "whose calls" without a walk over the whole table.
CREATE INDEX IF NOT EXISTS call_time_end ON call (time_end);
CREATE INDEX IF NOT EXISTS call_uid ON call (uid);

CREATE TABLE IF NOT EXISTS caller (
	-- Who calls. The key is the seq of the first call that names the row; after 2^20 calls a new
	-- row is made, so that a row can go when the front of `call` is that far past its key.
	caller INTEGER PRIMARY KEY,
	exe TEXT,
	comm TEXT,
	user TEXT,
	cgroup INTEGER,
	cgroup_path TEXT,
	container_id TEXT,
	unit TEXT,
	api_key_hash TEXT,              -- keyed with meta.secret
	-- {"key": "value"}; NULL = not known
	labels TEXT
) STRICT;

CREATE TABLE IF NOT EXISTS service (
	-- What was called, how it ended, at what price. Keys as in `caller`.
	service INTEGER PRIMARY KEY,
	provider TEXT,
	server TEXT,
	operation TEXT,
	route TEXT,                     -- the template, never the values in a path
	method TEXT,
	status INTEGER,
	error TEXT,                     -- the provider's type or code, never its message
	model_requested TEXT,
	model TEXT,
	service_tier TEXT,
	streaming INTEGER,              -- 0 or 1
	attempt INTEGER,
	cost_source TEXT,               -- provider, catalog, estimated, unpriced
	unpriced_reason TEXT,
	catalog TEXT,
	effective_from TEXT,
	matched TEXT,
	context TEXT,
	rates TEXT,                     -- {"bucket": "USD a unit"}
	windows TEXT,                   -- [{"name", "window_start"}] of the budgets it was charged to
	-- complete, truncated, gap, pre_attach, reported
	completeness TEXT,
	-- order, token, ambiguous, bad_token
	correlation TEXT
) STRICT;

CREATE TABLE IF NOT EXISTS budget_window (
	-- What each budget has used in a window, or a piece of a rolling one, as the budget engine
	-- wrote it last: the state to start from. Of a budget some 64 stay; its history is in the
	-- calls.
	name TEXT NOT NULL,
	window_start INTEGER NOT NULL,
	spent_usd TEXT NOT NULL,        -- decimal: a total may be over 64 bits of picodollars
	unit TEXT,                      -- of spent_usd: NULL = USD
	-- NULL or 0 = not recorded then: a day or a month
	window_end INTEGER,
	-- the highest threshold that was told in it, in percent
	fired INTEGER,
	-- what may be used in it until its end; of a rate what counted of it then; NULL = as spent
	granted TEXT,
	estimated TEXT,                 -- of what was used, by estimates; NULL = not recorded then
	PRIMARY KEY (name, window_start)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS alert (
	-- What a person should know: include/outlay/alert.schema.json. An outbox as `call` is.
	seq INTEGER PRIMARY KEY,
	event_id BLOB NOT NULL UNIQUE,
	time INTEGER NOT NULL,
	kind TEXT NOT NULL,
	level TEXT NOT NULL,
	subject TEXT NOT NULL,
	window_start INTEGER NOT NULL,  -- 0 = told each time
	step INTEGER NOT NULL,
	text TEXT NOT NULL,
	details TEXT                    -- JSON
) STRICT;

CREATE TABLE IF NOT EXISTS habit (
	-- What each program did in an hour (since 1970) of the last 14 days.
	uid INTEGER NOT NULL,
	exe TEXT NOT NULL,
	hour INTEGER NOT NULL,
	calls INTEGER NOT NULL,
	spent_pico INTEGER NOT NULL,
	PRIMARY KEY (hour, uid, exe)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS breaker (
	-- How well each provider was, and what is usual for it: src/alert/breaker.h.
	provider TEXT PRIMARY KEY,
	state TEXT NOT NULL,            -- closed, open, half_open
	by_errors INTEGER NOT NULL,
	by_latency INTEGER NOT NULL,
	since INTEGER NOT NULL,
	opened INTEGER NOT NULL,
	looked INTEGER NOT NULL,
	learned_calls INTEGER NOT NULL,
	learned_errors INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS latency (
	-- The usual time to the first byte of those that were called for in the last 14 days.
	provider TEXT NOT NULL,
	model TEXT NOT NULL,
	operation TEXT NOT NULL,
	streaming INTEGER NOT NULL,
	median_ns INTEGER NOT NULL,
	learned INTEGER NOT NULL,       -- when
	calls INTEGER NOT NULL,
	PRIMARY KEY (provider, model, operation, streaming)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS dead_letter (
	-- What a sink has given up. `seq` is that of the table which the sink takes.
	sink TEXT NOT NULL,
	seq INTEGER NOT NULL,
	time INTEGER NOT NULL,
	reason TEXT NOT NULL,
	PRIMARY KEY (sink, seq)
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS budget_override (
	-- What persons have said of budgets, and why: the newest row of a budget and kind is in force
	-- until its end. Others leave after 800 days.
	seq INTEGER PRIMARY KEY,
	time INTEGER NOT NULL,
	budget TEXT NOT NULL,
	action TEXT NOT NULL,           -- raise, hold, cut, release, reset
	amount TEXT NOT NULL,           -- of a raise and a reset, in `unit`
	unit TEXT NOT NULL,
	until INTEGER NOT NULL,         -- 2^63-1 = for good
	uid INTEGER NOT NULL,
	pid INTEGER NOT NULL,
	user TEXT NOT NULL,
	why TEXT NOT NULL
) STRICT;

CREATE TABLE IF NOT EXISTS sink_cursor (
	-- How far each sink has safely taken the calls.
	sink TEXT PRIMARY KEY,
	seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS alert_cursor (
	-- The same for the alerts.
	sink TEXT PRIMARY KEY,
	seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS meta (
	-- host_id (text of a UUID) and secret (32 bytes, key of the hashes of API keys), made once.
	-- open: there while a program has the file, so one that finds it follows a crash.
	key TEXT PRIMARY KEY,
	value ANY NOT NULL
) STRICT, WITHOUT ROWID;

-- For people: every call in words, with all that later releases add.
CREATE VIEW IF NOT EXISTS event AS
SELECT *, strftime('%Y-%m-%dT%H:%M:%fZ', time_end / 1e9, 'unixepoch') AS ended,
	(time_end - time_start) / 1e6 AS duration_ms, cost_pico / 1e12 AS usd
FROM call LEFT JOIN caller USING (caller) LEFT JOIN service USING (service);
