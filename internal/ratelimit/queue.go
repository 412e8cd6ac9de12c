package ratelimit

import (
	"container/list"
	"time"
)

// queue has the requests that are throttled, in the order in which their calls began, and a timer for the next one.
//
//	empty    nobody waits; the timer may still run out once
//	waiting  the timer runs out when the first one may go, if no response changes that before
type queue struct {
	waiters  list.List // of *waiter
	wake     func()    // looks at the queue again
	timer    *time.Timer
	wakesAt  time.Time // zero if the timer does not run
	failedTo time.Time // waiters whose deadlines precede this have failed
}

// waiter is a request that is throttled.
type waiter struct {
	bucket   *bucket
	element  *list.Element // of the queue
	ready    chan struct{} // closed when ticket or err is there
	ticket   *Ticket
	err      error
	route    string
	since    time.Time // when its call began
	asked    time.Time
	deadline time.Time // zero if there is none
	reason   string
}

// admit lets the waiter go.
func (w *waiter) admit(t *Ticket, now time.Time) {
	t.Throttled, t.Reason = now.Sub(w.asked), w.reason
	w.ticket = t
	close(w.ready)
}

func (q *queue) len() int { return q.waiters.Len() }

// first returns the waiter that is next, and nil if there is none.
func (q *queue) first() *waiter {
	if front := q.waiters.Front(); front != nil {
		return front.Value.(*waiter)
	}
	return nil
}

func (q *queue) remove(w *waiter) { q.waiters.Remove(w.element) }

// add puts a waiter behind those whose calls began before its own, and returns its place, counted from 0. Most belong
// at the back, and those that were refused at the front.
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

// failLate fails waiters whose deadline precedes the next slot, which is at a time. check returns the error of one at a
// place, and nil if it can go in time.
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

// wakeAt sets the timer.
func (q *queue) wakeAt(at, now time.Time) {
	switch {
	case q.timer == nil:
		q.timer = time.AfterFunc(at.Sub(now), q.wake)
	case !at.Equal(q.wakesAt):
		q.timer.Reset(at.Sub(now))
	}
	q.wakesAt = at
}

// woken says that the timer has run out.
func (q *queue) woken() { q.wakesAt = time.Time{} }
