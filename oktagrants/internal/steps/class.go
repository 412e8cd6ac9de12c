package steps

import (
	"context"
	"errors"
	"net/http"

	"github.com/grantkit/okta"

	"github.com/grantkit/okta/oktagrants/internal/ledger"
)

// The classes of errors.
const (
	ClassAuthentication = "authentication" // Okta does not accept the credentials
	ClassScope          = "scope"          // the access token lacks a scope
	ClassForbidden      = "forbidden"      // the credentials do not permit it, such as for want of an administrator role
	ClassNotFound       = "not_found"      // a user, an app or another resource does not exist
	ClassRateLimited    = "rate_limited"   // a rate limit was exhausted for too long
	ClassServer         = "server"         // Okta, or something before it, failed
	ClassNetwork        = "network"        // no response came
	ClassIntercepted    = "intercepted"    // a proxy, a captive portal or a certificate prevents all calls
	ClassInvalid        = "invalid"        // what was asked for cannot be done
	ClassStorage        = "storage"        // the ledger cannot be read or written
	ClassCanceled       = "canceled"       // the run was stopped
	ClassLeft           = "left"           // something was left after the revoke
)

// ErrLeft means that a read after the revoke found something that was not revoked.
var ErrLeft = errors.New("not all was revoked")

// fault is an error of this package, with its class.
type fault struct {
	class string
	err   error
}

func (f *fault) Error() string { return f.err.Error() }
func (f *fault) Unwrap() error { return f.err }

// Class returns the class of an error, and "" for nil. If several errors are joined in err, it is the most serious of
// them.
func Class(err error) string {
	own, isOwn := errors.AsType[*fault](err)
	switch {
	case err == nil:
		return ""
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return ClassCanceled
	case errors.Is(err, ledger.ErrStorage), errors.Is(err, ledger.ErrGone),
		errors.Is(err, ledger.ErrLocked), errors.Is(err, ledger.ErrVersion),
		errors.Is(err, ledger.ErrCorrupt), errors.Is(err, ledger.ErrDenied):
		return ClassStorage
	case isOwn:
		return own.class
	case errors.Is(err, ErrLeft):
		return ClassLeft
	}
	return classOfResponse(err)
}

func classOfResponse(err error) string {
	response, responded := errors.AsType[*okta.Error](err)
	switch {
	case errors.Is(err, okta.ErrAuthentication):
		return ClassAuthentication
	case responded && featureNotEnabled(err):
		return ClassForbidden
	case errors.Is(err, okta.ErrUnauthorized):
		return ClassAuthentication
	case responded && response.OAuth != nil && response.OAuth.Code == "insufficient_scope":
		return ClassScope
	case errors.Is(err, okta.ErrForbidden):
		return ClassForbidden
	case errors.Is(err, okta.ErrRateLimited):
		return ClassRateLimited
	case errors.Is(err, okta.ErrNotFound):
		return ClassNotFound
	case errors.Is(err, okta.ErrInvalidArgument):
		return ClassInvalid
	case isCertificate(err), isProxyRefusal(err):
		return ClassIntercepted
	case !responded:
		return ClassNetwork
	case response.StatusCode >= http.StatusBadRequest && response.StatusCode < http.StatusInternalServerError:
		return ClassInvalid
	}
	return ClassServer
}

// featureNotEnabled reports whether Okta refused a request because the org does not have the feature.
func featureNotEnabled(err error) bool {
	response, ok := errors.AsType[*okta.Error](err)
	return ok && response.Code == okta.CodeFeatureNotEnabled
}

// Stops reports whether an error stops the run at once, since all other tasks would fail in the same way.
func Stops(err error) bool {
	switch Class(err) {
	case ClassAuthentication, ClassScope, ClassStorage, ClassCanceled, ClassIntercepted:
		return true
	}
	return errors.Is(err, ErrAway)
}
