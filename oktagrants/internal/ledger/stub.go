package ledger

import (
	"context"
	"errors"
	"iter"
)

type Mode int

const (
	Write Mode = iota
	Read
)

type Ledger struct{}
type Spec struct {
	Kind           Kind
	Org, Arguments string
}

var ErrLocked, ErrNoRun, ErrVersion, ErrStorage = errors.New("l"), errors.New("n"), errors.New("v"), errors.New("s")

func Open(ctx context.Context, target string, mode Mode) (*Ledger, error)              { return nil, nil }
func (l *Ledger) Close() error                                                         { return nil }
func (l *Ledger) Begin(ctx context.Context, s Spec) (run Run, resumed bool, err error) { return }
func (l *Ledger) Run(ctx context.Context) (r Run, err error)                           { return }
func (l *Ledger) AddTasks(ctx context.Context, tasks []Task, cursor string, last bool) error {
	return nil
}
func (l *Ledger) Resolve(ctx context.Context, t Task) error          { return nil }
func (l *Ledger) SetPhase(ctx context.Context, from, to Phase) error { return nil }
func (l *Ledger) SetStop(ctx context.Context, why string) error      { return nil }
func (l *Ledger) Next(ctx context.Context, after int64, limit int, states ...State) ([]Task, error) {
	return nil, nil
}
func (l *Ledger) Start(ctx context.Context, t *Task) error                          { return nil }
func (l *Ledger) Finish(ctx context.Context, t *Task) error                         { return nil }
func (l *Ledger) AddTokens(ctx context.Context, a []Access) error                   { return nil }
func (l *Ledger) Counts(ctx context.Context) (c Counts, err error)                  { return }
func (l *Ledger) Tasks(ctx context.Context, states ...State) iter.Seq2[Task, error] { return nil }
func (l *Ledger) Tokens(ctx context.Context) iter.Seq2[Access, error]               { return nil }

const Duplicate = "duplicate"
