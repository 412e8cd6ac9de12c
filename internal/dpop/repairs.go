package dpop

import (
	"context"
	"net/http"
)

// Repairs is what one call has tried to have its assertions and proofs accepted. Each attempt of the call is between
// Begin and Done.
type Repairs struct {
	begun  bool
	turn   chan struct{} // that the attempt has taken; nil if calls take none
	others bool          // other calls were on their way at the same time
	fresh  bool          // the latest response brought a nonce

	nonces    int  // refused nonces
	overtaken int  // of which another call may have used up
	clock     bool // the server's clock has been believed
	proof     bool // another proof has been made
}

// Bounds of how many nonces of one call may be refused. A server may change its nonce while a request is on its way;
// and if it changes it with each response, calls use up each other's nonces until they take turns.
const (
	maxNonces    = 3
	maxOvertaken = 16
)

// Begin is called before an attempt's proof is made. It waits for the call's turn if the server makes that necessary.
// A second Begin of the same attempt keeps the turn.
func (r *Repairs) Begin(ctx context.Context, p *Prover, server Server) error {
	if r.begun {
		return nil
	}
	if turn := p.turn(server); turn != nil {
		select {
		case turn <- struct{}{}:
			r.turn = turn
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	r.begun, r.others = true, p.depart(server)
	return nil
}

// Done is called after each attempt, with the header of its response; nil if there was none. It takes over the nonce
// before the next call has its turn.
func (r *Repairs) Done(p *Prover, server Server, header http.Header) {
	r.fresh = p.learn(server, header)
	if !r.begun {
		return
	}
	r.others = p.arrive(server) || r.others
	r.begun = false
	if r.turn != nil {
		<-r.turn
		r.turn = nil
	}
}

// Possible reports whether the response to a refused request brought what the next one needs: a nonce, or a clock that
// differs from what was believed. A proof may also have been used up, when a transport sent its request twice. code is
// the response's OAuth error code.
func (r *Repairs) Possible(p *Prover, server Server, header http.Header, code string) bool {
	if code == "use_dpop_nonce" {
		return r.fresh && r.nonceRefused(p, server)
	}
	if r.clock {
		p.forgetClock() // it was no help
		return false
	}
	r.clock = p.learnClock(header)
	again := r.clock || !r.proof && Refuses(code)
	r.proof = true
	return again
}

// nonceRefused reports whether the call may try another nonce.
func (r *Repairs) nonceRefused(p *Prover, server Server) bool {
	if r.others {
		r.overtaken++
	} else {
		r.nonces++
	}
	if r.overtaken > 0 && r.overtaken+r.nonces > 1 { // a server that keeps its nonce for a while refuses one
		p.takeTurns(server)
	}
	return r.nonces <= maxNonces && r.overtaken <= maxOvertaken
}
