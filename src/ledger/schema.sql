-- The ledger's schema, version 1 (PRAGMA user_version). It is run at every start and only adds. A
-- column that a later release adds stands here like the others and is added to older files; it has
-- no NOT NULL, and NULL means "not recorded then".

CREATE TABLE IF NOT EXISTS event (
	-- One captured call, priced and charged: the published usage event, field by field (names
	-- and meanings: include/outlay/event.schema.json). NULL is the event's null. Times are
	-- nanoseconds of UTC since 1970, unsigned 64-bit numbers are stored as signed ones, objects
	-- and lists as JSON. The table is the outbox too: rows are added at the end and only ever
	-- leave at the front, so that seq has no holes.
	seq INTEGER PRIMARY KEY,
	event_id BLOB NOT NULL UNIQUE,  -- UUIDv7: in order of time, its index grows at one end
	time_start INTEGER NOT NULL,
	time_end INTEGER NOT NULL,
	pid INTEGER,
	exe TEXT,
	comm TEXT,
	uid INTEGER,
	user TEXT,
	cgroup INTEGER,
	labels TEXT,                    -- {"key": "value"}
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
	request_id TEXT,
	response_id TEXT,
	attempt INTEGER,
	api_key_hash TEXT,              -- keyed with meta.secret
	usage TEXT,                     -- {"bucket": count}
	cost_usd TEXT,                  -- decimal; NULL = unpriced
	cost_pico INTEGER,              -- the same in 10^-12 USD, for sums
	cost_source TEXT,               -- provider, catalog, estimated, unpriced
	unpriced_reason TEXT,
	catalog TEXT,
	effective_from TEXT,
	matched TEXT,
	context TEXT,
	rates TEXT,                     -- {"bucket": "USD a unit"}
	completeness TEXT,              -- complete, truncated, gap, pre_attach
	lost_bytes INTEGER,
	duration_ms REAL,
	ttfb_ms REAL,
	request_bytes INTEGER,
	response_bytes INTEGER,
	budgets TEXT,                   -- [{"name", "window_start", "spent_usd"}] after this call
	budget_cost_usd TEXT,           -- what its budgets were charged
	decision_id BLOB
) STRICT;

-- "Since when" and "whose calls" without a walk over the whole table.
CREATE INDEX IF NOT EXISTS event_time_end ON event (time_end);
CREATE INDEX IF NOT EXISTS event_uid ON event (uid);

CREATE TABLE IF NOT EXISTS budget_total (
	-- What each budget has spent in its window, as the budget engine wrote it last: the state
	-- to start from. The history of a budget is in the events.
	name TEXT PRIMARY KEY,
	window_start INTEGER NOT NULL,
	spent_usd TEXT NOT NULL         -- decimal: a total may be over 64 bits of picodollars
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS sink_cursor (
	-- How far each sink has safely taken the events.
	sink TEXT PRIMARY KEY,
	seq INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE IF NOT EXISTS meta (
	-- host_id (text of a UUID) and secret (32 bytes, key of the hashes of API keys), made once.
	key TEXT PRIMARY KEY,
	value ANY NOT NULL
) STRICT, WITHOUT ROWID;
