package ledger

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
)

// AddTokens keeps tokens by their IDs: one that is kept already is replaced. [Counts.Tokens] counts each once, beside
// the tokens in the Found of tasks.
func (l *Ledger) AddTokens(ctx context.Context, tokens []Access) error {
	fresh := map[string]string{}
	entries, err := l.traits.entries(tokens, fresh)
	if err != nil {
		return fmt.Errorf("add tokens: %w", err)
	}
	byID := map[string]entry{}
	for _, e := range entries {
		if e.ID == "" || len(e.ID) > maxKey {
			return fmt.Errorf("add tokens: invalid ID %.40q", e.ID)
		}
		byID[e.ID] = e
	}
	err = l.writeRun(ctx, "add tokens", func(ctx context.Context, q querier, id int64) error {
		if err := writeTraits(ctx, q, id, fresh); err != nil {
			return err
		}
		counts := counters{}
		for ids := range slices.Chunk(slices.Sorted(maps.Keys(byID)), l.dialect.rows) {
			n, err := insertTokens(ctx, q, id, ids, byID)
			if err != nil {
				return err
			}
			counts[tokenCounter] += n
		}
		return counts.write(ctx, q, id, l.dialect.shard)
	})
	if err != nil {
		return err
	}
	return l.traits.putAll(fresh)
}

// insertTokens returns how many were not kept before.
func insertTokens(ctx context.Context, q querier, run int64, ids []string, byID map[string]entry) (int, error) {
	v := values{}
	for _, id := range ids {
		text, err := encode([]entry{byID[id]})
		if err != nil {
			return 0, err
		}
		v.add(run, clean(id), text, 1)
	}
	rows, err := q.QueryContext(ctx, `INSERT INTO ledger_tokens (run_id, id, access, seen) VALUES `+v.String()+`
		ON CONFLICT (run_id, id) DO UPDATE SET access = excluded.access, seen = ledger_tokens.seen + 1
		RETURNING seen`, v.args...)
	var added int
	_, err = scanAll(rows, err, func(rows *sql.Rows) (seen int, err error) {
		err = rows.Scan(&seen)
		if seen == 1 {
			added++
		}
		return seen, err
	})
	return added, err
}

// Tokens returns the tokens that AddTokens kept, by ID. An error ends it.
func (l *Ledger) Tokens(ctx context.Context) iter.Seq2[Access, error] {
	return stream(func(last Access) ([]Access, error) { return l.readTokens(ctx, last.ID) })
}

func (l *Ledger) readTokens(ctx context.Context, after string) ([]Access, error) {
	var entries []entry
	err := l.readRows(ctx, "read tokens", func(ctx context.Context, q querier, id int64) error {
		rows, err := q.QueryContext(ctx, `SELECT access FROM ledger_tokens
			WHERE run_id = $1 AND id > $2 ORDER BY id LIMIT $3`, id, after, pageSize)
		entries, err = scanAll(rows, err, scanToken)
		return err
	})
	if err != nil {
		return nil, err
	}
	return l.join(ctx, entries)
}

func scanToken(rows *sql.Rows) (entry, error) {
	var text string
	if err := rows.Scan(&text); err != nil {
		return entry{}, err
	}
	list, err := decode[entry](text)
	if err != nil {
		return entry{}, err
	}
	if len(list) != 1 {
		return entry{}, errors.New("a token that cannot be read")
	}
	return list[0], nil
}
