package faults_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"
)

const soakWorkers = 256

// soakTime is how long the load lasts: OKTA_SOAK, or a few seconds by default.
func soakTime(t *testing.T) time.Duration {
	t.Helper()
	if text := os.Getenv("OKTA_SOAK"); text != "" {
		d, err := time.ParseDuration(text)
		require.NoError(t, err, "OKTA_SOAK")
		return d
	}
	if testing.Short() {
		return time.Second
	}
	return 8 * time.Second
}

// soak is an org under load, and what is counted. Each worker has a user and a client of its own, so that it knows
// which grants and tokens the org must store.
type soak struct {
	t         *testing.T
	org       *oktatest.Org
	client    *okta.Client
	transport *http.Transport
	calls, requests, injected, retried,
	ended atomic.Int64

	mu     sync.Mutex
	chance *rand.Rand
}

// TestLoad shares one client among many goroutines while one request in twenty fails, and compares the outcome of
// each call with what the org then stores. OKTA_SOAK=5m makes it run for five minutes.
func TestLoad(t *testing.T) { //nolint:paralleltest // it measures the memory of the process
	s := newSoak(t)
	workers := make([]*worker, soakWorkers)
	for i := range workers {
		workers[i] = s.newWorker(uint64(i))
	}
	ctx, cancel := context.WithTimeout(t.Context(), soakTime(t))
	defer cancel()
	var all sync.WaitGroup
	for _, w := range workers {
		all.Go(func() {
			for ctx.Err() == nil && !t.Failed() {
				w.step(context.WithoutCancel(ctx))
				s.calls.Add(1)
			}
		})
	}
	figures := s.watch(ctx)
	all.Wait()
	t.Logf("%d calls by %d goroutines, %d requests, %d faults, %d retries, %d calls ended by their context; %s",
		s.calls.Load(), soakWorkers, s.requests.Load(), s.injected.Load(), s.retried.Load(), s.ended.Load(), figures)
	assert.Greater(t, s.injected.Load(), s.requests.Load()/40)
	for name, state := range s.client.RateLimits() {
		assert.Zero(t, state.InFlight+state.Waiting, name)
	}
}

func newSoak(t *testing.T) *soak {
	t.Helper()
	s := &soak{
		t: t, transport: &http.Transport{MaxIdleConnsPerHost: soakWorkers},
		chance: rand.New(rand.NewPCG(7, 7)), //nolint:gosec // reproducible on purpose
	}
	front := httptest.NewUnstartedServer(s)
	front.Config.ErrorLog = log.New(io.Discard, "", 0)
	address := "http://" + front.Listener.Addr().String()
	s.org = oktatest.New(oktatest.Options{PublicURL: address})
	s.org.AcceptAPIToken(apiToken)
	s.org.DropLogEvents( // the System Log grows with what the load makes, and so would the heap
		oktatest.EventConsentGranted, oktatest.EventServerConsentGranted,
		oktatest.EventRefreshTokenGranted, oktatest.EventServerRefreshTokenGranted)
	s.org.LimitRate(oktatest.BucketAPI, 1000, time.Second)
	t.Cleanup(s.org.Close)
	front.Start()
	t.Cleanup(front.Close)
	t.Cleanup(s.transport.CloseIdleConnections)
	key, err := serviceKey()
	require.NoError(t, err)
	scopes := []string{
		"okta.users.read", "okta.users.manage", "okta.authorizationServers.read", "okta.authorizationServers.manage",
	}
	app := s.org.AddServiceApp(oktatest.ServiceApp{
		Keys: []oktatest.ServiceAppKey{{Public: key.Public()}}, Scopes: scopes,
	})
	s.client, err = okta.NewClient(okta.Config{
		OrgURL:      address,
		Credentials: okta.ServiceApp{ClientID: app.ClientID, PrivateKey: okta.PrivateKeyFromSigner(key), Scopes: scopes},
		HTTPClient:  &http.Client{Transport: s.transport},
		Retry:       okta.RetryOptions{MaxRetries: 10, MinWait: time.Millisecond, MaxWait: 3 * time.Second},
		OnAttempt: func(_ context.Context, r okta.Attempt) {
			if r.Wait > 0 {
				s.retried.Add(1)
			}
		},
	})
	require.NoError(t, err)
	return s
}

// ServeHTTP serves the org, and a fault for one request in twenty.
func (s *soak) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.requests.Add(1)
	s.mu.Lock()
	good, kind := s.chance.IntN(20) > 0, s.chance.IntN(6)
	s.mu.Unlock()
	if good {
		s.org.ServeHTTP(w, r)
		return
	}
	s.injected.Add(1)
	[]oktatest.Fault{
		oktatest.Drop(), oktatest.DropResponse(), oktatest.CutBody(20), oktatest.Reply(503, nil, "<html>"),
		oktatest.Reply(500, nil, `{"errorCode":"E0000009"}`), carriedOut502,
	}[kind](w, r, s.org)
}

// carriedOut502 is a gateway that lost the response.
func carriedOut502(w http.ResponseWriter, r *http.Request, org http.Handler) {
	org.ServeHTTP(httptest.NewRecorder(), r)
	w.WriteHeader(http.StatusBadGateway)
}

