package dpop_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/internal/dpop"
)

// TestMain makes a proof before the tests. go-jose encodes its first value of each type behind a WaitGroup, which may
// not be shared between a test in a synctest bubble and one outside.
func TestMain(m *testing.M) {
	p := &dpop.Prover{}
	req := &http.Request{Method: http.MethodGet, URL: &url.URL{}, Header: http.Header{}}
	err := p.Bind()
	if err == nil {
		_, err = p.Prove(req, dpop.API, p.Key(), "token")
	}
	if err != nil {
		panic(err)
	}
	m.Run()
}

func bound(t *testing.T) *dpop.Prover {
	t.Helper()
	p := &dpop.Prover{}
	require.NoError(t, p.Bind())
	return p
}

// prove returns the header and the claims of a new proof.
func prove(
	t *testing.T, p *dpop.Prover, server dpop.Server, url, accessToken string,
) (jose.Header, map[string]any) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, url, http.NoBody)
	require.NoError(t, err)
	text, err := p.Prove(req, server, p.Key(), accessToken)
	require.NoError(t, err)
	assert.Equal(t, text, req.Header.Get("DPoP"))
	token, err := jwt.ParseSigned(text, []jose.SignatureAlgorithm{jose.ES256})
	require.NoError(t, err)
	claims := map[string]any{}
	require.NoError(t, token.Claims(token.Headers[0].JSONWebKey, &claims))
	return token.Headers[0], claims
}

// learn takes over a nonce as from a response.
func learn(p *dpop.Prover, nonce string) {
	var r dpop.Repairs
	r.Done(p, dpop.API, http.Header{"Dpop-Nonce": {nonce}})
}

func TestProofClaims(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := bound(t)
		learn(p, "n1")
		header, claims := prove(t, p, dpop.TokenEndpoint, "https://acme.okta.com/x?y=z", "")
		assert.Equal(t, "dpop+jwt", header.ExtraHeaders[jose.HeaderType])
		assert.Empty(t, header.KeyID)
		public, ok := header.JSONWebKey.Key.(*ecdsa.PublicKey)
		require.True(t, ok, "nothing private")
		assert.Equal(t, elliptic.P256(), public.Curve)
		assert.Len(t, claims["jti"], 26)
		assert.Equal(t, map[string]any{
			"jti": claims["jti"], "htm": "DELETE", "htu": "https://acme.okta.com/x", "iat": float64(time.Now().Unix()),
		}, claims, "the nonce of the API is not the token endpoint's")

		// The access token and its hash are those of RFC 9449, section 7.1.
		_, claims = prove(t, p, dpop.API, "https://acme.okta.com/x", "Kz~8mXK1EalYznwH-LC-1fBAo.4Ljp~zsPE_NeO.gxU")
		assert.Equal(t, "n1", claims["nonce"])
		assert.Equal(t, "fUHyO2r2Z3DZ53EsNrWBb0xWXoaNy59IiKCAqksmQEo", claims["ath"])
	})
}

func TestProofsDiffer(t *testing.T) {
	t.Parallel()
	ids, keys := map[any]bool{}, map[string]bool{}
	for range 3 {
		p := bound(t)
		for range 3 {
			require.NoError(t, p.Bind(), "a second time changes nothing")
			header, claims := prove(t, p, dpop.API, "https://acme.okta.com/", "")
			ids[claims["jti"]] = true
			public, err := header.JSONWebKey.MarshalJSON()
			require.NoError(t, err)
			keys[string(public)] = true
		}
	}
	assert.Len(t, ids, 9)
	assert.Len(t, keys, 3)
}

func TestTargetIsSpelledAsOktaComparesIt(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"/o'hara,x@y": "/o'hara,x@y", "/a%20b": "/a%20b", "/50%25": "/50%25", "/%C3%A9": "/é",
		"/a%3Fb%23c%22": "/a%3Fb%23c%22",
	} {
		_, claims := prove(t, bound(t), dpop.API, "https://acme.okta.com"+path, "")
		assert.Equal(t, "https://acme.okta.com"+want, claims["htu"])
	}
}

func TestNonceThatCannotBeOneIsNotLearned(t *testing.T) {
	t.Parallel()
	p := bound(t)
	learn(p, "good")
	for _, bad := range []string{"", "a b", "é", "a\x00", strings.Repeat("n", 257)} {
		var r dpop.Repairs
		r.Done(p, dpop.API, http.Header{"Dpop-Nonce": {bad}})
		assert.False(t, r.Possible(p, dpop.API, nil, "use_dpop_nonce"), "%q", bad)
	}
	_, claims := prove(t, p, dpop.API, "https://acme.okta.com/", "")
	assert.Equal(t, "good", claims["nonce"])
}

// refuse is an attempt whose nonce is refused. It reports whether another one follows.
func refuse(t *testing.T, p *dpop.Prover, r *dpop.Repairs) bool {
	t.Helper()
	require.NoError(t, r.Begin(t.Context(), p, dpop.API))
	r.Done(p, dpop.API, http.Header{"Dpop-Nonce": {"next"}})
	return r.Possible(p, dpop.API, nil, "use_dpop_nonce")
}

func TestRepairsEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var r dpop.Repairs
		p := bound(t)
		for i := range 5 {
			assert.Equal(t, i < 3, refuse(t, p, &r), "nonce %d", i)
		}
		r = dpop.Repairs{}
		assert.False(t, r.Possible(p, dpop.API, nil, "use_dpop_nonce"), "a demand that names no nonce")
		assert.True(t, r.Possible(p, dpop.API, nil, "invalid_dpop_proof"), "another proof, once")
		assert.False(t, r.Possible(p, dpop.API, nil, "invalid_dpop_proof"))

		r = dpop.Repairs{}
		ahead := http.Header{"Date": {time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)}}
		assert.True(t, r.Possible(p, dpop.API, ahead, "invalid_client"), "the server's clock, once")
		assert.InDelta(t, time.Hour, time.Until(p.Now()), float64(time.Second))
		assert.False(t, r.Possible(p, dpop.API, ahead, "invalid_client"))
		assert.Zero(t, time.Until(p.Now()), "a clock that was no help is forgotten")
	})
}

// A nonce that others may have used up does not count, but the number of such nonces is bounded, too.
func TestRepairsBesideOthersEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := bound(t)
		var other, r dpop.Repairs
		require.NoError(t, other.Begin(t.Context(), p, dpop.API))
		tried := 0
		for refuse(t, p, &r) {
			tried++
		}
		assert.Equal(t, 16, tried)
	})
}

func TestTurns(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := bound(t)
		var first, second, third dpop.Repairs
		require.NoError(t, first.Begin(t.Context(), p, dpop.API))
		require.NoError(t, second.Begin(t.Context(), p, dpop.API), "at first, side by side")
		first.Done(p, dpop.API, nil)
		second.Done(p, dpop.API, nil)

		require.NoError(t, second.Begin(t.Context(), p, dpop.API))
		assert.True(t, refuse(t, p, &first))
		assert.True(t, refuse(t, p, &first))
		second.Done(p, dpop.API, nil)
		require.NoError(t, first.Begin(t.Context(), p, dpop.API))
		require.NoError(t, first.Begin(t.Context(), p, dpop.API), "it keeps its turn")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, second.Begin(ctx, p, dpop.API), context.DeadlineExceeded, "one after the other")
		require.NoError(t, third.Begin(t.Context(), p, dpop.TokenEndpoint), "the other server has turns of its own")
		first.Done(p, dpop.API, nil)
		require.NoError(t, second.Begin(t.Context(), p, dpop.API))

		<-time.After(time.Minute)
		require.NoError(t, first.Begin(t.Context(), p, dpop.API), "after a while, side by side again")
	})
}

func TestClockThatIsAboutRightIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		for seconds, want := range map[time.Duration]bool{30: false, 31: true, -30: false, -31: true} {
			ahead := seconds * time.Second
			var r dpop.Repairs
			p := bound(t)
			header := http.Header{"Date": {time.Now().Add(ahead).UTC().Format(http.TimeFormat)}}
			assert.Equal(t, want, r.Possible(p, dpop.API, header, "invalid_client"), ahead)
			_, claims := prove(t, p, dpop.API, "https://acme.okta.com/", "")
			if want {
				assert.InDelta(t, time.Now().Add(ahead).Unix(), claims["iat"], 0)
			} else {
				assert.InDelta(t, time.Now().Unix(), claims["iat"], 0)
			}
		}
	})
}

func TestProverIsSafeForConcurrentUse(t *testing.T) {
	t.Parallel()
	p := &dpop.Prover{}
	var calls sync.WaitGroup
	keys := make([]*dpop.Key, 20)
	for i := range keys {
		calls.Go(func() {
			failed := p.Bind()
			keys[i] = p.Key()
			var r dpop.Repairs
			failed = errors.Join(failed, r.Begin(t.Context(), p, dpop.API))
			r.Done(p, dpop.API, http.Header{"Dpop-Nonce": {fmt.Sprint("n", i)}})
			r.Possible(p, dpop.API, http.Header{"Date": {"Sat, 01 Aug 2026 12:00:00 GMT"}}, "invalid_client")
			req := &http.Request{Method: http.MethodGet, URL: &url.URL{Path: "/"}, Header: http.Header{}}
			_, err := p.Prove(req, dpop.API, keys[i], "token")
			assert.NoError(t, errors.Join(failed, err))
		})
	}
	calls.Wait()
	for _, key := range keys {
		assert.Same(t, keys[0], key, "one key")
	}
}

// failure collects what a failed assertion prints, which looks behind pointers.
type failure string

func (f *failure) Errorf(format string, args ...any) { *f += failure(fmt.Sprintf(format, args...)) }

func TestKeyIsNotPrinted(t *testing.T) {
	t.Parallel()
	p := bound(t)
	var failed failure
	assert.Equal(&failed, []any{"other"}, []any{p})
	assert.NotContains(t, string(failed)+fmt.Sprintf("%+v %#v", p.Key(), p.Key()), "PrivateKey")
}
