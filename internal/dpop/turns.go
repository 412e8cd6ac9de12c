package dpop

import "time"

// turns are how calls share the nonces of a server. Usually, all use the latest one side by side. A server that
// accepts each nonce once would refuse all but one of them, again and again: then calls take turns, for a while.
type turns struct {
	running int           // calls that are on their way
	until   time.Time     // until then, calls take turns
	busy    chan struct{} // holds one element while a call has its turn
}

// turnsLast is for how long calls take turns after it was necessary.
const turnsLast = time.Minute

// turn returns the channel that a call fills to take its turn; nil if calls take none.
func (p *Prover) turn(server Server) chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t := &p.turns[server]; time.Now().Before(t.until) {
		return t.busy
	}
	return nil
}

// takeTurns makes calls take turns from now on.
func (p *Prover) takeTurns(server Server) {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := &p.turns[server]
	if t.busy == nil {
		t.busy = make(chan struct{}, 1)
	}
	t.until = time.Now().Add(turnsLast)
}

// depart counts a call that is on its way, and reports whether there are others.
func (p *Prover) depart(server Server) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := &p.turns[server]
	t.running++
	return t.running > 1
}

// arrive counts a call that is no longer on its way, and reports whether others are.
func (p *Prover) arrive(server Server) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	t := &p.turns[server]
	t.running--
	return t.running > 0
}
