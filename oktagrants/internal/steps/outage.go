package steps

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/grantkit/okta"
)

// ErrAway means that Okta cannot be reached, now or for longer than a run waits. It stops the run.
var ErrAway = errors.New("no response from Okta")

const (
	// MaxOutage is how long a run waits for Okta before it stops.
	MaxOutage = 12 * time.Hour

	maxPartial  = 15 * time.Minute // that calls fail in a row while Okta responds to others; then they fail by themselves
	maxFailures = 5                // calls that fail by themselves in a row
	maxAlone    = 3                // times that a call is sent before it fails by itself
	firstDelay  = time.Second      // before a probe; each delay is twice the one before
	maxDelay    = time.Minute
)

// Outage is a time in which calls wait. After a call that failed with a 5xx, or got no response, a probe is sent. If that
// fails, too, or several calls in a row failed, all calls wait, and one at a time is sent with growing delays.
type Outage struct {
	Since time.Time
	Err   error // of the last call or probe that failed
	Over  bool
}

// outages lets the calls of a job wait while Okta is away. It may be used by several goroutines.
type outages struct {
	now    func() time.Time
	sleep  func(context.Context, time.Duration) error
	notify func(Outage)

	mu       sync.Mutex
	reached  bool          // Okta has responded to this run before
	events   int           // calls that were sent or failed, to tell what came before
	failed   int           // the event of the last call that failed
	failures int           // calls that failed since the last response
	delay    time.Duration // before the next probe
	since    time.Time     // of the outage, zero while there is none
	partial  bool          // in it, Okta responds to probes
	givenUp  bool          // a partial one has lasted too long: calls fail by themselves until one succeeds
	lasted   time.Duration // of those that are over
	turn     chan struct{} // closed when the call that decides whether there is an outage has done so; nil for none
}

func newOutages() *outages {
	return &outages{now: time.Now, sleep: sleep, notify: func(Outage) {}}
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// wait waits while there is an outage. Without one, it lets a call go even if ctx has ended: what a task has begun is to
// be ended.
func (o *outages) wait(ctx context.Context) error {
	for {
		o.mu.Lock()
		turn := o.turn
		if o.since.IsZero() {
			turn = nil
		}
		o.mu.Unlock()
		if turn == nil {
			return nil
		}
		select {
		case <-turn:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// sends says that a call is sent, and returns the number of that event.
func (o *outages) sends() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.events++
	return o.events
}

// responded says that Okta has responded to a call. One that was sent before the last call failed proves nothing.
func (o *outages) responded(sent int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.reached = true
	if sent < o.failed {
		return
	}
	o.failures, o.delay, o.givenUp = 0, 0, false
	o.end()
}

// end ends an outage, if there is one.
func (o *outages) end() {
	if o.since.IsZero() {
		return
	}
	o.lasted += o.now().Sub(o.since)
	over := Outage{Since: o.since, Over: true}
	o.since, o.partial = time.Time{}, false
	o.notify(over)
}

// begin says that calls wait. It reports for how long they do.
func (o *outages) begin(err error, partial bool) time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.since.IsZero() || o.partial != partial {
		o.end()
		o.since, o.partial = o.now(), partial
	}
	o.notify(Outage{Since: o.since, Err: err})
	return o.now().Sub(o.since)
}

// state returns when the present outage began, zero for none, and how long all have lasted.
func (o *outages) state() (since time.Time, lasted time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	lasted = o.lasted
	if !o.since.IsZero() {
		lasted += o.now().Sub(o.since)
	}
	return o.since, lasted
}

// judge decides what becomes of a call that failed for the n-th time: it is sent again, or has failed with an error. One
// call at a time is judged; those that failed meanwhile are sent again.
func (o *outages) judge(
	ctx context.Context, err error, n int, probe func(context.Context) error,
) (again bool, _ error) {
	turn := make(chan struct{})
	o.mu.Lock()
	o.events++
	o.failed = o.events
	if n == 1 {
		o.failures++
	}
	other := o.turn
	if other == nil {
		o.turn = turn
	}
	o.mu.Unlock()
	if other != nil {
		select {
		case <-other:
			return true, nil
		case <-ctx.Done():
			return false, errors.Join(ctx.Err(), err)
		}
	}
	defer func() {
		o.mu.Lock()
		o.turn = nil
		o.mu.Unlock()
		close(turn)
	}()
	return o.decide(ctx, err, n, probe)
}

func (o *outages) decide(
	ctx context.Context, err error, n int, probe func(context.Context) error,
) (again bool, _ error) {
	for waited := false; ; waited = true {
		probed := probe(ctx)
		switch {
		case ctx.Err() != nil:
			return false, errors.Join(ctx.Err(), err)
		case isIntercepted(probed):
			return false, &fault{ClassIntercepted, probed}
		case !mayBeOutage(probed):
			if waited || n == 1 {
				o.respondsAgain(waited)
				return true, nil
			}
			return o.decideAlone(ctx, err, n)
		case !o.wasReached():
			return false, fmt.Errorf("%w: %w", ErrAway, probed)
		}
		if lasted := o.begin(probed, false); lasted > MaxOutage {
			return false, fmt.Errorf("%w for %v: %w", ErrAway, lasted.Round(time.Minute), probed)
		}
		if stopped := o.pause(ctx); stopped != nil {
			return false, errors.Join(stopped, err)
		}
	}
}

// respondsAgain says that Okta has responded to a probe.
func (o *outages) respondsAgain(waited bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.reached = true
	if waited {
		o.failures, o.delay = 0, 0
		o.end()
	}
}

// decideAlone decides on a call that fails again while Okta responds to a probe: it fails by itself, unless others do,
// too, or Okta says that nothing can be written now.
func (o *outages) decideAlone(ctx context.Context, err error, n int) (again bool, _ error) {
	bound := maxPartial
	if isReadOnly(err) {
		bound = MaxOutage
	}
	alone := !isReadOnly(err) && o.row() < maxFailures
	switch {
	case o.gaveUp(), alone && n >= maxAlone:
		return false, err
	case alone: // for now: others may be about to fail
	case o.begin(err, true) > bound:
		o.giveUp()
		return false, err
	}
	if stopped := o.pause(ctx); stopped != nil {
		return false, errors.Join(stopped, err)
	}
	return true, nil
}

func (o *outages) wasReached() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.reached
}

// giveUp ends an outage in which Okta responds to probes: calls that fail do so by themselves.
func (o *outages) giveUp() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.givenUp = true
	o.end()
}

