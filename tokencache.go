package okta

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/grantkit/okta/internal/jws"
	"github.com/grantkit/okta/internal/wire"
)

// accessToken is a token of the token endpoint.
type accessToken struct {
	value    secret
	proofKey *jws.ProofKey // nil if the token is not bound to one
	expires  time.Time
}

func (t *accessToken) alive() bool { return t != nil && time.Now().Before(t.expires) }

// tokenCache holds the one token of a client.
type tokenCache struct {
	mu      sync.Mutex
	token   *accessToken // nil if there is none
	refresh time.Time    // from then on a new one is asked for
	fetch   *tokenFetch  // nil if none is under way
}

// tokenFetch is a request for a token, for all that wait for it.
type tokenFetch struct {
	waiting int
	cancel  context.CancelFunc
	done    chan struct{} // closed when token and err are final
	token   *accessToken
	err     error
}

// fetchTimeout bounds one fetch of a token, its retries included: a rate limit window and some slack.
const fetchTimeout = 90 * time.Second

// get returns a token that is alive. One fetch serves all callers that need a new one, and goes on while any of them waits.
// While the old token is alive, nobody waits: its renewal goes on in the background, whatever becomes of the call that began
// it.
func (c *tokenCache) get(ctx context.Context, mint func(context.Context) (*accessToken, error)) (*accessToken, error) {
	c.mu.Lock()
	if c.token.alive() {
		defer c.mu.Unlock()
		if c.fetch == nil && !time.Now().Before(c.refresh) {
			c.begin(ctx, mint)
		}
		return c.token, nil
	}
	if c.fetch == nil {
		c.begin(ctx, mint)
	}
	fetch := c.fetch
	fetch.waiting++
	c.mu.Unlock()
	defer c.leave(fetch)
	select {
	case <-fetch.done:
		return fetch.token, fetch.err
	case <-ctx.Done():
		return nil, ended(ctx)
	}
}

// begin begins a fetch, which has the values of ctx and a time of its own.
func (c *tokenCache) begin(ctx context.Context, mint func(context.Context) (*accessToken, error)) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fetchTimeout)
	c.fetch = &tokenFetch{cancel: cancel, done: make(chan struct{})}
	go c.run(ctx, c.fetch, mint)
}

// leave ends a fetch for which nobody waits any more.
func (c *tokenCache) leave(fetch *tokenFetch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if fetch.waiting--; fetch.waiting > 0 {
		return
	}
	fetch.cancel()
	if c.fetch == fetch {
		c.fetch = nil
	}
}

// run makes a fetch. Whatever the program's own functions do that it calls on the way, those that wait get an end.
func (c *tokenCache) run(ctx context.Context, fetch *tokenFetch, mint func(context.Context) (*accessToken, error)) {
	defer fetch.cancel()
	var token *accessToken
	err := errors.New("the sign-in was abandoned")
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic during the sign-in: %v", p)
		}
		c.finish(fetch, token, err)
	}()
	token, err = mint(ctx)
	if err != nil && ctx.Err() != nil {
		err = late(err)
	}
}

func (c *tokenCache) finish(fetch *tokenFetch, token *accessToken, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fetch.token, fetch.err = token, err
	close(fetch.done)
	if c.fetch != fetch { // nobody waits for it, or its token would be an old one by now
		return
	}
	c.fetch = nil
	if err == nil {
		c.token = token
	}
	c.schedule(err)
}

// late is the error of a fetch whose time was over. It does not match the error of a context: that would seem to be a caller's.
func late(err error) error {
	timeout := fmt.Errorf("no access token within %v: %w", fetchTimeout, os.ErrDeadlineExceeded)
	if answer, ok := errors.AsType[*Error](err); ok {
		return fmt.Errorf("%w; the answer before: %w", timeout, answer)
	}
	return timeout
}

// schedule sets when the token is renewed: after 70 to 90 % of the life that it has left, or a little later when that has just
// failed. Chance keeps clients that began together apart.
func (c *tokenCache) schedule(err error) {
	if c.token == nil {
		return
	}
	left := time.Until(c.token.expires)
	wait := left*7/10 + share(left/5)
	if err != nil {
		wait = min(left/4, time.Minute) + share(left/8)
	}
	c.refresh = time.Now().Add(wait)
}

func share(d time.Duration) time.Duration { return rand.N(max(d, 1)) } //nolint:gosec // spreads load

// drop forgets a token that was refused. It reports false if a new one has taken its place.
func (c *tokenCache) drop(token *accessToken) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token != token && c.token != nil {
		return false
	}
	c.token = nil
	return true
}

// mint asks the token endpoint for a token.
func (s *serviceSession) mint(ctx context.Context) (*accessToken, error) {
	signer := &tokenSigner{session: s}
	a, err := s.client.send(ctx, request{
		method: http.MethodPost, url: s.tokenURL, accepts: http.StatusOK, signIn: true, signer: signer,
	})
	if err != nil {
		return nil, err
	}
	return decode(a, func(body []byte) (*accessToken, error) {
		answer, err := wire.Members(body)
		if err != nil {
			return nil, errors.New("it is not a JSON object") // err might quote the token
		}
		return signer.accept(answer)
	})
}

// accept makes a token of an answer of the token endpoint.
func (g *tokenSigner) accept(answer map[string]any) (*accessToken, error) {
	value, _ := answer["access_token"].(string)
	kind, _ := answer["token_type"].(string)
	if value == "" {
		return nil, errors.New("it holds no access_token")
	}
	if checkToken(value) != nil {
		return nil, errors.New("its access_token holds a character that no token has")
	}
	token := &accessToken{value: newSecret(value), expires: g.asked.Add(lifetime(answer["expires_in"]))}
	switch {
	case strings.EqualFold(kind, "DPoP") && g.proofKey != nil:
		token.proofKey = g.proofKey
		return token, nil
	case strings.EqualFold(kind, "Bearer") && !g.session.demandBound:
		return token, nil
	case strings.EqualFold(kind, "Bearer"):
		return nil, errors.New("its token is not bound, which ServiceApp.DPoP demands")
	}
	return nil, errors.New("its token_type is not one that was asked for")
}

const (
	defaultLifetime = 5 * time.Minute // when the endpoint does not say; Okta's tokens live for an hour
	maxLifetime     = 24 * time.Hour
)

// lifetime reads expires_in, in seconds.
func lifetime(value any) time.Duration {
	seconds, ok := value.(float64)
	if s, isText := value.(string); isText {
		n, err := strconv.ParseFloat(s, 64)
		seconds, ok = n, err == nil
	}
	if !ok || !(seconds > 0) {
		return defaultLifetime
	}
	return time.Duration(min(seconds, maxLifetime.Seconds()) * float64(time.Second))
}
