package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"
)

const (
	kills       = 20
	killWorkers = 32 // as jobsWorkers says
	killDelay   = 50 * time.Millisecond
)

// killedJob off-boards users, and is killed at random moments of listing, revoking and verifying.
func (b *bench) killedJob(ctx context.Context) error {
	users := b.jobs.killed
	g, err := b.newGrants(ctx, "killed", orgSpec{Users: users})
	if err != nil {
		return err
	}
	defer g.org.stop()
	args := []string{"offboard", "--from", usersFile, "--yes", runFlag, jobsWorkers}
	progress(fmt.Sprintf("off-boarding through kills, -seed %d", b.jobs.seed))
	start := time.Now()
	for _, k := range killTimes(b.jobs.seed, 3*users) {
		if _, err := g.killAt(ctx, k.calls, k.later, args...); err != nil {
			return err
		}
	}
	if _, err := g.run(ctx, args...); err != nil {
		return err
	}
	wall := time.Since(start)
	log, err := g.log(ctx)
	if err != nil {
		return err
	}
	if _, err := g.run(ctx, "report", runFile, "--json", jsonFile); err != nil {
		return err
	}
	ledger, err := readLedger(filepath.Join(g.dir, jsonFile))
	if err != nil {
		return err
	}
	lost, again := log.lostAndAgain(users)
	f := &b.jobs.figures
	f.section(fmt.Sprintf("%d users off-boarded through %d kills, with %d workers", users, kills, killWorkers),
		"wall, s", "calls", "users not revoked", "revoked again", "that the ledger has otherwise")
	wrong := log.differs(ledger, users)
	f.row("offboard", "%.1f %d %d %d %d", wall.Seconds(), log.Total, lost, again, wrong)
	f.bar("users not revoked", float64(lost), 0)
	f.bar("users revoked again, for each worker and kill", float64(again)/(kills*killWorkers), 1)
	f.bar("users that the ledger has otherwise than the org's log", float64(wrong), 0)
	return nil
}

// killTime is a number of calls in all, and how long after the last of them the kill comes.
type killTime struct {
	calls int
	later time.Duration
}

// killTimes spreads the kills over a run of so many calls, but for its last fifth. Some come as a process starts.
func killTimes(seed uint64, calls int) []killTime {
	chance := rand.New(rand.NewPCG(seed, 0)) //nolint:gosec // chance that can be repeated, no secret
	times := make([]killTime, kills)
	for i := range times {
		times[i] = killTime{calls: chance.IntN(calls * 8 / 10), later: time.Duration(chance.Int64N(int64(killDelay)))}
	}
	slices.SortFunc(times, func(a, b killTime) int { return a.calls - b.calls })
	return times
}

// lostAndAgain counts the users whom a revoke did not reach, and how often users were revoked again: a task that was
// cut off by a kill sends each of its revokes once more at most.
func (l orgLog) lostAndAgain(users int) (lost, again int) {
	for user := range users {
		sessions, grants := l.revokes(sessionsRoute, user), l.revokes(revokeRoute, user)
		if sessions == 0 || grants == 0 {
			lost++
		}
		again += max(sessions, grants, 1) - 1
	}
	return lost, again
}

func (l orgLog) revokes(route string, user int) int {
	if len(l.Revokes[route]) == 0 {
		return 0
	}
	return int(l.Revokes[route][user])
}

// ledgerTask is what the report in JSON has of a user.
type ledgerTask struct {
	ID      string `json:"id"`
	State   string `json:"state"`
	Tries   int    `json:"tries"`
	Revoked []struct {
		What string `json:"what"`
	} `json:"revoked"`
}

// readLedger reads the users of a report in JSON, by ID. Its lines end with one of the type end.
func readLedger(path string) (map[string]ledgerTask, error) {
	file, err := os.Open(path) //nolint:gosec // this program made it
	if err != nil {
		return nil, err
	}
	defer file.Close() //nolint:errcheck // nothing is written to it
	users := map[string]ledgerTask{}
	for lines := json.NewDecoder(file); ; {
		var line json.RawMessage
		var kind struct {
			Type string `json:"type"`
		}
		if err := errors.Join(lines.Decode(&line), json.Unmarshal(line, &kind)); err != nil {
			return nil, fmt.Errorf("%s has no end: %w", path, err)
		}
		if kind.Type == "end" {
			return users, nil
		}
		if kind.Type != "task" {
			continue
		}
		var task ledgerTask
		if err := json.Unmarshal(line, &task); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		users[task.ID] = task
	}
}

// differs counts the users whom the ledger has otherwise than the log: not verified, without what was revoked, or
// begun once although a revoke was sent again.
func (l orgLog) differs(ledger map[string]ledgerTask, users int) int {
	wrong := max(0, len(ledger)-users)
	for user := range users {
		task := ledger[userID(user)]
		var what []string
		for _, revoked := range task.Revoked {
			what = append(what, revoked.What)
		}
		sessions, grants := l.revokes(sessionsRoute, user), l.revokes(revokeRoute, user)
		same := task.State == "verified" && task.Tries >= max(sessions, grants) &&
			slices.Contains(what, "sessions") == (sessions > 0) && slices.Contains(what, "grants") == (grants > 0)
		if !same {
			wrong++
		}
	}
	return wrong
}
