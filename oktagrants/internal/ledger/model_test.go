package ledger_test

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
)

// model is what a ledger is to hold, in memory.
type model struct {
	tasks  []ledger.Task
	seq    int64 // of the last task that was given
	tokens map[string]ledger.Access
	random *rand.Rand
}

func TestRandomChangesAgreeWithAModel(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, target string) {
		t.Helper()
		for seed := range uint64(4) {
			random := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // no secret
			m := &model{tokens: map[string]ledger.Access{}, random: random}
			m.run(t, strings.Replace(target, "january", fmt.Sprintf("january-%d", seed), 1)+suffix(target, seed))
		}
	})
}

// suffix makes the files of seeds differ.
func suffix(target string, seed uint64) string {
	if strings.HasPrefix(target, "postgres:") {
		return ""
	}
	return strconv.FormatUint(seed, 10)
}

func (m *model) run(t *testing.T, target string) {
	t.Helper()
	steps := []func(*testing.T, *ledger.Ledger){
		m.add, m.resolve, m.start, m.start, m.finish, m.finish, m.finish, m.addTokens,
	}
	for range 8 {
		// Each process goes on where the one before stopped.
		l, err := ledger.Open(t.Context(), target, ledger.Write)
		require.NoError(t, err)
		_, _, err = l.Begin(t.Context(), spec)
		require.NoError(t, err)
		for range 25 {
			steps[m.random.IntN(len(steps))](t, l)
		}
		m.check(t, l)
		require.NoError(t, l.Close())
	}
}

func (m *model) check(t *testing.T, l *ledger.Ledger) {
	t.Helper()
	tasks := all(t, l)
	require.Len(t, tasks, len(m.tasks))
	for i := range tasks {
		require.Equal(t, m.tasks[i], tasks[i])
	}
	tokens := allTokens(t, l)
	slices.SortFunc(tokens, func(a, b ledger.Access) int { return cmp.Compare(a.ID, b.ID) })
	var want []ledger.Access
	for _, id := range slices.Sorted(maps.Keys(m.tokens)) {
		want = append(want, m.tokens[id])
	}
	assert.Equal(t, want, tokens)
	assert.Equal(t, scan(m.tasks, want), counts(t, l))
}

func (m *model) add(t *testing.T, l *ledger.Ledger) {
	t.Helper()
	batch := make([]ledger.Task, m.random.IntN(20))
	for i := range batch {
		batch[i].Kind = pick(m.random, ledger.User, ledger.App)
		if m.random.IntN(2) == 0 {
			batch[i].Given = fmt.Sprintf("user%d@example.com", m.random.IntN(200))
		} else {
			batch[i].ID = fmt.Sprintf("00u%d", m.random.IntN(200))
		}
	}
	require.NoError(t, l.AddTasks(t.Context(), batch, "", false))
	run, err := l.Run(t.Context())
	require.NoError(t, err)
	assert.False(t, run.Listed)
	for _, task := range batch {
		m.seq++
		if !slices.ContainsFunc(m.tasks, func(o ledger.Task) bool { return same(o, task) }) {
			task.Seq = m.seq
			m.tasks = append(m.tasks, task)
		}
	}
}

func same(a, b ledger.Task) bool {
	return a.Kind == b.Kind && ((a.ID != "" && a.ID == b.ID) || (a.Given != "" && a.Given == b.Given))
}

func pick[T any](random *rand.Rand, choices ...T) T { return choices[random.IntN(len(choices))] }

// task is a random one, nil if there is none.
func (m *model) task() *ledger.Task {
	if len(m.tasks) == 0 {
		return nil
	}
	task := &m.tasks[m.random.IntN(len(m.tasks))]
	if task.State == ledger.Same {
		return nil
	}
	return task
}

func (m *model) resolve(t *testing.T, l *ledger.Ledger) {
	t.Helper()
	task := m.task()
	if task == nil || task.ID != "" {
		return
	}
	found := *task
	found.ID = fmt.Sprintf("00u%d", m.random.IntN(200))
	found.Login, found.Name, found.Status = "ada", "Ada\x00", "ACTIVE"
	require.NoError(t, l.Resolve(t.Context(), found))
	other := slices.IndexFunc(m.tasks, func(o ledger.Task) bool { return o.Kind == found.Kind && o.ID == found.ID })
	task.Login, task.Name, task.Status = "ada", "Ada\ufffd", "ACTIVE"
	if other < 0 {
		task.ID = found.ID
		return
	}
	task.State, task.Class = ledger.Same, ""
	task.Error = fmt.Sprintf("the user of task %d", m.tasks[other].Seq)
	for kept, err := range l.Tasks(t.Context(), ledger.Same) {
		require.NoError(t, err)
		if kept.Seq == task.Seq {
			task.Finished = kept.Finished
		}
	}
	assert.WithinDuration(t, time.Now(), task.Finished, time.Minute)
}

func (m *model) start(t *testing.T, l *ledger.Ledger) {
	t.Helper()
	task := m.task()
	if task == nil {
		return
	}
	given := ledger.Task{Seq: task.Seq} // the count of tries is the ledger's
	require.NoError(t, l.Start(t.Context(), &given))
	task.State, task.Tries, task.Began = ledger.Started, task.Tries+1, given.Began
	assert.Equal(t, task.Tries, given.Tries)
}

func (m *model) finish(t *testing.T, l *ledger.Ledger) {
	t.Helper()
	task := m.task()
	if task == nil {
		return
	}
	task.State = pick(m.random, ledger.Done, ledger.Failed, ledger.Verified, ledger.Left, ledger.Gone)
	task.Class, task.Error = "", ""
	task.Status = pick(m.random, "ACTIVE", "INACTIVE")
	unverified := task.State == ledger.Done && m.random.IntN(2) == 0
	if task.State == ledger.Failed || task.State == ledger.Left || unverified {
		task.Class, task.Error = pick(m.random, "server", "forbidden"), "it failed"
	}
	task.Found, task.Revoked = nil, nil
	for range m.random.IntN(4) {
		task.Found = append(task.Found, m.access())
		what := pick(m.random, "sessions", "grants")
		task.Revoked = append(task.Revoked, ledger.Revoked{What: what, ClientID: "0oa1", At: m.time()})
	}
	require.NoError(t, l.Finish(t.Context(), task))
}

func (m *model) access() ledger.Access {
	return ledger.Access{
		Kind: pick(m.random, ledger.Grant, ledger.Token, ledger.Client), ID: fmt.Sprintf("oag%d", m.random.IntN(50)),
		ClientID: fmt.Sprintf("0oa%d", m.random.IntN(5)), ClientName: "App", Issuer: org, Status: "ACTIVE",
		UserID: "00u1", Scopes: pick(m.random, nil, []string{"okta.users.read"}, []string{"a", "b"}),
		ScopeID: pick(m.random, "", "scp1"), ScopeTitle: pick(m.random, "", "Disability Rating"),
		Created: m.time(),
	}
}

func (m *model) time() time.Time {
	return time.UnixMilli(1_700_000_000_000 + m.random.Int64N(1_000_000)).UTC()
}

func (m *model) addTokens(t *testing.T, l *ledger.Ledger) {
	t.Helper()
	page := make([]ledger.Access, m.random.IntN(20))
	for i := range page {
		page[i] = m.access()
		page[i].Kind = ledger.Token
		m.tokens[page[i].ID] = page[i]
	}
	require.NoError(t, l.AddTokens(t.Context(), page))
}
