package dpop

import (
	"fmt"
	"net/http"
	"sync"
	"time"
)

// Server is one of the two servers that verify proofs. Each has nonces of its own.
type Server int

// The servers.
const (
	TokenEndpoint Server = iota
	API
)

// Prover makes the proofs of one client. It remembers the servers' latest nonces and their clock. The zero value has
// no key; Bind makes it. It is safe for concurrent use.
type Prover struct {
	mu     sync.Mutex
	key    *Key // nil while tokens are not bound
	nonces [2]string
	turns  [2]turns
	skew   time.Duration // the server's clock minus the local one
}

// Bind makes the key to which tokens are bound from now on, if there is none yet.
func (p *Prover) Bind() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.key != nil {
		return nil
	}
	key, err := newKey()
	p.key = key
	return err
}

// Key returns the key to which new tokens are bound, nil for none.
func (p *Prover) Key() *Key {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.key
}

// Now is the time by the server's clock, as far as that is known.
func (p *Prover) Now() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Now().Add(p.skew)
}

// Prove adds a new proof to req and returns it. accessToken is empty for a token request.
func (p *Prover) Prove(req *http.Request, server Server, key *Key, accessToken string) (string, error) {
	p.mu.Lock()
	nonce, now := p.nonces[server], time.Now().Add(p.skew)
	p.mu.Unlock()
	proof, err := key.proof(req.Method, req.URL, accessToken, nonce, now)
	if err != nil {
		return "", fmt.Errorf("sign the DPoP proof: %w", err)
	}
	req.Header.Set("DPoP", proof)
	return proof, nil
}

// learn takes over the nonce of a response, and reports whether there was one.
func (p *Prover) learn(server Server, header http.Header) bool {
	nonce := header.Get("DPoP-Nonce")
	if !isNonce(nonce) {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.nonces[server] = nonce
	return true
}

const maxNonceLength = 256

func isNonce(text string) bool {
	for _, b := range []byte(text) {
		if b <= ' ' || b > '~' {
			return false
		}
	}
	return text != "" && len(text) <= maxNonceLength
}

// maxSkew is how far clocks may be apart before the server's is believed, which costs an attempt.
const maxSkew = 30 * time.Second

// learnClock takes over the server's clock, and reports whether it differs much from what was believed of it.
func (p *Prover) learnClock(header http.Header) bool {
	date, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	skew := time.Until(date)
	if (skew - p.skew).Abs() <= maxSkew {
		return false
	}
	p.skew = skew
	return true
}

func (p *Prover) forgetClock() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.skew = 0
}

// Refuses reports whether an OAuth error code is about a proof.
func Refuses(code string) bool { return code == "use_dpop_nonce" || code == "invalid_dpop_proof" }
