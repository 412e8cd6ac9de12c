package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"maps"
	"slices"
)

// AddTokens keeps tokens by their IDs. One that is there already is replaced. Counts.Tokens counts each once, beside the
// tokens that tasks found themselves.
func (l *Ledger) AddTokens(ctx context.Context, tokens []Access) error {
	for _, t := range tokens {
		if t.ID == "" {
			return errors.New("add tokens: a token without an ID")
		}
	}
	return l.setRun(ctx, "add tokens", func(ctx context.Context, q querier, id int64) error {
		counts := counters{}
		for chunk := range slices.Chunk(tokens, insertRows) {
			n, err := insertTokens(ctx, q, id, chunk)
			if err != nil {
				return err
			}
			counts[tokenCounter] += n
		}
		return counts.write(ctx, q, id, l.shard)
	})
}

// insertTokens returns how many are new.
func insertTokens(ctx context.Context, q querier, run int64, tokens []Access) (int, error) {
	byID := map[string]string{}
	for _, t := range tokens {
		data, err := json.Marshal(t)
		if err != nil {
			return 0, err
		}
		byID[t.ID] = string(data)
	}
	v := values{args: []any{run}}
	for _, id := range slices.Sorted(maps.Keys(byID)) {
		v.add("$1", id, byID[id], 1)
	}
	rows, err := q.QueryContext(ctx, `INSERT INTO tokens (run_id, id, access, seen) VALUES `+v.String()+`
		ON CONFLICT (run_id, id) DO UPDATE SET access = excluded.access, seen = tokens.seen + 1 RETURNING seen`, v.args...)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	var fresh int
	for rows.Next() {
		var seen int
		if err := rows.Scan(&seen); err != nil {
			return 0, err
		}
		if seen == 1 {
			fresh++
		}
	}
	return fresh, rows.Err()
}

// Tokens returns the tokens that AddTokens kept, by ID. An error ends it.
func (l *Ledger) Tokens(ctx context.Context) iter.Seq2[Access, error] {
	return func(yield func(Access, error) bool) {
		var after string
		for {
			page, err := l.readTokens(ctx, after)
			if err != nil {
				yield(Access{}, err)
				return
			}
			for _, token := range page {
				if !yield(token, nil) {
					return
				}
			}
			if len(page) < readRows {
				return
			}
			after = page[len(page)-1].ID
		}
	}
}

func (l *Ledger) readTokens(ctx context.Context, after string) ([]Access, error) {
	run, err := l.runID(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := l.reader.QueryContext(ctx,
		`SELECT access FROM tokens WHERE run_id = $1 AND id > $2 ORDER BY id LIMIT $3`, run, after, readRows)
	if err != nil {
		return nil, l.failed("read tokens", err)
	}
	defer rows.Close()
	var tokens []Access
	for rows.Next() {
		var text string
		var token Access
		if err := rows.Scan(&text); err != nil {
			return nil, l.failed("read tokens", err)
		}
		if err := json.Unmarshal([]byte(text), &token); err != nil {
			return nil, l.failed("read tokens", err)
		}
		tokens = append(tokens, token)
	}
	if err := rows.Err(); err != nil {
		return nil, l.failed("read tokens", err)
	}
	return tokens, nil
}
