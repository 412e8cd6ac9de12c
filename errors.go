package okta

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"strings"

	"github.com/grantkit/okta/internal/challenge"
	"github.com/grantkit/okta/internal/redact"
	"github.com/grantkit/okta/internal/wire"
)

// Sentinels for errors.Is.
var (
	// ErrInvalidArgument: an argument or the configuration is wrong, and nothing was sent.
	ErrInvalidArgument = errors.New("okta: invalid argument")
	// ErrAuthentication: the token endpoint refused the client, the TokenSource returned an error, or the private key
	// could not sign. A batch should stop: other calls will most likely fail, too. A 429, a 5xx or a lost connection
	// at the token endpoint does not match, since it may pass.
	ErrAuthentication = errors.New("okta: authentication failed")
	// ErrUnauthorized: Okta does not accept the credentials (401). A batch should stop.
	ErrUnauthorized = errors.New("okta: unauthorized")
	// ErrForbidden: Okta accepts the credentials, but does not permit this (403). A 401 with the code E0000015 matches it,
	// too: the org does not have the feature. Other requests may succeed.
	ErrForbidden = errors.New("okta: forbidden")
	// ErrNotFound: the resource does not exist, or not for these credentials (404).
	ErrNotFound = errors.New("okta: not found")
	// ErrRateLimited: a rate limit is exhausted, and no retry was left or could begin in time. Okta has refused the
	// request (429, an *Error), or Config.RateLimiter has not sent it (a *RateLimitError). A call that failed
	// otherwise after a 429 matches it, too.
	ErrRateLimited = errors.New("okta: rate limited")
)

// invalid is the error for a wrong argument. It matches ErrInvalidArgument.
func invalid(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrInvalidArgument, fmt.Sprintf(format, args...))
}

// ended returns why a context has ended: its error, and its cause if that says more. Where several calls share a
// context, its cause is often the error of another one, such as a 404. So errors.Is and errors.As do not find the SDK's
// errors in it.
func ended(ctx context.Context) error {
	err, cause := ctx.Err(), context.Cause(ctx)
	if cause == err { //nolint:errorlint // it says no more
		return err
	}
	shown := redact.Secrets{}.Error(cause)
	if isOurs(cause) {
		return fmt.Errorf("%w: %s", err, shown.Error())
	}
	return fmt.Errorf("%w: %w", err, shown)
}

// isOurs reports whether an error is one of the SDK's.
func isOurs(err error) bool {
	for _, sentinel := range []error{
		ErrInvalidArgument, ErrAuthentication, ErrUnauthorized, ErrForbidden, ErrNotFound, ErrRateLimited,
	} {
		if errors.Is(err, sentinel) {
			return true
		}
	}
	_, ok := errors.AsType[*Error](err)
	return ok
}

// foreign is an error of a transport or a TokenSource. It does not match the errors of a context: a timeout of its own
// is not the end of the caller's context.
type foreign struct{ error }

func (f foreign) Is(target error) bool {
	return target != context.Canceled && target != context.DeadlineExceeded && errors.Is(f.error, target)
}

func (f foreign) As(target any) bool { return errors.As(f.error, target) }

// ErrorCode is Okta's code for a kind of error. There are more than two hundred; the constants are those that these
// operations return. The list is at https://developer.okta.com/docs/reference/error-codes/.
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
	CodeReadOnlyMode         ErrorCode = "E0000010" // 503, temporary
	CodeInvalidToken         ErrorCode = "E0000011" // 401
	CodeFeatureNotEnabled    ErrorCode = "E0000015" // 401 or 403, the feature is not enabled for the org
	CodeMethodNotAllowed     ErrorCode = "E0000022" // 405
	CodeRateLimitExceeded    ErrorCode = "E0000047" // 429
)

// Error is a response of Okta, or of something on the way to it, that is not what the operation promises: every
// status but the operation's own, and a 200 whose body is not what it must be. It keeps everything that the response
// said. Its text is for people and may change; programs read the fields and use errors.Is with the sentinels.
type Error struct {
	StatusCode int       // HTTP status
	Code       ErrorCode // Okta's code, such as E0000006; empty if the body is not Okta's
	Summary    string    // Okta's description
	Resource   string    // type that an E0000007 says is not found, such as User; empty if it names none
	Link       string    // Okta's errorLink
	ID         string    // Okta's errorId
	Causes     []ErrorCause
	OAuth      *OAuthDetails // OAuth's error, such as which scope is missing; nil if there is none
	RequestID  string        // X-Okta-Request-Id: what Okta's support asks for
	Method     string        // of the request
	Path       string        // of the request, escaped, without the query
	RateLimit  RateLimit     // zero if the response has no rate limit headers
	Attempts   int           // including the one that got this response
	Body       []byte        // as received, up to 1 MiB, with credentials redacted

	fromTokenEndpoint bool
	cause             error // why the body could not be used
}

// ErrorCause is one reason for an error, such as a parameter that failed validation.
type ErrorCause struct {
	Summary string
}

// OAuthDetails describe an error in OAuth's form, from WWW-Authenticate or the body.
type OAuthDetails struct {
	Code        string // such as insufficient_scope
	Description string
	Scope       string // the scopes that the request needs
}

// resource matches the type at the end of the summary of an E0000007: "Not found: Resource not found: 00u1 (User)".
var resource = regexp.MustCompile(`\((\w+)\)\s*$`)

