package ratelimit

import "time"

// bucket throttles the requests that Okta counts together. It is composed of parts with one subject each; the package's
// doc comment lists them. The limiter's lock guards all of it.
type bucket struct {
	limiter *Limiter
	name    string
	usedAt  time.Time // when it was last used
	queue   queue

	inFlight    inFlight
	window      window
	probe       *probe // of the present window, or after the last pause
	pause       pause
	concurrency concurrencyLimit
	fairShare   fairShare

	contradictions map[string]int // by route: headers that contradicted those of other routes
}

func newBucket(l *Limiter, name string, now time.Time) *bucket {
	b := &bucket{limiter: l, name: name, probe: &probe{}, contradictions: map[string]int{}}
	b.pause.served = now
	b.queue.wake = b.timeout
	return b
}

// verdict says whether a request may be sent.
type verdict struct {
	ok     bool
	reason string    // why not
	at     time.Time // when that changes, unless a response changes it before
	final  bool      // no response can change it
}

var proceed = verdict{ok: true}

// check returns whether the next request may be sent.
func (b *bucket) check(now time.Time) verdict {
	if v := b.checkBlocked(now); !v.ok || b.window.limit != limited {
		return v
	}
	if v := b.checkUsedUp(); !v.ok {
		return v
	}
	return b.checkPace(now)
}

// checkBlocked checks what holds even while no limit is known.
func (b *bucket) checkBlocked(now time.Time) verdict {
	switch {
	case b.pause.active(now):
		return verdict{reason: Refusal, at: b.pause.until, final: true}
	case b.concurrency.reached(b.inFlight.open()):
		return verdict{reason: Concurrency, at: b.window.ends}
	case b.probing() && b.probe.busy(now):
		return verdict{reason: Probe, at: nextInterval(b.probe.since, now)}
	}
	return proceed
}

// checkUsedUp checks how many requests are left in the window.
func (b *bucket) checkUsedUp() verdict {
	w, open, maxUse := &b.window, b.inFlight.open(), b.maxUse()
	switch {
	case w.usedUp(open):
		return verdict{reason: Window, at: w.ends, final: w.header.Remaining == 0}
	case w.used+open >= maxUse:
		return verdict{reason: MaxUse, at: w.ends, final: w.used >= maxUse && (w.state == headerRead || open == 0)}
	}
	return proceed
}

// checkPace checks how fast the requests that are left may be sent.
func (b *bucket) checkPace(now time.Time) verdict {
	w, open, latest := &b.window, b.inFlight.open(), b.inFlight.latest
	if w.state == headerRead && w.length == 0 && open > w.used+int(now.Sub(latest)/probeInterval) { // the first window
		return verdict{reason: Probe, at: nextInterval(latest, now)}
	}
	if !b.fairShare.applies(w) {
		return proceed
	}
	next := b.fairShare.next(w, latest, open, b.maxUse()-w.used-open)
	if next.After(now) {
		return verdict{reason: FairShare, at: soonest(next, w.ends)}
	}
	return proceed
}

// probing reports whether the next request is a probe.
func (b *bucket) probing() bool { return b.pause.probing() || b.window.unexplored() }

// unexplored reports whether no response has told anything of the bucket yet.
func (b *bucket) unexplored() bool {
	return b.window.limit == limitUnknown && !b.pause.probing() && b.concurrency == 0
}

// maxUse is how many requests of a window the client may use.
func (b *bucket) maxUse() int {
	return max(1, int(b.limiter.maxUse*float64(b.window.header.Limit)+1e-9)) // 0.29 of 100 is 29
}

// idle reports whether nobody uses the bucket, nor has used it lately.
func (b *bucket) idle(now time.Time) bool {
	return b.queue.len() == 0 && b.inFlight.all == 0 && now.Sub(b.usedAt) > dropAfter
}

// admit lets a request through.
func (b *bucket) admit(route string, now time.Time) *Ticket {
	t := &Ticket{bucket: b, route: route, sent: now, window: b.inFlight.window}
	if b.probing() {
		b.probe.send(now)
		t.probe = b.probe
	}
	b.inFlight.send(now)
	b.fairShare.draw()
	return t
}

// turn begins the next window once the present one is over.
func (b *bucket) turn(now time.Time) {
	if now.Before(b.window.ends) {
		return
	}
	begins, idle := b.window.expire(now)
	if idle {
		b.inFlight.skipWindow()
	}
	b.begin(begins, now.Add(maxWindow))
}

func (b *bucket) begin(begins, ends time.Time) {
	if b.window.state != headerRead {
		b.fairShare.reset()
	}
	b.inFlight.nextWindow()
	b.window.next(begins, ends)
	b.probe = &probe{}
}

