package ratelimit

import (
	"container/list"
	"time"
)

// queue holds the requests that are throttled, in the order in which their calls began. It is
//
//	empty    no request waits; the timer may still expire once
//	waiting  the timer expires when the first request may be sent, unless a response changes that before
type queue struct {
	waiters  list.List // of *waiter
	wake     func()    // is called when the timer expires
	timer    *time.Timer
	wakesAt  time.Time // zero if the timer does not run
	failedTo time.Time // waiters whose deadline precedes this have failed
}

// waiter is a request that is throttled.
type waiter struct {
	bucket   *bucket
	element  *list.Element // of the queue
	ready    chan struct{} // closed once ticket or err is set
	ticket   *Ticket
	err      error
	route    string
	since    time.Time // when its call began
	asked    time.Time
	deadline time.Time // zero if there is none
	reason   string
}

// admit lets the waiter through.
func (w *waiter) admit(t *Ticket, now time.Time) {
	t.Throttled, t.Reason = now.Sub(w.asked), w.reason
	w.ticket = t
	close(w.ready)
}

func (q *queue) len() int { return q.waiters.Len() }

// first returns the next waiter, or nil.
func (q *queue) first() *waiter {
	if front := q.waiters.Front(); front != nil {
		return front.Value.(*waiter)
	}
	return nil
}

func (q *queue) remove(w *waiter) { q.waiters.Remove(w.element) }

// add inserts a waiter behind those whose calls began before its own, and returns its place, counted from 0. It looks
// from both ends: new calls belong at the back, and those that were refused at the front.
func (q *queue) add(w *waiter) (place int) {
	front, back := q.waiters.Front(), q.waiters.Back()
	for i := range q.len() {
		if !w.since.Before(back.Value.(*waiter).since) {
			w.element = q.waiters.InsertAfter(w, back)
			return q.len() - 1 - i
		}
		if w.since.Before(front.Value.(*waiter).since) {
			w.element = q.waiters.InsertBefore(w, front)
			return i
		}
		front, back = front.Next(), back.Prev()
	}
	w.element = q.waiters.PushBack(w)
	return 0
}

// failLate fails waiters whose deadline precedes the next slot. check returns the error of a waiter at a place, or nil
// if its slot comes in time.
func (q *queue) failLate(at time.Time, check func(w *waiter, place int) error) {
	if !at.After(q.failedTo) {
		return
	}
	q.failedTo = at
	place := 0
	for next := q.waiters.Front(); next != nil; {
		w := next.Value.(*waiter)
		next = next.Next()
		if w.err = check(w, place); w.err == nil {
			place++
			continue
		}
		q.remove(w)
		close(w.ready)
	}
}

// wakeAt sets the timer to a time.
func (q *queue) wakeAt(at, now time.Time) {
	switch {
	case q.timer == nil:
		q.timer = time.AfterFunc(at.Sub(now), q.wake)
	case !at.Equal(q.wakesAt):
		q.timer.Reset(at.Sub(now))
	}
	q.wakesAt = at
}

// woken notes that the timer has expired.
func (q *queue) woken() { q.wakesAt = time.Time{} }
