// Package ratelimit throttles requests by the rate limit headers of the responses, so that Okta does not refuse them.
//
// Okta counts requests in buckets ([BucketOf]). The [Limiter] has a queue for each bucket, in the order in which calls
// began: a call that was refused keeps its place. A client that is alone sends at once as much as remains of a window.
// It is not alone when Remaining falls by more than its own requests. It then spreads its part of what remains over
// the rest of the window. The part is the client's fraction of recent use, to the power of 3/4, and at least an
// eighth. All clients see the same Remaining, and the power gives more to those who had little and less to those who
// had much, so that their parts become equal with no service between them. Together they ask for a little more than
// there is, so that nothing is left over.
//
// A bucket is composed of parts, each with its own states, which its doc comment describes:
//
//	part         file            subject
//	queue        queue.go        who waits, and when to look again
//	inFlight     inflight.go     requests without a response yet
//	window       window.go       what Okta has counted, and when it starts again
//	clock        clock.go        Okta's clock, by the local one
//	probe        probe.go        finding out about a window of which nothing is known
//	pause        pause.go        nothing is sent for a while after a refusal
//	concurrency  concurrency.go  how many may be in flight
//	fairShare    fairshare.go    how fast to send while other clients use the bucket
//
// What a bucket lets through:
//
//	state         when                                             sent at once
//	unknown       no header of the present window has come         one request; one more each second and for each failure
//	first window  a header of the first window has come            as many more as were served
//	alone         nobody else uses the bucket                      what remains, up to MaxUse
//	shared        other clients use it                             the client's part, spread over the window
//	used up       nothing remains, of the window or of MaxUse      nothing until the window ends
//	paused        a refusal did not credibly say until when        nothing for a while, which doubles; then one request
//	concurrency   too many requests were in flight                 as many as were served at once
//	unlimited     responses have no rate limit headers             everything
//
// A window begins with the first request after the one before is over. When it ends is known to within the latency,
// since each Date narrows it down.
package ratelimit
