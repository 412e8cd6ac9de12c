package run

import (
	"context"
	"strings"
	"sync"
	"time"

	"github.com/grantkit/okta"
)

// Meter counts the calls of a client and their rate. Its OnAttempt goes into the client's okta.Config. The zero value
// is ready to use.
type Meter struct {
	mu    sync.Mutex
	calls int
	began time.Time // of the first call
	ring  [rateSpan]slot
}

// rateSpan is over how many seconds the rate is measured.
const rateSpan = 60

// slot counts the calls of one second.
type slot struct{ second, calls int }

// OnAttempt counts a request to Okta's API. Those to the token endpoint do not count.
func (m *Meter) OnAttempt(_ context.Context, attempt okta.Attempt) {
	if !strings.HasPrefix(attempt.Route, "/api/") {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.calls == 0 {
		m.began = time.Now()
	}
	m.calls++
	second := m.second()
	if s := &m.ring[second%rateSpan]; s.second != second {
		*s = slot{second: second}
	}
	m.ring[second%rateSpan].calls++
}

// second is the current second since the first call.
func (m *Meter) second() int { return int(time.Since(m.began) / time.Second) }

// Calls returns how many requests were sent.
func (m *Meter) Calls() int {
	if m == nil {
		return 0
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls
}

// PerMinute returns the rate of the last minute, or of the time since the first call if that is shorter.
func (m *Meter) PerMinute() float64 {
	if m == nil {
		return 0
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.calls == 0 {
		return 0
	}
	now, recent := m.second(), 0
	for _, s := range m.ring {
		if s.second > now-rateSpan {
			recent += s.calls
		}
	}
	measured := min(max(time.Since(m.began), time.Second), rateSpan*time.Second)
	return float64(recent) / measured.Minutes()
}
