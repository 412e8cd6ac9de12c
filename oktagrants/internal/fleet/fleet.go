// Package fleet carries out runs on several machines. The ledger is in a Postgres database, and River, in the same
// database, distributes the work.
//
// The tasks of a phase are cut into ranges. A range is done by one worker at a time: it claims the range, does those of
// its tasks that are not done yet, and deletes it. For each range that nobody has claimed, a job waits in River's queue.
// All of these steps are transactions that keep ranges and jobs in step; who deletes the last range of a phase begins the
// next phase in the same transaction. The rows of the ledger are the truth about what was done: a job that runs twice
// finds no range to claim.
//
// A worker that dies, or is cut off from the database, stops its heartbeat. Another one then deletes its row in
// fleet_workers, and its ranges are free again. Every write to the ledger requires that row, so that a worker which lives
// on unseen cannot write the intent to revoke, and hence revokes nothing any more.
package fleet

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/riverqueue/river"

	"github.com/grantkit/okta"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
	"github.com/grantkit/okta/oktagrants/internal/run"
)

const (
	rangeTasks  = 50              // of one range
	refusalWait = 5 * time.Minute // before a worker tries refused credentials, or a refused run, again

	// outageWait is how long a worker to which Okta does not respond leaves a range that it has put back to others.
	outageWait = 10 * time.Second

	// rescue is when River takes a job for stuck. It must never be reached by one that is being done: the job would be done
	// twice. Jobs of a worker that died get new ones much sooner, see session.remove.
	rescue     = 7 * 24 * time.Hour
	jobTimeout = -1 // none: a long task is not cut off
)

// pace is how soon workers notice that one of them is gone.
type pace struct {
	spell   time.Duration // a worker takes tasks of one range; then the range goes back into the queue
	retry   time.Duration // before a worker takes part in a run again in which it was refused
	beat    time.Duration // between two heartbeats
	lapse   time.Duration // without a heartbeat, a worker stops what it does
	silence time.Duration // without a heartbeat, a worker is taken for dead
}

var normal = pace{spell: 5 * time.Minute, retry: refusalWait, beat: time.Second, lapse: 12 * time.Second, silence: 20 * time.Second}

// Org is an org that a worker works for.
type Org struct {
	URL    string
	Client *okta.Client
	Meter  *run.Meter // its OnAttempt is in the okta.Config of Client
}

// jobArgs is the work of one job: a range.
type jobArgs struct {
	Run   string       `json:"run"` // its name
	ID    int64        `json:"id"`
	Phase ledger.Phase `json:"phase"`
	First int64        `json:"first"` // Seq of tasks
	Last  int64        `json:"last"`
	Later bool         `json:"later,omitempty"` // it waits until a worker may do it that was not refused
}

// Kind is the name of such jobs in River's tables.
func (jobArgs) Kind() string { return "oktagrants_range" }

// insertion is how a job that starts at once is inserted.
func (a jobArgs) insertion(queue string, priority int) river.InsertManyParams {
	a.Later = false
	return river.InsertManyParams{Args: a, InsertOpts: &river.InsertOpts{
		Queue:       queue,
		Priority:    priority,
		MaxAttempts: 1000, // an attempt ends early only if its worker stops
	}}
}

// priorities of runs in one queue: an incident does not wait for a review.
var priorities = map[ledger.Kind]int{ledger.RevokeApp: 1, ledger.Offboard: 2, ledger.Review: 3}

var notInQueueName = regexp.MustCompile(`[^a-z0-9]+`)

// queueOf is the name of an org's queue: that of the host, and a hash of the URL, which tells ports and paths apart.
func queueOf(org string) string {
	org = ledger.NormalOrg(org)
	host := org
	if u, err := url.Parse(org); err == nil && u.Host != "" {
		host = u.Host
	}
	name := strings.Trim(notInQueueName.ReplaceAllString(strings.ToLower(host), "_"), "_")
	sum := sha256.Sum256([]byte(org))
	return strings.Trim("org_"+name[:min(len(name), 40)], "_") + "_" + hex.EncodeToString(sum[:6])
}
