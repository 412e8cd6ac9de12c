package okta_test

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"encoding/base64"
	"encoding/json"
	"io"
	"log/slog"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"
)

func TestEchoesOfTokenRequestsAreRedacted(t *testing.T) {
	t.Parallel()
	for _, dpop := range []bool{false, true} {
		app := newApp(t, func(app *oktatest.ServiceApp) { app.DPoP = dpop })
		app.config.PrivateKey = okta.PrivateKeyFromPEM(pkcs8(t, keys()["P-256"]))
		var logged bytes.Buffer
		var mu sync.Mutex
		var shown strings.Builder
		show := func(values ...any) {
			mu.Lock()
			defer mu.Unlock()
			for _, value := range values {
				for _, verb := range []string{"%+v", "%#v", "%x"} {
					shown.WriteString(sprint(verb, value) + "\n")
				}
			}
		}
		logger := slog.New(slog.NewJSONHandler(&logged, &slog.HandlerOptions{Level: slog.LevelDebug}))
		network := overNetwork(t)
		observed := func(c *okta.Config) {
			c.Logger, c.OnAttempt = logger, func(_ context.Context, r okta.Attempt) { show(r, r.Err) }
			c.Retry.MaxRetries, c.RateLimiter.Disabled = 1, true
		}
		client := newClient(t, network, app.configure, observed)
		for _, status := range []int{302, 400, 401, 403, 429, 503} {
			for _, shape := range []string{"text", "OAuth", "Okta", "escaped"} {
				client = newClient(t, network, app.configure, observed)
				require.NoError(t, getGrant(t.Context(), client))
				app.org.Next(slices.Repeat([]oktatest.Fault{echo(status, shape)}, 4)...)
				err := getGrant(t.Context(), client)
				require.Error(t, err)
				logger.Info("failed", "error", err)
				show(err, requireError(t, err), string(requireError(t, err).Body))
				client = newClient(t, network, app.configure, observed)
				for getGrant(t.Context(), client) != nil { // uses up the other faults, those of the token endpoint, too
					continue
				}
			}
		}
		show(client, app.config, &app.config, app.config.PrivateKey, okta.Config{Credentials: app.config}, []any{app.config})
		var failed failure
		hidden := struct {
			client *okta.Client
			app    okta.ServiceApp
			key    okta.PrivateKey
		}{newClient(t, responder(network.RoundTrip), app.configure), app.config, app.config.PrivateKey}
		for getGrant(t.Context(), hidden.client) != nil {
			continue
		}
		assert.Equal(&failed, []any{"other"}, []any{hidden}, "what testify prints, of a client with a token")
		require.Contains(t, string(failed), "prover: ")
		show(hidden, &hidden)
		text, err := json.Marshal(any(okta.Config{Credentials: app.config}))
		require.NoError(t, err)
		all := logged.String() + shown.String() + string(failed) + string(text)
		require.Contains(t, all, "/oauth2/v1/token")
		requireNoSecrets(t, all, network, keys()["P-256"])
	}
}

// echo responds with the credentials of the request in each part of the response.
func echo(status int, shape string) oktatest.Fault {
	return func(w http.ResponseWriter, r *http.Request, _ http.Handler) {
		_ = r.ParseForm()
		_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		all := strings.Join([]string{r.PostForm.Get("client_assertion"), r.Header.Get("DPoP"), token}, "|")
		header := w.Header()
		header.Set("X-Okta-Request-Id", all)
		header.Set("Location", "https://evil.example/"+all)
		header.Set("WWW-Authenticate", `DPoP error="invalid_token `+all+`", error_description="`+all+`", scope="`+all+`"`)
		w.WriteHeader(status)
		escaped := strings.ReplaceAll(all, ".", `\u002e`)
		_, _ = io.WriteString(w, map[string]string{
			"text":  "<html>" + all,
			"OAuth": `{"error":"` + all + `","error_description":"` + all + `"}`,
			"Okta": `{"errorCode":"` + all + `","errorSummary":"` + all + `","errorId":"` + all + `",` +
				`"errorCauses":[{"errorSummary":"` + all + `"}]}`,
			"escaped": `{"errorSummary":"` + escaped + `","` + escaped + `":[{"x":"` + escaped + `"}]}`,
		}[shape])
	}
}

// requireNoSecrets checks that a text contains neither the key nor a credential that was sent.
func requireNoSecrets(t *testing.T, text string, sent *recorder, key crypto.Signer) {
	t.Helper()
	secrets := map[string]bool{}
	for _, s := range sent.requests() {
		_, token, _ := strings.Cut(s.Header.Get("Authorization"), " ")
		for _, secret := range []string{token, s.Header.Get("DPoP"), s.form.Get("client_assertion")} {
			if secret != "" {
				secrets[secret] = true
				secrets[sprint("%x", secret)] = true
			}
		}
	}
	private, ok := key.(*ecdsa.PrivateKey)
	require.True(t, ok)
	scalar, err := private.Bytes()
	require.NoError(t, err)
	d := new(big.Int).SetBytes(scalar)
	for _, spelling := range []string{
		d.String(), d.Text(16), strings.ToUpper(d.Text(16)), base64.StdEncoding.EncodeToString(scalar),
		base64.RawURLEncoding.EncodeToString(scalar), strings.Trim(sprint("%d", scalar), "[]"),
		sprint("%v", d.Bits()), sprint("%#v", d.Bits()),
	} {
		secrets[spelling] = true
	}
	for line := range strings.SplitSeq(pkcs8(t, key), "\n") {
		if line != "" && !strings.HasPrefix(line, "-") {
			secrets[line] = true
		}
	}
	require.Greater(t, len(secrets), 20)
	for secret := range secrets {
		if strings.Contains(text, secret) {
			at := strings.Index(text, secret)
			t.Fatalf("%q is shown: %q", secret, text[max(0, at-300):min(len(text), at+len(secret)+50)])
		}
	}
}