// watch measures memory and goroutines until ctx ends. It also clears the log of the org and sometimes revokes the
// access tokens.
func (s *soak) watch(ctx context.Context) string {
	ticks := time.NewTicker(min(soakTime(s.t)/8, 15*time.Second))
	defer ticks.Stop()
	var heaps []uint64
	var goroutines []int
	for {
		select {
		case <-ctx.Done():
			half := len(heaps) / 2
			early, late := slices.Max(heaps[:half]), slices.Max(heaps[half:])
			assert.LessOrEqual(s.t, late, early*5/4+16<<20, "the heap grows: %v", heaps)
			assert.LessOrEqual(s.t, slices.Max(goroutines), 8*soakWorkers, "goroutines")
			return fmt.Sprintf("heap %d MB in the first half and %d MB in the second, at most %d goroutines",
				early>>20, late>>20, slices.Max(goroutines))
		case <-ticks.C:
			s.org.ClearRequests()
			if len(heaps)%8 == 3 { // rarely: a call fails if its token is revoked twice
				s.org.RevokeAccessTokens()
			}
			runtime.GC()
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			heaps = append(heaps, m.HeapAlloc)
			goroutines = append(goroutines, runtime.NumGoroutine())
		}
	}
}

// worker makes calls about a user of its own.
type worker struct {
	*soak
	chance         *rand.Rand
	user, app      string
	grants, tokens []string // that the org must store, in order
}

func (s *soak) newWorker(seed uint64) *worker {
	w := &worker{soak: s, chance: rand.New(rand.NewPCG(seed, 1))} //nolint:gosec // reproducible on purpose
	w.user = s.org.AddUser(oktatest.User{}).ID
	w.app = s.org.AddClient(oktatest.Client{}).ID
	return w
}

// refill adds what is needed to have something to revoke.
func (w *worker) refill() {
	for len(w.grants) < 7 {
		w.grants = append(w.grants, w.org.AddGrant(oktatest.Grant{UserID: w.user, ClientID: w.app}).ID)
	}
	for len(w.tokens) < 7 {
		w.tokens = append(w.tokens, w.org.AddRefreshToken(oktatest.RefreshToken{UserID: w.user, ClientID: w.app}).ID)
	}
}

// stored returns the IDs of a list as the org stores it, without the SDK and the network.
func (w *worker) stored(ctx context.Context, path string) []string {
	req := httptest.NewRequestWithContext(context.WithoutCancel(ctx), http.MethodGet, path+"?limit=200", nil)
	req.Header.Set("Authorization", "SSWS "+apiToken)
	recorder := httptest.NewRecorder()
	w.org.ServeHTTP(recorder, req)
	var items []struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(recorder.Body.Bytes(), &items); err != nil {
		w.t.Errorf("%s: %d %v", path, recorder.Code, err)
	}
	ids := make([]string, len(items))
	for i, item := range items {
		ids[i] = item.ID
	}
	return ids
}

func (w *worker) storedGrants(ctx context.Context) []string {
	return w.stored(ctx, "/api/v1/users/"+w.user+"/grants")
}

func (w *worker) storedTokens(ctx context.Context) []string {
	return w.stored(ctx, "/api/v1/users/"+w.user+"/clients/"+w.app+"/tokens")
}

// Kinds of calls. Those below reading change nothing, so that they may be cancelled at any time.
const (
	reading    = 9
	operations = 18
)

// step makes one call and checks it.
func (w *worker) step(ctx context.Context) {
	w.refill()
	kind, hasty := w.chance.IntN(operations), false
	if kind < reading {
		hasty = w.chance.IntN(20) == 0
	}
	if hasty {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(w.chance.IntN(5000))*time.Microsecond)
		defer cancel()
	}
	grant, token := w.chance.IntN(len(w.grants)), w.chance.IntN(len(w.tokens))
	what, err := w.call(ctx, kind, grant, token)
	switch {
	case err != nil && hasty && !errors.Is(err, errWrong) && !refused(err): // there was no time for a retry
		w.ended.Add(1)
	case err != nil:
		w.t.Errorf("%s of %s: %v", what, w.user, err)
	default:
		if got := w.storedGrants(ctx); !slices.Equal(got, w.grants) {
			w.t.Errorf("after %s, %s has the grants %v, wanted %v", what, w.user, got, w.grants)
		}
		if got := w.storedTokens(ctx); !slices.Equal(got, w.tokens) {
			w.t.Errorf("after %s, %s has the tokens %v, wanted %v", what, w.user, got, w.tokens)
		}
	}
}

