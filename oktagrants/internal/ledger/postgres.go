package ledger

import (
	"context"
	"errors"
)

func openPostgres(context.Context, string, Mode) (*Ledger, error) {
	return nil, errors.New("not supported")
}
