package ledger

import (
	"context"
	"errors"
	"strings"
)

func isPostgres(target string) bool {
	return strings.HasPrefix(target, "postgres://") || strings.HasPrefix(target, "postgresql://")
}

var errRace = errors.New("another process was faster")

func openPostgres(context.Context, string, Mode) (storage, string, error) {
	return storage{}, "", errors.New("not supported")
}
