package oktatest

import (
	"fmt"
	"io"
	"net/http"
)

// problem is a response that is not a success: an Okta error, an OAuth error, a header without a body when there is a
// challenge, or an HTML page.
type problem struct {
	status     int
	code       string
	oauthError string
	summary    string
	causes     []string
	challenge  string
	page       string
}

func (p *problem) write(w http.ResponseWriter, requestID string) {
	switch {
	case p.page != "":
		w.Header().Set("Content-Type", "text/html;charset=utf-8")
		w.WriteHeader(p.status)
		_, _ = io.WriteString(w, p.page)
	case p.challenge != "":
		w.Header().Set("WWW-Authenticate", p.challenge)
		w.WriteHeader(p.status)
	case p.oauthError != "":
		writeJSON(w, p.status, oauthErrorJSON{Code: p.oauthError, Description: p.summary})
	default:
		writeJSON(w, p.status, p.json(requestID))
	}
}

func pathNotFound() *problem {
	return &problem{status: http.StatusNotFound, code: "E0000008", summary: "The requested path was not found"}
}

func methodNotAllowed() *problem {
	return &problem{
		status:  http.StatusMethodNotAllowed,
		code:    "E0000022",
		summary: "The endpoint does not support the provided HTTP method",
	}
}

// refusedByFrontEnd is the response to a path that does not reach the API.
func refusedByFrontEnd() *problem {
	return &problem{
		status: http.StatusBadRequest,
		page:   "<!doctype html><html><head><title>Bad Request</title></head><body></body></html>",
	}
}

func notFound(kind, id string) *problem {
	return &problem{
		status:  http.StatusNotFound,
		code:    "E0000007",
		summary: fmt.Sprintf("Not found: Resource not found: %s (%s)", id, kind),
	}
}

func invalid(parameter, why string) *problem {
	return &problem{
		status:  http.StatusBadRequest,
		code:    "E0000001",
		summary: "Api validation failed: " + parameter,
		causes:  []string{parameter + ": " + why},
	}
}

// invalidCursor is the response to an after that is no cursor of a list, or has expired.
func invalidCursor() *problem {
	return &problem{
		status:  http.StatusBadRequest,
		code:    "E0000029",
		summary: "Invalid paging request.",
		causes:  []string{"Invalid cursor."},
	}
}

func invalidSearch(parameter string) *problem {
	return &problem{
		status:  http.StatusBadRequest,
		code:    "E0000031",
		summary: "Invalid search criteria.",
		causes:  []string{parameter + ": not an expression that oktatest understands"},
	}
}
