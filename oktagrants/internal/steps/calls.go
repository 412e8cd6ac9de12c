package steps

import (
	"github.com/grantkit/okta"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
)

// The rate limit buckets of the calls of a job, as okta.Client.RateLimits names them.
const (
	BucketUsers = okta.BucketUsers
	BucketApps  = okta.BucketApps
	BucketAPI   = okta.BucketAPI

	bucketApp    = okta.BucketApp
	bucketGroups = okta.BucketGroups
)

// Bucket is the one that the calls for a kind of task use first.
func Bucket(kind ledger.TaskKind) string {
	switch kind {
	case ledger.App:
		return BucketApps
	case ledger.Server:
		return BucketAPI
	}
	return BucketUsers
}

// Calls are numbers of calls by rate limit bucket.
type Calls map[string]int

// Total is the number of calls in all buckets.
func (c Calls) Total() int {
	total := 0
	for _, n := range c {
		total += n
	}
	return total
}

// add counts calls, and leaves out buckets without any.
func (c Calls) add(bucket string, n int) {
	if n > 0 {
		c[bucket] += n
	}
}

// Calls returns how many calls the tasks that are left take at least: to do them, and to verify them. Known only when
// they are read, and so not counted, are: lists of several pages; the clients of a user; the custom authorization servers,
// of which each takes one or two calls for an app, and as many to verify; and those whose scopes a review reads, about one
// call for each server that a grant names. Users whose
// login is not resolved take none.
func (j *Job) Calls(counts ledger.Counts) (work, verify Calls) {
	work, verify = Calls{}, Calls{}
	for kind, states := range counts.Tasks {
		undone := states[ledger.Pending] + states[ledger.Started] + states[ledger.Failed] + states[ledger.Left]
		if kind == ledger.User {
			undone -= counts.Unresolved
		}
		unverified := undone + states[ledger.Done]
		switch {
		case j.kind == ledger.Review:
			work.add(Bucket(kind), undone)
		case kind == ledger.App:
			work.add(BucketApps, undone*j.appCalls())
			work.add(BucketAPI, undone)
			verify.add(BucketApps, unverified*j.appReads())
			verify.add(BucketAPI, unverified)
		case j.kind == ledger.Offboard:
			work.add(BucketUsers, 2*undone)
			verify.add(BucketUsers, unverified)
		default:
			work.add(BucketUsers, undone)
			verify.add(BucketUsers, unverified)
		}
	}
	return work, verify
}

// appReads is the number of calls to the app itself that verify it.
func (j *Job) appReads() int {
	if j.args.Deactivate {
		return 2
	}
	return 1
}

// appCalls is the number of calls to the app itself that revoke its tokens.
func (j *Job) appCalls() int {
	if j.args.Deactivate {
		return 3
	}
	return 1
}
