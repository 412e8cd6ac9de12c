package ledger

import (
	"context"
	"database/sql"
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// values builds the rows of a VALUES clause.
type values struct {
	text strings.Builder
	args []any
}

// add appends a row: what is fixed, as SQL, and arguments.
func (v *values) add(fixed string, args ...any) {
	if !v.empty() {
		v.text.WriteString(", ")
	}
	v.text.WriteString("(" + fixed)
	for _, arg := range args {
		v.args = append(v.args, arg)
		v.text.WriteString(", $" + strconv.Itoa(len(v.args)))
	}
	v.text.WriteByte(')')
}

func (v *values) empty() bool { return v.text.Len() == 0 }

func (v *values) String() string { return v.text.String() }

// exec returns how many rows a statement changed.
func exec(ctx context.Context, q querier, query string, args ...any) (int64, error) {
	result, err := q.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// scanOne scans the only row of a query into dest, or returns [sql.ErrNoRows].
func scanOne(rows *sql.Rows, err error, dest ...any) error {
	if err != nil {
		return err
	}
	defer rows.Close()
	if !rows.Next() {
		if err := rows.Err(); err != nil {
			return err
		}
		return sql.ErrNoRows
	}
	if err := rows.Scan(dest...); err != nil {
		return err
	}
	return rows.Close()
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
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

// encode is a list as it is kept, empty for none.
func encode[T any](list []T) (string, error) {
	if len(list) == 0 {
		return "", nil
	}
	data, err := json.Marshal(list)
	return string(data), err
}

func decode[T any](text string) ([]T, error) {
	if text == "" {
		return nil, nil
	}
	var list []T
	err := json.Unmarshal([]byte(text), &list)
	return list, err
}
