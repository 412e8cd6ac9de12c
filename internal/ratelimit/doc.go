// Package ratelimit throttles requests to those that are left in their rate limit buckets, by what the headers say.
//
// Each bucket has a queue, first come, first served, in which a call that was refused keeps its place. A client that
// is alone sends as much as remains of a window, at once. It is not alone when Remaining falls by more than its own
// requests. Then it spreads its part of what remains over the rest of the window: its part is its share of what was
// lately used, to the power of 3/4, and at least an eighth. All clients see the same Remaining, and the power gives a
// bit more to those who had little and takes it from those who had much, so that their parts become equal with no
// service between them. Together they ask for a little more than there is, so that nothing is left over. Where a
// window begins is known to within the latency, since each Date narrows it down.
//
// The states of a bucket, and what may be sent in each:
//
//	state     when                                            sent at once
//	unknown   nothing was heard of the present window         one request; one more each second, and for each that failed
//	first     of the first window ever, something was heard   as many more as were served
//	alone     nobody else uses the bucket                     what remains, up to MaxUse
//	shared    somebody does                                   the part of what remains, spread over the window
//	used up   nothing remains, of the window or of MaxUse     nothing until the window ends
//	closed    a refusal did not credibly say until when       nothing for a while, which doubles; then one request
//	capped    too many requests were served at once           up to the number of those that were not refused
//	free      responses carry no limit                        everything
package ratelimit
