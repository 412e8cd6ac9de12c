// Package expiring caches one value that expires, such as an access token, and fetches it once for all that need it.
package expiring

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Fetch gets a new value and says when it expires.
type Fetch[T comparable] func(ctx context.Context) (value T, expires time.Time, err error)

// Cache holds the latest value. Its states are: empty, where callers wait for a fetch; valid; due, where callers get
// the value while a fetch for the next one is under way; and refused, where the value was fetched because the one
// before was refused, and is refused, too: the next fetch then waits, longer each time.
type Cache[T comparable] struct {
	fetch   Fetch[T]
	timeout time.Duration

	mu      sync.Mutex
	value   T // zero if there is none
	expires time.Time
	refresh time.Time  // from then on a fetch gets the next value
	pending *result[T] // of the fetch that is under way; nil if none is

	refusals int       // values refused in a row
	retryAt  time.Time // when a refused value may be dropped; zero if the present one was not refused
}

// result is what a fetch comes to, for all that wait for it.
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
	go func() {
		defer cancel()
		c.run(ctx, pending)
	}()
}

// run fetches. A panic or a Goexit in code of the caller must not leave others waiting.
func (c *Cache[T]) run(ctx context.Context, pending *result[T]) {
	var expires time.Time
	pending.err = errors.New("the fetch was abandoned")
	defer func() {
		if p := recover(); p != nil {
			pending.err = fmt.Errorf("panic in the fetch: %v", p)
		}
		c.finish(pending, expires)
	}()
	pending.value, expires, pending.err = c.fetch(ctx)
}

func (c *Cache[T]) finish(pending *result[T], expires time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	close(pending.done)
	c.pending = nil
	if pending.err == nil {
		c.value, c.expires, c.retryAt = pending.value, expires, time.Time{}
	}
	c.schedule(pending.err)
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

// Refused tells the cache that the server has refused value, and reports whether Get may now return a better one.
func (c *Cache[T]) Refused(value T) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := time.Now()
	switch {
	case c.value != value:
		return true
	case c.refusals > 0 && c.retryAt.IsZero():
		c.retryAt = now.Add(backoff(c.refusals))
		return false
	case now.Before(c.retryAt):
		return false
	}
	c.refusals++
	var none T
	c.value = none
	return true
}

// backoff doubles from two seconds to about a minute.
func backoff(refusals int) time.Duration { return time.Second << min(refusals, 6) }

// Accepted tells the cache that the server has accepted value.
func (c *Cache[T]) Accepted(value T) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.value == value {
		c.refusals, c.retryAt = 0, time.Time{}
	}
}
