package ledger

// formatVersion is the version of the schema, and of what its rows mean.
const formatVersion = 1

// schema is understood by SQLite and by Postgres. Times are milliseconds since 1970, 0 for none. Access and Revoked are
// kept as JSON, an empty string for none.
//
// The value of a counter is the sum over its shards: each process that shares a database has its own, so that none
// waits for another's commit.
var schema = []string{
	`CREATE TABLE runs (
		run_id    BIGINT NOT NULL PRIMARY KEY,
		name      TEXT NOT NULL UNIQUE,
		version   BIGINT NOT NULL,
		kind      TEXT NOT NULL,
		org       TEXT NOT NULL,
		arguments TEXT NOT NULL,
		phase     TEXT NOT NULL,
		list_cursor TEXT NOT NULL,
		listed    BIGINT NOT NULL,
		last_seq  BIGINT NOT NULL,
		created   BIGINT NOT NULL,
		ended     BIGINT NOT NULL,
		stop      TEXT NOT NULL
	)`,
	`CREATE TABLE tasks (
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
	`CREATE UNIQUE INDEX tasks_id ON tasks (run_id, kind, id) WHERE id <> ''`,
	`CREATE UNIQUE INDEX tasks_given ON tasks (run_id, kind, given) WHERE given <> ''`,
	`CREATE TABLE tokens (
		run_id BIGINT NOT NULL,
		id     TEXT NOT NULL,
		access TEXT NOT NULL,
		seen   BIGINT NOT NULL,
		PRIMARY KEY (run_id, id)
	)`,
	`CREATE TABLE counters (
		run_id BIGINT NOT NULL,
		shard  BIGINT NOT NULL,
		name   TEXT NOT NULL,
		value  BIGINT NOT NULL,
		PRIMARY KEY (run_id, shard, name)
	)`,
}
