package ratelimit

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
)

func TestQueueIsInTheOrderOfCalls(t *testing.T) {
	t.Parallel()
	var q queue
	assert.Nil(t, q.first())
	start := time.Now()
	var places []int
	for _, n := range []int{3, 5, 1, 4, 4, 2} {
		places = append(places, q.add(&waiter{since: start.Add(time.Duration(n))}))
	}
	assert.Equal(t, []int{0, 1, 0, 2, 3, 1}, places)
	var order []time.Duration
	for q.len() > 0 {
		w := q.first()
		order = append(order, w.since.Sub(start))
		q.remove(w)
	}
	assert.Equal(t, []time.Duration{1, 2, 3, 4, 4, 5}, order)
}

func TestQueueFailsWhoCannotGoInTime(t *testing.T) {
	t.Parallel()
	var q queue
	start, late := time.Now(), errors.New("late")
	var all []*waiter
	for n := range 4 {
		w := &waiter{since: start.Add(time.Duration(n)), ready: make(chan struct{})}
		all = append(all, w)
		q.add(w)
	}
	var places []int
	q.failLate(start, func(w *waiter, place int) error {
		places = append(places, place)
		if w == all[1] {
			return late
		}
		return nil
	})
	assert.Equal(t, []int{0, 1, 1, 2}, places, "who fails takes no place")
	assert.Equal(t, 3, q.len())
	<-all[1].ready
	assert.Equal(t, late, all[1].err)
	q.failLate(start, func(*waiter, int) error { t.Error("nothing has changed"); return nil })
}

func TestQueueWakes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		woken := 0
		var q queue
		var mu sync.Mutex // the limiter's
		q.wake = func() {
			mu.Lock()
			defer mu.Unlock()
			woken++
			q.woken()
		}
		wakeAt := func(at time.Time) {
			mu.Lock()
			defer mu.Unlock()
			q.wakeAt(at, time.Now())
		}
		at := time.Now().Add(time.Second)
		wakeAt(at)
		wakeAt(at)
		time.Sleep(time.Second) //nolint:forbidigo // the bubble's clock
		synctest.Wait()
		assert.Equal(t, 1, woken)
		wakeAt(at)
		synctest.Wait()
		assert.Equal(t, 2, woken, "the same time, though it is over")
		wakeAt(time.Now().Add(time.Minute))
		wakeAt(time.Now().Add(time.Second))
		time.Sleep(time.Second) //nolint:forbidigo // the bubble's clock
		synctest.Wait()
		assert.Equal(t, 3, woken, "earlier")
	})
}
