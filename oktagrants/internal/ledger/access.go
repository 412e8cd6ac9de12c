package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"
)

// entry is an access as it is kept: what is its own. A million users have grants of a few apps, so the rest, its
// traits, stands once in a table, by its hash.
type entry struct {
	ID      string     `json:"id,omitempty"`
	Kind    AccessKind `json:"kind"`
	Traits  string     `json:"of"`
	UserID  string     `json:"user,omitempty"`
	Created int64      `json:"at,omitempty"`
	Updated int64      `json:"mod,omitempty"`
	Expires int64      `json:"exp,omitempty"`
	Unnamed bool       `json:"unnamed,omitempty"` // see Access.NotJudged
}

// split returns the entry of an access, and its traits as JSON.
func split(a Access) (e entry, traits string, err error) {
	e = entry{
		ID: a.ID, Kind: a.Kind, UserID: a.UserID,
		Created: millis(a.Created), Updated: millis(a.Updated), Expires: millis(a.Expires),
		Unnamed: a.NotJudged(),
	}
	data, err := json.Marshal(entry{}.join(a))
	if err != nil {
		return entry{}, "", err
	}
	hash := sha256.Sum256(data)
	e.Traits = base64.RawURLEncoding.EncodeToString(hash[:16])
	return e, string(data), nil
}

// join returns the access of an entry and its traits.
func (e entry) join(traits Access) Access {
	traits.ID, traits.Kind, traits.UserID = e.ID, e.Kind, e.UserID
	traits.Created, traits.Updated, traits.Expires = moment(e.Created), moment(e.Updated), moment(e.Expires)
	return traits
}

// maxTraits bounds the traits in memory: more than an org has, at some 50 MB.
const maxTraits = 100_000

// traits holds those that are known to be kept, by hash.
type traits struct {
	mu     sync.Mutex
	byHash map[string]Access
}

func (t *traits) get(hash string) (Access, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	a, ok := t.byHash[hash]
	return a, ok
}

func (t *traits) put(hash, text string) (Access, error) {
	var a Access
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		return Access{}, fmt.Errorf("traits %s: %w", hash, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byHash == nil || len(t.byHash) >= maxTraits {
		t.byHash = map[string]Access{}
	}
	t.byHash[hash] = a
	return a, nil
}

func (t *traits) putAll(texts map[string]string) error {
	for hash, text := range texts {
		if _, err := t.put(hash, text); err != nil {
			return err
		}
	}
	return nil
}

// entries returns the entries of a list. It adds the traits that may not be kept yet to fresh, as JSON by hash.
func (t *traits) entries(list []Access, fresh map[string]string) ([]entry, error) {
	entries := make([]entry, len(list))
	for i, access := range list {
		e, text, err := split(access)
		if err != nil {
			return nil, err
		}
		if _, ok := t.get(e.Traits); !ok {
			fresh[e.Traits] = text
		}
		entries[i] = e
	}
	return entries, nil
}

// writeTraits keeps traits.
func writeTraits(ctx context.Context, q querier, run int64, byHash map[string]string) error {
	for _, hash := range slices.Sorted(maps.Keys(byHash)) {
		_, err := q.ExecContext(ctx, `INSERT INTO ledger_traits (run_id, hash, access) VALUES ($1, $2, $3)
			ON CONFLICT DO NOTHING`, run, hash, byHash[hash])
		if err != nil {
			return err
		}
	}
	return nil
}

// join returns the accesses of entries.
func (l *Ledger) join(ctx context.Context, entries []entry) ([]Access, error) {
	if len(entries) == 0 {
		return nil, nil
	}
	list := make([]Access, len(entries))
	for i, e := range entries {
		traits, err := l.readTraits(ctx, e.Traits)
		if err != nil {
			return nil, err
		}
		list[i] = e.join(traits)
	}
	return list, nil
}

func (l *Ledger) readTraits(ctx context.Context, hash string) (Access, error) {
	if a, ok := l.traits.get(hash); ok {
		return a, nil
	}
	var text string
	err := l.readRows(ctx, "read traits "+hash, func(ctx context.Context, q querier, id int64) error {
		rows, err := q.QueryContext(ctx, `SELECT access FROM ledger_traits WHERE run_id = $1 AND hash = $2`, id, hash)
		return scanOne(rows, err, &text)
	})
	if err != nil {
		return Access{}, err
	}
	return l.traits.put(hash, text)
}

// millis is a time as it is kept, 0 for none.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func moment(millis int64) time.Time {
	if millis == 0 {
		return time.Time{}
	}
	return time.UnixMilli(millis).UTC()
}