func (o *outages) gaveUp() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.givenUp
}

// row returns how many calls have failed in a row.
func (o *outages) row() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.failures
}

// pause waits before the next probe, each time longer.
func (o *outages) pause(ctx context.Context) error {
	o.mu.Lock()
	delay := cmp.Or(o.delay, firstDelay)
	o.delay = min(2*delay, maxDelay)
	o.mu.Unlock()
	return o.sleep(ctx, delay)
}

// mayBeOutage reports whether a call failed in a way that may concern all calls.
func mayBeOutage(err error) bool {
	class := Class(err)
	return class == ClassServer || class == ClassNetwork || isIntercepted(err)
}

func isReadOnly(err error) bool {
	response, ok := errors.AsType[*okta.Error](err)
	return ok && response.Code == okta.CodeReadOnlyMode
}

// isIntercepted reports whether something on the way to Okta prevents calls, which does not pass by itself: a certificate
// that is not trusted, a proxy that demands credentials, or the page of a captive portal.
func isIntercepted(err error) bool {
	if isCertificate(err) || isProxyRefusal(err) {
		return true
	}
	response, ok := errors.AsType[*okta.Error](err)
	if !ok || response.Code != "" || response.OAuth != nil {
		return false
	}
	switch status := response.StatusCode; {
	case status == http.StatusNetworkAuthenticationRequired:
		return true
	case status >= http.StatusMultipleChoices && status < http.StatusBadRequest:
		return true
	case status >= http.StatusInternalServerError:
		return false
	}
	return strings.HasPrefix(strings.TrimSpace(string(response.Body)), "<")
}

func isCertificate(err error) bool {
	_, unverified := errors.AsType[*tls.CertificateVerificationError](err)
	_, unknown := errors.AsType[x509.UnknownAuthorityError](err)
	_, host := errors.AsType[x509.HostnameError](err)
	_, invalid := errors.AsType[x509.CertificateInvalidError](err)
	_, noTLS := errors.AsType[tls.RecordHeaderError](err)
	return unverified || unknown || host || invalid || noTLS
}

// isProxyRefusal reports whether a proxy demands credentials. For a tunnel, net/http has a text for that, and no type.
func isProxyRefusal(err error) bool {
	if response, ok := errors.AsType[*okta.Error](err); ok {
		return response.StatusCode == http.StatusProxyAuthRequired
	}
	return err != nil && strings.Contains(err.Error(), http.StatusText(http.StatusProxyAuthRequired))
}

// Outage returns when the present outage began, zero for none, and how long all of this process have lasted.
func (j *Job) Outage() (since time.Time, lasted time.Duration) { return j.outages.state() }

// Observe has each outage reported, when it begins, after each probe, and when it is over. Reached says that Okta is known
// to respond: otherwise a call that gets no response is an error at once.
func (j *Job) Observe(reached bool, notify func(Outage)) {
	j.outages.mu.Lock()
	defer j.outages.mu.Unlock()
	j.outages.reached = j.outages.reached || reached
	j.outages.notify = notify
}

// Clock lets a job wait by another clock.
func (j *Job) Clock(now func() time.Time, sleep func(context.Context, time.Duration) error) {
	j.outages.now, j.outages.sleep = now, sleep
}