// readBody reads a body in Okta's form or in OAuth's. Any other body stays in Body alone.
func (e *Error) readBody(body []byte, secrets redact.Secrets) {
	members, err := wire.Members(body)
	if err != nil {
		return
	}
	if secrets.In(members) { // perhaps in a spelling of JSON's that Scrub does not know
		e.Body = []byte(redact.Mark)
	}
	text := func(member any) string {
		s, _ := member.(string)
		return secrets.Scrub(s)
	}
	e.Code, e.Summary = ErrorCode(text(members["errorCode"])), text(members["errorSummary"])
	e.Link, e.ID = text(members["errorLink"]), text(members["errorId"])
	if found := resource.FindStringSubmatch(e.Summary); found != nil && e.Code == CodeNotFound {
		e.Resource = found[1]
	}
	causes, _ := members["errorCauses"].([]any)
	for _, cause := range causes {
		member, _ := cause.(map[string]any)
		e.Causes = append(e.Causes, ErrorCause{Summary: text(member["errorSummary"])})
	}
	if code := text(members["error"]); code != "" {
		e.OAuth = &OAuthDetails{Code: code, Description: text(members["error_description"])}
	}
}

// readChallenge reads WWW-Authenticate, which is all there is when a bearer token lacks a scope.
func (e *Error) readChallenge(header http.Header, secrets redact.Secrets) {
	params, ok := challenge.Read(header.Values("WWW-Authenticate"))
	if !ok {
		return
	}
	e.OAuth = &OAuthDetails{
		Code:        secrets.Scrub(params["error"]),
		Description: secrets.Scrub(params["error_description"]),
		Scope:       secrets.Scrub(params["scope"]),
	}
}

// oauthCode is the code of OAuth's error, empty if there is none.
func (e *Error) oauthCode() string {
	if e == nil || e.OAuth == nil {
		return ""
	}
	return e.OAuth.Code
}

// Error says in one line what went wrong, where, and under which request ID.
func (e *Error) Error() string {
	if e == nil {
		return "<nil>"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "okta: %s %s: %s", e.Method, e.Path, e.kind())
	if text := e.description(); text != "" {
		b.WriteString(": " + text)
	}
	if len(e.Causes) > 0 {
		fmt.Fprintf(&b, " (%s)", redact.Line(e.reasons()))
	}
	if e.OAuth != nil && e.OAuth.Scope != "" {
		fmt.Fprintf(&b, " (needs the scope %s)", redact.Line(e.OAuth.Scope))
	}
	if e.cause != nil {
		fmt.Fprintf(&b, ": unusable response: %v", e.cause)
	}
	b.WriteString(e.reference())
	return b.String()
}

func (e *Error) kind() string {
	switch {
	case e.Code != "":
		return fmt.Sprintf("%d %s", e.StatusCode, redact.Line(string(e.Code)))
	case e.oauthCode() != "":
		return fmt.Sprintf("%d %s", e.StatusCode, redact.Line(e.oauthCode()))
	}
	return strings.TrimSpace(fmt.Sprintf("%d %s", e.StatusCode, http.StatusText(e.StatusCode)))
}

func (e *Error) description() string {
	if e.Summary == "" && e.OAuth != nil {
		return redact.Line(e.OAuth.Description)
	}
	return redact.Line(e.Summary)
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
		id = "request " + redact.Line(e.RequestID)
	}
	if e.Attempts > 1 {
		return fmt.Sprintf(" [%s, %d attempts]", id, e.Attempts)
	}
	return " [" + id + "]"
}

// Is makes an Error match the sentinel of its status. A 401 with the code E0000015 matches [ErrForbidden] and not
// [ErrUnauthorized]. An error response of the token endpoint matches
// [ErrAuthentication], unless it is a 429 or a 5xx, and never [ErrNotFound]: what the call names may well exist.
func (e *Error) Is(target error) bool {
	if e == nil {
		return false
	}
	switch target {
	case ErrAuthentication:
		passes := e.StatusCode >= http.StatusInternalServerError || e.StatusCode == http.StatusTooManyRequests
		return e.fromTokenEndpoint && !passes
	case ErrUnauthorized:
		return e.StatusCode == http.StatusUnauthorized && e.Code != CodeFeatureNotEnabled
	case ErrForbidden:
		return e.StatusCode == http.StatusForbidden ||
			e.StatusCode == http.StatusUnauthorized && e.Code == CodeFeatureNotEnabled
	case ErrNotFound:
		return e.StatusCode == http.StatusNotFound && !e.fromTokenEndpoint
	case ErrRateLimited:
		return e.StatusCode == http.StatusTooManyRequests
	}
	return false
}

// Unwrap returns why the response could not be used, where its status alone does not say so.
func (e *Error) Unwrap() error {
	if e == nil {
		return nil
	}
	return e.cause
}

// LogValue implements slog.LogValuer: what an operator needs, without the body.
func (e *Error) LogValue() slog.Value {
	if e == nil {
		return slog.StringValue("<nil>")
	}
	attrs := []slog.Attr{
		slog.String("method", e.Method),
		slog.String("path", e.Path),
		slog.Int("status", e.StatusCode),
		slog.String("code", redact.Line(string(e.Code))),
		slog.String("summary", redact.Line(e.Summary)),
		slog.String("request_id", e.RequestID),
		slog.Int("attempts", e.Attempts),
	}
	if len(e.Causes) > 0 {
		attrs = append(attrs, slog.String("causes", redact.Line(e.reasons())))
	}
	if e.OAuth != nil {
		attrs = append(attrs, slog.String("oauth_error", redact.Line(e.OAuth.Code)),
			slog.String("scope", redact.Line(e.OAuth.Scope)))
	}
	if e.cause != nil {
		attrs = append(attrs, slog.String("cause", e.cause.Error()))
	}
	return slog.GroupValue(attrs...)
}
