package ledger

// formatVersion is the version of the schema, and of what its rows mean.
const formatVersion = 2

// schema is understood by SQLite and by Postgres. Times are milliseconds since 1970, 0 for none. Empty text is none.
//
//   - ledger_tasks.found and revoked hold JSON, see [entry] and [Revoked].
//   - ledger_traits holds what many accesses share, see [entry].
//   - ledger_counters makes [Ledger.Counts] fast. The value of a counter is the sum over its shards: each process that
//     shares a database has a shard of its own, so that none waits for the commits of another.
var schema = []string{
	`CREATE TABLE ledger_runs (
		run_id      BIGINT NOT NULL PRIMARY KEY,
		name        TEXT NOT NULL UNIQUE,
		version     BIGINT NOT NULL,
		kind        TEXT NOT NULL,
		org         TEXT NOT NULL,
		arguments   TEXT NOT NULL,
		phase       TEXT NOT NULL,
		list_cursor TEXT NOT NULL DEFAULT '',
		listed      BIGINT NOT NULL DEFAULT 0,
		last_seq    BIGINT NOT NULL DEFAULT 0,
		created     BIGINT NOT NULL,
		ended       BIGINT NOT NULL DEFAULT 0,
		stop        TEXT NOT NULL DEFAULT ''
	)`,
	`CREATE TABLE ledger_tasks (
		run_id   BIGINT NOT NULL,
		seq      BIGINT NOT NULL,
		kind     TEXT NOT NULL,
		id       TEXT NOT NULL,
		given    TEXT NOT NULL,
		login    TEXT NOT NULL,
		name     TEXT NOT NULL,
		status   TEXT NOT NULL,
		state    BIGINT NOT NULL DEFAULT 0,
		tries    BIGINT NOT NULL DEFAULT 0,
		began    BIGINT NOT NULL DEFAULT 0,
		finished BIGINT NOT NULL DEFAULT 0,
		checked  BIGINT NOT NULL DEFAULT 0,
		class    TEXT NOT NULL DEFAULT '',
		error    TEXT NOT NULL DEFAULT '',
		found    TEXT NOT NULL DEFAULT '',
		revoked  TEXT NOT NULL DEFAULT '',
		PRIMARY KEY (run_id, seq)
	)`,
	`CREATE UNIQUE INDEX ledger_tasks_id ON ledger_tasks (run_id, kind, id) WHERE id <> ''`,
	`CREATE UNIQUE INDEX ledger_tasks_given ON ledger_tasks (run_id, kind, given) WHERE given <> ''`,
	`CREATE TABLE ledger_tokens (
		run_id BIGINT NOT NULL,
		id     TEXT NOT NULL,
		access TEXT NOT NULL,
		seen   BIGINT NOT NULL,
		PRIMARY KEY (run_id, id)
	)`,
	`CREATE TABLE ledger_traits (
		run_id BIGINT NOT NULL,
		hash   TEXT NOT NULL,
		access TEXT NOT NULL,
		PRIMARY KEY (run_id, hash)
	)`,
	`CREATE TABLE ledger_counters (
		run_id BIGINT NOT NULL,
		shard  BIGINT NOT NULL,
		name   TEXT NOT NULL,
		value  BIGINT NOT NULL,
		PRIMARY KEY (run_id, shard, name)
	)`,
}
