package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/grantkit/okta"
	"github.com/grantkit/okta/oktatest"
)

// wire shows the requests that an org received.
type wire struct {
	org     *oktatest.Org
	refused sync.Map // from request ID to OAuth's error code; tokens are fetched in goroutines of their own
	tokens  []string // in the order in which they were used
}

// observe is for okta.Config.OnAttempt: the org's log does not tell why it refused a request.
func (w *wire) observe(_ context.Context, r okta.Attempt) {
	if apiErr, ok := errors.AsType[*okta.Error](r.Err); ok && apiErr.OAuth != nil {
		w.refused.Store(r.RequestID, apiErr.OAuth.Code)
	}
}

// show prints the requests since it was last called.
func (w *wire) show() {
	const line = "   %-4s %-36s  %-14s  %-16s  %s\n"
	fmt.Printf(line, "", "", "Authorization", "DPoP", "response")
	for _, r := range w.org.Requests() {
		response := strconv.Itoa(r.Status)
		if code, ok := w.refused.Load(r.RequestID); ok {
			response += " " + code.(string)
		}
		fmt.Printf(line, r.Method, r.Path, w.token(r.Header), proof(r.Header), response)
	}
	w.org.ClearRequests()
}

// token returns the scheme of Authorization and which token it is, never the token itself.
func (w *wire) token(header http.Header) string {
	scheme, token, ok := strings.Cut(header.Get("Authorization"), " ")
	if !ok {
		return "-"
	}
	if !slices.Contains(w.tokens, token) {
		w.tokens = append(w.tokens, token)
	}
	return fmt.Sprintf("%s (token %d)", scheme, slices.Index(w.tokens, token)+1)
}

// proof says what kind of proof a request had. It is a JWT.
func proof(header http.Header) string {
	jwt := strings.Split(header.Get("DPoP"), ".")
	if len(jwt) != 3 {
		return "-"
	}
	if claims, _ := base64.RawURLEncoding.DecodeString(jwt[1]); strings.Contains(string(claims), `"nonce":`) {
		return "proof with nonce"
	}
	return "proof"
}
