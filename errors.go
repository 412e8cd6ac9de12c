package okta

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"unicode"

	"github.com/grantkit/okta/internal/challenge"
	"github.com/grantkit/okta/internal/wire"
)

// What an error is about, for errors.Is.
var (
	// ErrInvalidArgument: the call was wrong in itself, and nothing was sent.
	ErrInvalidArgument = errors.New("okta: invalid argument")
	// ErrUnauthorized: Okta does not accept the credentials (401).
	ErrUnauthorized = errors.New("okta: unauthorized")
	// ErrForbidden: the credentials may not do this (403).
	ErrForbidden = errors.New("okta: forbidden")
	// ErrNotFound: the resource does not exist, or not for these credentials (404).
	ErrNotFound = errors.New("okta: not found")
	// ErrRateLimited: a rate limit is used up and would not be free in time. Okta has said so (429, an *Error), or
	// Config.RateLimiter has not let the call go. A call that ended otherwise, after an attempt that was answered 429,
	// matches it too.
	ErrRateLimited = errors.New("okta: rate limited")
)

// ErrorCode is Okta's code for a kind of error. There are more than two hundred; these are the ones that the operations
// here meet. The list is at https://developer.okta.com/docs/reference/error-codes/.
type ErrorCode string

// Okta's error codes.
const (
	CodeValidationFailed     ErrorCode = "E0000001" // 400, the causes say what
	CodeAuthenticationFailed ErrorCode = "E0000004" // 401
	CodeInvalidSession       ErrorCode = "E0000005" // 403
	CodeAccessDenied         ErrorCode = "E0000006" // 403, no permission
	CodeNotFound             ErrorCode = "E0000007" // 404
	CodeNoSuchPath           ErrorCode = "E0000008" // 404
	CodeInternalServerError  ErrorCode = "E0000009" // 500
	CodeReadOnlyMode         ErrorCode = "E0000010" // 503, passes
	CodeInvalidToken         ErrorCode = "E0000011" // 401
	CodeFeatureNotEnabled    ErrorCode = "E0000015" // 401 or 403, for the org
	CodeMethodNotAllowed     ErrorCode = "E0000022" // 405
	CodeRateLimitExceeded    ErrorCode = "E0000047" // 429
)

// Error is an answer of Okta, or of something on the way to it, that is not what the operation promises: every status
// but the operation's own, and a 200 whose body is not what it must be. It keeps all that the answer said. Its text is for
// people and may change; programs read the fields and use errors.Is with the Err variables.
type Error struct {
	StatusCode int       // HTTP status
	Code       ErrorCode // Okta's code, such as E0000006; empty if the body is not Okta's
	Summary    string    // Okta's description
	Link       string    // Okta's errorLink
	ID         string    // Okta's errorId
	Causes     []ErrorCause
	OAuth      *OAuthError // what OAuth said, such as which scope is missing; nil if nothing
	RequestID  string      // X-Okta-Request-Id: what Okta's support asks for
	Method     string      // of the request
	Path       string      // of the request, escaped, without the query
	RateLimit  RateLimit   // zero if the answer did not say
	Attempts   int         // made when this answer came
	Body       []byte      // as received, up to 1 MiB, with the credential blotted out

	signIn bool  // the answer is that of the token endpoint
	cause  error // why the body could not be used
}

// ErrorCause is one reason for an error, such as a parameter that failed validation.
type ErrorCause struct {
	Summary string
}

// OAuthError is an error in OAuth's form, from WWW-Authenticate or the body.
type OAuthError struct {
	Code        string // such as insufficient_scope
	Description string
	Scope       string // the scopes that the request needs
}

// newError is the one way from an answer to an Error. cause says why an answer whose status was welcome is an error, or
// why its body is incomplete.
func newError(a *attempt, cause error) *Error {
	e := &Error{
		StatusCode: a.status,
		RequestID:  a.requestID,
		Method:     a.call.method,
		Path:       a.call.path,
		RateLimit:  a.rateLimit,
		Attempts:   a.number,
		Body:       []byte(scrub(string(a.body.Bytes()[:min(a.body.Len(), maxErrorAnswer)]), a.secrets)),
		signIn:     a.call.signIn,
	}
	if cause != nil {
		e.cause = a.clean(cause)
	}
	if a.call.signIn && a.status < http.StatusMultipleChoices {
		e.Body = []byte(redaction) // it holds an access token
	}
	if a.status >= http.StatusMultipleChoices {
		e.readBody(a)
		e.readChallenge(a)
	}
	return e
}

// readBody takes what it can from a body in Okta's form or in OAuth's. Any other body stays in Body alone.
func (e *Error) readBody(a *attempt) {
	body, err := wire.Members(a.body.Bytes())
	if err != nil {
		return
	}
	if echoes(body, a.secrets) { // perhaps in a spelling of JSON's that scrub does not know
		e.Body = []byte(redaction)
	}
	text := func(member any) string {
		s, _ := member.(string)
		return a.hide(s)
	}
	e.Code, e.Summary = ErrorCode(text(body["errorCode"])), text(body["errorSummary"])
	e.Link, e.ID = text(body["errorLink"]), text(body["errorId"])
	causes, _ := body["errorCauses"].([]any)
	for _, cause := range causes {
		member, _ := cause.(map[string]any)
		e.Causes = append(e.Causes, ErrorCause{Summary: text(member["errorSummary"])})
	}
	if code := text(body["error"]); code != "" {
		e.OAuth = &OAuthError{Code: code, Description: text(body["error_description"])}
	}
}