// learn learns from the response to a ticket's request. For its results, see [Ticket.Done].
func (b *bucket) learn(r Response, t *Ticket, now time.Time) (again, free bool) {
	if r.served() {
		b.pause.serve(t.sent, now)
		b.concurrency.serve(b.inFlight.open())
	}
	switch {
	case r.tooManyAtOnce():
		b.learnConcurrency(t, now)
		return true, b.concurrency > 1
	case r.hasWindow():
		again = b.learnHeader(r, t, now) && r.refused()
		return again, again && b.pause.servesOthers(now)
	case r.refused():
		b.window.count(t.sent, now)
		b.close(t, now)
	case r.failed(): // perhaps by a gateway, which knows nothing of limits
		b.learnFailure(r.Unsent, t, now)
	default:
		b.window.count(t.sent, now)
		b.window.learnNoHeader()
	}
	return false, false
}

func (b *bucket) learnConcurrency(t *Ticket, now time.Time) {
	b.window.count(t.sent, now)
	if none := b.concurrency.refuse(b.inFlight.open()); none {
		b.close(t, now)
	}
}

func (b *bucket) learnFailure(unsent bool, t *Ticket, now time.Time) {
	if !unsent {
		b.window.count(t.sent, now)
		b.window.extend(now)
	}
	if t.probe != nil {
		t.probe.failed++ // a server that does not respond must not hold all calls back
	}
}

// learnHeader learns from a header, and reports whether it credibly says when its window ends.
func (b *bucket) learnHeader(r Response, t *Ticket, now time.Time) bool {
	w := &b.window
	x := w.read(r, t.sent, now)
	relation, between := w.relate(x.Header, t.sent), x.Reset.Sub(w.header.Reset)
	switch relation {
	case earlierWindow:
		return x.endKnown
	case nextWindow:
		b.begin(now, x.ends)
	case movedReset, changedLimit:
		b.contradict(t.route)
	}
	before := w.merge(relation, &x)
	w.learnLength(between, x.ends.Sub(now))
	if x.refused {
		x.Remaining = 0
	}
	if x.needsPause() {
		b.close(t, now)
		x.ends = b.pause.end(x.ends, x.endKnown)
	}
	w.update(x)
	b.fairShare.observe(w, x.counted()-before, x.own(), b.inFlight.present())
	return x.endKnown
}

// close begins a pause, after which the next request is a probe.
func (b *bucket) close(t *Ticket, now time.Time) {
	if b.pause.refuse(t.sent, now) {
		b.probe = &probe{}
	}
}

// contradict counts headers of a route that contradict those of other routes. The third one gives the route a bucket of
// its own.
func (b *bucket) contradict(route string) {
	if b.contradictions[route]++; b.contradictions[route] == 3 && route != b.name {
		b.limiter.apart[route] = true
		clear(b.contradictions)
	}
}

// dispatch lets waiters through while requests are left, and sets the timer for the next one. It returns the verdict on
// that one.
func (b *bucket) dispatch(now time.Time) verdict {
	b.turn(now)
	for {
		v, w := b.check(now), b.queue.first()
		if w == nil {
			return v
		}
		if !v.ok {
			b.failLate(v)
			b.queue.wakeAt(v.at, now)
			return v
		}
		b.queue.remove(w)
		w.admit(b.admit(w.route, now), now)
	}
}

// failLate fails waiters whose deadline precedes the next slot.
func (b *bucket) failLate(v verdict) {
	if !v.final {
		return
	}
	b.queue.failLate(v.at, func(w *waiter, place int) error { return b.tooLate(w, place, v) })
}

// tooLate returns an Error if a waiter's slot is after its deadline, given its place and the verdict on the first one.
func (b *bucket) tooLate(w *waiter, place int, v verdict) error {
	if w.deadline.IsZero() || !v.final {
		return nil
	}
	at := v.at
	if v.reason != Refusal {
		at = at.Add(time.Duration(place/b.maxUse()) * b.window.lengthOrSpan())
	}
	if !at.After(w.deadline) {
		return nil
	}
	return &Error{Bucket: b.name, Reason: v.reason, RetryAt: at}
}

// timeout dispatches when the queue's timer expires.
func (b *bucket) timeout() {
	b.limiter.mu.Lock()
	defer b.limiter.mu.Unlock()
	b.queue.woken()
	b.dispatch(time.Now())
}

// abandon fails a waiter whose context has ended, and gives back its ticket if it has just received one.
func (b *bucket) abandon(w *waiter, err error) {
	if b.withdraw(w, err) {
		return
	}
	w.ticket.Cancel()
	w.err = &Error{Bucket: b.name, Reason: w.ticket.Reason, Err: err}
}

// withdraw takes a waiter out of the queue, and returns false if it has received a ticket.
func (b *bucket) withdraw(w *waiter, err error) bool {
	b.limiter.mu.Lock()
	defer b.limiter.mu.Unlock()
	if w.ticket != nil || w.err != nil {
		return w.ticket == nil
	}
	v := b.check(time.Now())
	b.queue.remove(w)
	w.err = &Error{Bucket: b.name, Reason: v.reason, RetryAt: v.at, Err: err}
	return true
}

// state returns what is known of the bucket.
func (b *bucket) state(now time.Time) State {
	s := State{Used: b.window.used, InFlight: b.inFlight.all, Waiting: b.queue.len()}
	if b.window.limit == limited {
		s.Header = b.window.header
	}
	if s.Waiting > 0 {
		s.Reason = b.check(now).reason
	}
	return s
}