// call makes one call. If it succeeds, call checks the result and updates what the org must store.
func (w *worker) call(ctx context.Context, kind, grant, token int) (string, error) {
	const server = oktatest.DefaultAuthorizationServerID
	c := w.client
	switch kind {
	case 0:
		got, err := c.UserGrants.Get(ctx, w.user, w.grants[grant], nil)
		return "UserGrants.Get", w.same(err, w.grants[grant], func() string { return got.ID })
	case 1, 2:
		page, err := c.UserGrants.List(ctx, w.user, &okta.ListUserGrantsOptions{Limit: 1 + w.chance.IntN(4)})
		return "UserGrants.List", w.whole(ctx, page, err)
	case 3:
		page, err := c.UserGrants.ListForClient(ctx, w.user, w.app, nil)
		return "UserGrants.ListForClient", w.whole(ctx, page, err)
	case 4:
		got, err := c.UserOAuth.GetRefreshToken(ctx, w.user, w.app, w.tokens[token], nil)
		return "UserOAuth.GetRefreshToken", w.same(err, w.tokens[token], func() string { return got.ID })
	case 5:
		page, err := c.UserOAuth.ListRefreshTokens(ctx, w.user, w.app, &okta.ListOptions{Limit: 3})
		return "UserOAuth.ListRefreshTokens", w.wholeTokens(ctx, page, err)
	case 6:
		_, err := c.AuthorizationServerClients.List(ctx, server, nil)
		return "AuthorizationServerClients.List", err
	case 7:
		got, err := c.AuthorizationServerClients.GetRefreshToken(ctx, server, w.app, w.tokens[token], nil)
		return "AuthorizationServerClients.GetRefreshToken",
			w.same(err, w.tokens[token], func() string { return got.ID })
	case 8:
		page, err := c.AuthorizationServerClients.ListRefreshTokens(ctx, server, w.app, &okta.ListOptions{Limit: 5})
		return "AuthorizationServerClients.ListRefreshTokens", w.wholeTokens(ctx, page, err)
	case 9, 10, 11:
		return "UserGrants.Revoke", revoked(&w.grants, grant, c.UserGrants.Revoke(ctx, w.user, w.grants[grant]))
	case 12:
		return "UserGrants.RevokeAll", allRevoked(&w.grants, c.UserGrants.RevokeAll(ctx, w.user))
	case 13:
		return "UserGrants.RevokeAllForClient",
			allRevoked(&w.grants, c.UserGrants.RevokeAllForClient(ctx, w.user, w.app))
	case 14:
		return "UserOAuth.RevokeRefreshToken",
			revoked(&w.tokens, token, c.UserOAuth.RevokeRefreshToken(ctx, w.user, w.app, w.tokens[token]))
	case 15:
		return "UserOAuth.RevokeAllRefreshTokens",
			allRevoked(&w.tokens, c.UserOAuth.RevokeAllRefreshTokens(ctx, w.user, w.app))
	case 16:
		err := c.AuthorizationServerClients.RevokeRefreshToken(ctx, server, w.app, w.tokens[token])
		return "AuthorizationServerClients.RevokeRefreshToken", revoked(&w.tokens, token, err)
	default:
		return "AuthorizationServerClients.RevokeAllRefreshTokens",
			allRevoked(&w.tokens, c.AuthorizationServerClients.RevokeAllRefreshTokens(ctx, server, w.app))
	}
}

// errWrong is a result that differs from what the org stores.
var errWrong = errors.New("wrong result")

// refused reports whether the org refused the call, which is valid.
func refused(err error) bool {
	failure, ok := errors.AsType[*okta.Error](err)
	return ok && failure.StatusCode/100 == 4 && failure.StatusCode != http.StatusTooManyRequests
}

// same checks the result of a read.
func (w *worker) same(err error, want string, got func() string) error {
	if err != nil {
		return err
	}
	if id := got(); id != want {
		return fmt.Errorf("%w: %v, wanted %v", errWrong, id, want)
	}
	return nil
}

func (w *worker) whole(ctx context.Context, page *okta.Page[okta.OAuth2ScopeConsentGrant], err error) error {
	return collected(ctx, page, err, w.grants, func(g okta.OAuth2ScopeConsentGrant) string { return g.ID })
}

func (w *worker) wholeTokens(ctx context.Context, page *okta.Page[okta.OAuth2RefreshToken], err error) error {
	return collected(ctx, page, err, w.tokens, func(t okta.OAuth2RefreshToken) string { return t.ID })
}

// collected checks that a list is the whole one.
func collected[T any](ctx context.Context, page *okta.Page[T], err error, want []string, id func(T) string) error {
	if err != nil {
		return err
	}
	items, err := page.Collect(ctx)
	if err != nil {
		return err
	}
	ids := make([]string, len(items))
	for i, item := range items {
		ids[i] = id(item)
	}
	if !slices.Equal(ids, want) {
		return fmt.Errorf("%w: %v, wanted %v", errWrong, ids, want)
	}
	return nil
}

func revoked(ids *[]string, at int, err error) error {
	if err != nil && !isCut404(err) {
		return err
	}
	*ids = slices.Delete(slices.Clone(*ids), at, at+1)
	return nil
}

// isCut404 reports whether a retry found 404, but the part of the response is lost that says what does not exist.
// What was to be revoked has been there, so it is revoked.
func isCut404(err error) bool {
	return errors.Is(err, okta.ErrNotFound) && errors.Is(err, io.ErrUnexpectedEOF)
}

func allRevoked(ids *[]string, err error) error {
	if err == nil {
		*ids = nil
	}
	return err
}