// echoes reports whether a decoded JSON value holds a secret anywhere.
func echoes(value any, secrets []string) bool {
	switch v := value.(type) {
	case string:
		return scrub(v, secrets) != v
	case []any:
		return slices.ContainsFunc(v, func(item any) bool { return echoes(item, secrets) })
	case map[string]any:
		for name, member := range v {
			if echoes(name, secrets) || echoes(member, secrets) {
				return true
			}
		}
	}
	return false
}

// readChallenge takes what WWW-Authenticate says: all there is when a bearer token lacks a scope.
func (e *Error) readChallenge(a *attempt) {
	params, ok := challenge.Read(a.header.Values("WWW-Authenticate"))
	if !ok {
		return
	}
	e.OAuth = &OAuthError{
		Code:        a.hide(params["error"]),
		Description: a.hide(params["error_description"]),
		Scope:       a.hide(params["scope"]),
	}
}

// Error says in one line what went wrong, where, and under which request ID.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "okta: %s %s: %s", e.Method, e.Path, e.kind())
	if text := e.description(); text != "" {
		b.WriteString(": " + text)
	}
	if len(e.Causes) > 0 {
		fmt.Fprintf(&b, " (%s)", oneLine(e.reasons()))
	}
	if e.OAuth != nil && e.OAuth.Scope != "" {
		fmt.Fprintf(&b, " (needs the scope %s)", oneLine(e.OAuth.Scope))
	}
	if e.cause != nil {
		fmt.Fprintf(&b, ": unusable answer: %v", e.cause)
	}
	b.WriteString(e.reference())
	return b.String()
}

func (e *Error) kind() string {
	switch {
	case e.Code != "":
		return fmt.Sprintf("%d %s", e.StatusCode, oneLine(string(e.Code)))
	case e.OAuth != nil && e.OAuth.Code != "":
		return fmt.Sprintf("%d %s", e.StatusCode, oneLine(e.OAuth.Code))
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", e.StatusCode, http.StatusText(e.StatusCode)))
}

func (e *Error) description() string {
	if e.Summary == "" && e.OAuth != nil {
		return oneLine(e.OAuth.Description)
	}
	return oneLine(e.Summary)
}

func (e *Error) reasons() string {
	summaries := make([]string, len(e.Causes))
	for i, cause := range e.Causes {
		summaries[i] = cause.Summary
	}
	return strings.Join(summaries, "; ")
}

func (e *Error) reference() string {
	id := "no request ID"
	if e.RequestID != "" {
		id = "request " + oneLine(e.RequestID)
	}
	if e.Attempts > 1 {
		return fmt.Sprintf(" [%s, %d attempts]", id, e.Attempts)
	}
	return " [" + id + "]"
}

// Is makes an Error match the Err variable of its status.
func (e *Error) Is(target error) bool {
	switch target {
	case ErrUnauthorized:
		return e.StatusCode == http.StatusUnauthorized
	case ErrForbidden:
		return e.StatusCode == http.StatusForbidden
	case ErrNotFound:
		return e.StatusCode == http.StatusNotFound && !e.signIn // what the call names may well exist
	case ErrRateLimited:
		return e.StatusCode == http.StatusTooManyRequests
	}
	return false
}

// Unwrap returns why the answer could not be used, where its status alone does not say so.
func (e *Error) Unwrap() error { return e.cause }

// LogValue implements slog.LogValuer: what an operator looks for, without the body.
func (e *Error) LogValue() slog.Value {
	attrs := []slog.Attr{
		slog.String("method", e.Method),
		slog.String("path", e.Path),
		slog.Int("status", e.StatusCode),
		slog.String("code", string(e.Code)),
		slog.String("summary", oneLine(e.Summary)),
		slog.String("request_id", e.RequestID),
		slog.Int("attempts", e.Attempts),
	}
	if len(e.Causes) > 0 {
		attrs = append(attrs, slog.String("causes", oneLine(e.reasons())))
	}
	if e.OAuth != nil {
		attrs = append(attrs, slog.String("oauth_error", e.OAuth.Code), slog.String("scope", e.OAuth.Scope))
	}
	if e.cause != nil {
		attrs = append(attrs, slog.String("cause", e.cause.Error()))
	}
	return slog.GroupValue(attrs...)
}

// oneLine makes a text that came from outside fit for one line of a terminal or a log.
func oneLine(text string) string {
	const most = 500
	runes := []rune(strings.ToValidUTF8(text, "\uFFFD"))
	if len(runes) > most {
		runes = append(runes[:most:most], '…')
	}
	for i, r := range runes {
		if !unicode.IsPrint(r) {
			runes[i] = ' '
		}
	}
	return string(runes)
}
