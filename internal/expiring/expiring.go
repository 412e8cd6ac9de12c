// Package expiring caches one value that expires, such as an access token, and fetches it once for all that need it.
package expiring

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"time"
)

// Fetch gets a new value and says when it expires.
type Fetch[T comparable] func(ctx context.Context) (value T, expires time.Time, err error)

// Cache holds the latest value. It is in one of three states: empty, where callers wait for a fetch; valid; or due,
// where callers get the value while a fetch for the next one is under way.
//
// A value that the server refuses is dropped, and the next one fetched at once. If that did not help, the next time
// waits, longer each time: either the server refuses every value, or a resource refuses values that are good. What one
// resource refuses says little of the value if others accept it. So there are two waits: one for refusals by resources
// that have accepted the present value, which has probably been revoked then, and a longer one for all others. A value
// that one caller has used with success ends no wait of another: only a replacement that helped does.
type Cache[T comparable] struct {
	fetch   Fetch[T]
	timeout time.Duration

	mu      sync.Mutex
	value   T // zero if there is none
	expires time.Time
	refresh time.Time  // from then on a fetch gets the next value
	pending *result[T] // of the fetch that is under way; nil if none is

	accepted map[string]bool // resources that have accepted the present value
	known    pause           // of replacing a value that a resource refuses after it has accepted it
	others   pause           // of replacing a value otherwise
}

// pause keeps replacements of refused values apart that do not help.
type pause struct {
	replaced int // values in a row whose replacement did not help
	until    time.Time
}

func (p *pause) begin() {
	if p.replaced > 0 {
		p.until = time.Now().Add(backoff(p.replaced))
	}
}

// result is the outcome of a fetch, for all waiters.
type result[T any] struct {
	done  chan struct{} // closed when value and err are final
	value T
	err   error
}

// New returns an empty cache. Each fetch may take at most timeout, its retries included.
func New[T comparable](timeout time.Duration, fetch Fetch[T]) *Cache[T] {
	return &Cache[T]{fetch: fetch, timeout: timeout}
}

// Get returns a value that has not expired. One fetch serves all callers that need a new one. It goes on, up to its
// timeout, when the callers that wait for it leave: a loop of calls with short deadlines would otherwise never get a
// value.
func (c *Cache[T]) Get(ctx context.Context) (T, error) {
	c.mu.Lock()
	now := time.Now()
	if c.valid(now) {
		defer c.mu.Unlock()
		if c.pending == nil && !now.Before(c.refresh) {
			c.begin(ctx)
		}
		return c.value, nil
	}
	if c.pending == nil {
		c.begin(ctx)
	}
	pending := c.pending
	c.mu.Unlock()
	select {
	case <-pending.done:
		return pending.value, pending.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

func (c *Cache[T]) valid(now time.Time) bool {
	var none T
	return c.value != none && now.Before(c.expires)
}

// begin starts a fetch, which has the values of ctx and a timeout of its own.
func (c *Cache[T]) begin(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.timeout)
	pending := &result[T]{done: make(chan struct{})}
	c.pending = pending
	stuck := time.AfterFunc(c.timeout+grace, func() {
		c.finish(pending, fetched[T]{err: fmt.Errorf("no result within %v: %w", c.timeout, os.ErrDeadlineExceeded)})
	})
	go func() {
		defer cancel()
		defer stuck.Stop()
		c.run(ctx, pending)
	}()
}

// grace is what a fetch has after its timeout to say why it failed. One that is stuck in code that knows no context,
// such as a Signer, is abandoned then.
const grace = time.Second

// fetched is what a fetch returns.
type fetched[T any] struct {
	value   T
	expires time.Time
	err     error
}

// run fetches. A panic or a Goexit in code of the caller must not leave others waiting.
func (c *Cache[T]) run(ctx context.Context, pending *result[T]) {
	f := fetched[T]{err: errors.New("the fetch was abandoned")}
	defer func() {
		if p := recover(); p != nil {
			f.err = fmt.Errorf("panic in the fetch: %v", p)
		}
		c.finish(pending, f)
	}()
	f.value, f.expires, f.err = c.fetch(ctx)
}

// finish hands on what a fetch came to. A fetch that was abandoned is too late.
func (c *Cache[T]) finish(pending *result[T], f fetched[T]) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.pending != pending {
		return
	}
	c.pending = nil
	pending.value, pending.err = f.value, f.err
	close(pending.done)
	if f.err == nil {
		c.value, c.expires = f.value, f.expires
		c.accepted = map[string]bool{}
		c.known.begin()
		c.others.begin()
	}
	c.schedule(f.err)
}

// schedule sets when the value is refreshed: after 70 to 90 % of the life that it has left, or a little later if that
// has just failed. Chance keeps clients apart that began together.
func (c *Cache[T]) schedule(err error) {
	left := time.Until(c.expires)
	wait := left/10*7 + upTo(left/5)
	if err != nil {
		wait = min(max(left/4, time.Second), time.Minute) + upTo(left/8)
	}
	c.refresh = time.Now().Add(wait)
}

func upTo(d time.Duration) time.Duration { return rand.N(max(d, 1)) } //nolint:gosec // spreads load

// Refused tells the cache that a resource has refused value, and reports whether Get may now return a better one.
func (c *Cache[T]) Refused(value T, resource string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	known := c.accepted[resource]
	wait := &c.others
	if known {
		wait = &c.known
	}
	switch {
	case c.value != value:
		return true
	case time.Now().Before(wait.until):
		return false
	}
	c.others.replaced++
	if known {
		c.known.replaced++
	}
	var none T
	c.value = none
	return true
}

// backoff doubles from two seconds to about a minute.
func backoff(replaced int) time.Duration { return time.Second << min(replaced, 6) }

// maxAccepted bounds how many resources are remembered, of a program that uses ever new ones.
const maxAccepted = 1000

// Accepted tells the cache that a resource has accepted value. helped says that the same caller was refused with the
// value before it: to replace that one was right.
func (c *Cache[T]) Accepted(value T, resource string, helped bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.value != value {
		return
	}
	if helped {
		c.known, c.others = pause{}, pause{}
	}
	if !c.accepted[resource] && len(c.accepted) < maxAccepted {
		c.accepted[resource] = true
	}
}
