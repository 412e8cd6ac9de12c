package org

import (
	"context"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"time"

	"github.com/grantkit/okta"
)

// The event types of the System Log that tell of consents and refresh tokens. Those with "as" come from custom
// authorization servers, the others from the org's own. Okta lists no event for a consent that is revoked at the
// org's own server, and does not document whether revocations by an administrator leave any event.
const (
	EventConsentGranted              = "app.oauth2.consent.grant"
	EventServerConsentGranted        = "app.oauth2.as.consent.grant"
	EventServerConsentRevoked        = "app.oauth2.as.consent.revoke"
	EventServerUserConsentsRevoked   = "app.oauth2.as.consent.revoke.user"
	EventServerClientConsentsRevoked = "app.oauth2.as.consent.revoke.user.client"
	EventRefreshTokenGranted         = "app.oauth2.token.grant.refresh_token"    //nolint:gosec // an event
	EventServerRefreshTokenGranted   = "app.oauth2.as.token.grant.refresh_token" //nolint:gosec // an event
	EventTokenRevoked                = "app.oauth2.token.revoke"                 //nolint:gosec // an event
	EventServerTokenRevoked          = "app.oauth2.as.token.revoke"              //nolint:gosec // an event
	EventAdminConsentGranted         = "app.oauth2.admin.consent.grant"          // an API scope, to an app itself
	EventAdminConsentRevoked         = "app.oauth2.admin.consent.revoke"         // an API scope, of an app itself
)

// LogEvent is an event of the System Log. Missing members are treated as those of [User].
type LogEvent struct {
	UUID           string          `json:"uuid,omitzero"`
	EventType      string          `json:"eventType,omitzero"` // such as [EventServerConsentGranted]
	Published      time.Time       `json:"published,omitzero"` // when it happened, which may be before it was stored
	DisplayMessage string          `json:"displayMessage,omitzero"`
	Severity       string          `json:"severity,omitzero"` // DEBUG, INFO, WARN or ERROR
	Outcome        LogOutcome      `json:"outcome,omitzero"`
	Actor          LogActor        `json:"actor,omitzero"`
	Client         LogClient       `json:"client,omitzero"`
	Target         []LogTarget     `json:"target,omitempty"`
	Transaction    LogTransaction  `json:"transaction,omitzero"`
	DebugContext   LogDebugContext `json:"debugContext,omitzero"`
}

// LogOutcome is what came of the action. An event may tell of one that failed.
type LogOutcome struct {
	Result string `json:"result,omitzero"` // such as SUCCESS or FAILURE
	Reason string `json:"reason,omitzero"`
}

// LogActor is who acted: a user, an app, or Okta itself, as system@okta.com.
type LogActor struct {
	ID          string         `json:"id,omitzero"`
	Type        string         `json:"type,omitzero"`        // such as User, PublicClientApp or SystemPrincipal
	AlternateID string         `json:"alternateId,omitzero"` // the login of a user
	DisplayName string         `json:"displayName,omitzero"`
	DetailEntry map[string]any `json:"detailEntry,omitempty"`
}

// LogClient is what sent the request that led to the event.
type LogClient struct {
	ID        string `json:"id,omitzero"` // of the OAuth client
	IPAddress string `json:"ipAddress,omitzero"`
}

// LogTarget is one of the things that were acted on. Find it by its type: the order differs between events.
type LogTarget struct {
	ID          string         `json:"id,omitzero"`
	Type        string         `json:"type,omitzero"` // such as ConsentGrant, whose ID is that of the grant
	AlternateID string         `json:"alternateId,omitzero"`
	DisplayName string         `json:"displayName,omitzero"` // of a ConsentGrant, the name of the scope
	DetailEntry map[string]any `json:"detailEntry,omitempty"`
}

// Detail returns a member of DetailEntry, and "" if it is missing or no string. Targets of the type ConsentGrant were
// seen to have user, publicclientapp and authorizationserver, each an ID.
func (t LogTarget) Detail(name string) string {
	text, _ := t.DetailEntry[name].(string)
	return text
}

// LogTransaction is what the event was part of: events with the same ID belong together.
type LogTransaction struct {
	ID     string         `json:"id,omitzero"`
	Type   string         `json:"type,omitzero"`    // WEB or JOB
	Detail map[string]any `json:"detail,omitempty"` // such as requestApiTokenId
}

// LogDebugContext has members that Okta may rename or drop at any time.
type LogDebugContext struct {
	DebugData map[string]any `json:"debugData,omitempty"`
}

// ListLogEventsOptions are the options of [ListLogEvents]. Nil means the defaults.
type ListLogEventsOptions struct {
	Since       time.Time // Okta's default is 7 days before Until; over 180 days ago is refused
	Until       time.Time // none by default
	Filter      string    // expression, such as eventType eq "app.oauth2.as.consent.grant"; not over published
	Keywords    string    // up to 10 of them, of 40 characters each
	NewestFirst bool      // sort in descending order
	After       string    // cursor to continue after, from [okta.Page.Cursor]; goes with the same other options
	Limit       int       // items in a page, 1 to 1000; default 1000
}

const maxLogEventsLimit = 1000

func (o *ListLogEventsOptions) query() (url.Values, error) {
	if o == nil {
		o = &ListLogEventsOptions{}
	}
	query, err := pageQuery(o.After, o.Limit, maxLogEventsLimit)
	if err != nil {
		return nil, err
	}
	setTime(query, "since", o.Since)
	setTime(query, "until", o.Until)
	setString(query, "filter", o.Filter)
	setString(query, "q", o.Keywords)
	if o.NewestFirst {
		query.Set("sortOrder", "DESCENDING")
	}
	return query, nil
}

func setTime(query url.Values, name string, at time.Time) {
	if !at.IsZero() {
		query.Set(name, at.UTC().Format("2006-01-02T15:04:05.000Z"))
	}
}

// ListLogEvents reads the first page of the System Log. [okta.Page.All] reads the others.
//
// GET /api/v1/logs (listLogEvents). Scope: okta.logs.read. Bucket: /api/v1/logs.
// Okta keeps events for 90 days. Without Until and NewestFirst, Okta returns every event in the order in which it was
// stored, and the last page, which is empty, has a cursor with which the list continues later: [PollLogEvents] does
// so. With Since and Until, the list is sorted by Published, and may lack events that were delayed. A Since of more
// than 180 days ago, an invalid Filter and an invalid cursor are an [*okta.Error] with the status 400. A query that
// takes longer than 30 seconds is one with the status 500.
func ListLogEvents(ctx context.Context, c *okta.Client, opts *ListLogEventsOptions) (*okta.Page[LogEvent], error) {
	return list[LogEvent](ctx, c, listLogEvents, opts)
}

var listLogEvents = operation{
	id: "listLogEvents", method: http.MethodGet, success: http.StatusOK,
	route: "/api/v1/logs",
}

// PollLogEventsOptions are the options of [PollLogEvents]. Nil means the defaults.
type PollLogEventsOptions struct {
	Since    time.Time     // where to begin without After; default 7 days ago
	Filter   string        // as in [ListLogEventsOptions]
	Keywords string        // as in [ListLogEventsOptions]
	After    string        // cursor to resume after, from [okta.Page.Cursor]; goes with the same other options
	Limit    int           // items in a page, 1 to 1000; default 1000
	Interval time.Duration // wait after an empty page; default 30 s
}

const (
	pollInterval = 30 * time.Second
	pollSince    = 7 * 24 * time.Hour
	logRetention = 90 * 24 * time.Hour  // Okta has no older events
	oldSince     = 170 * 24 * time.Hour // Okta refuses one of more than 180 days ago
)

// PollLogEvents follows the System Log: it returns all pages that there are and then all that come, in the order in
// which Okta stored the events. It calls [ListLogEvents] again and again, and waits for Interval after each empty page.
//
// It ends only when the loop is left, or after one error: that of ctx, when ctx is done, or that of a request whose
// retries have run out. An empty page says that nothing is left to read now: leave the loop there to stop at the end.
// To resume, set After to the [okta.Page.Cursor] of the last page whose events were handled. Keep the cursor after
// the events, not before: events may then come twice, and none is lost. With After, Since is not needed: the log is
// then read from the cursor on, however long ago that was, and Okta keeps events for 90 days. Okta does not document
// how long a cursor lives. For one that it refuses, the error is an [*okta.Error] with the status 400.
//
// GET /api/v1/logs (listLogEvents). Scope: okta.logs.read. Bucket: /api/v1/logs.
func PollLogEvents(
	ctx context.Context, c *okta.Client, opts *PollLogEventsOptions,
) iter.Seq2[*okta.Page[LogEvent], error] {
	return func(yield func(*okta.Page[LogEvent], error) bool) {
		p, err := newPoll(c, opts)
		for err == nil {
			var page *okta.Page[LogEvent]
			if page, err = p.page(ctx); err != nil {
				break
			}
			if !yield(page, nil) {
				return
			}
			err = p.wait(ctx, page)
		}
		yield(nil, err)
	}
}

// poll reads the System Log page by page.
type poll struct {
	client   *okta.Client
	list     ListLogEventsOptions // of the next page
	interval time.Duration
	last     *okta.Page[LogEvent]
}

func newPoll(c *okta.Client, opts *PollLogEventsOptions) (*poll, error) {
	if opts == nil {
		opts = &PollLogEventsOptions{}
	}
	if opts.Interval < 0 {
		return nil, invalid("Interval is %v: it must not be negative", opts.Interval)
	}
	p := &poll{client: c, interval: opts.Interval, list: ListLogEventsOptions{
		Since: opts.Since, Filter: opts.Filter, Keywords: opts.Keywords, After: opts.After, Limit: opts.Limit,
	}}
	if p.interval == 0 {
		p.interval = pollInterval
	}
	if p.list.Since.IsZero() && p.list.After == "" {
		p.list.Since = time.Now().Add(-pollSince)
	}
	return p, nil
}

// renewSince moves a Since that Okta refuses or would take for 7 days ago, which may be later than the cursor, to the
// oldest events that there are. Otherwise all requests have the same, as Okta's next links do.
func (p *poll) renewSince() {
	if p.list.After != "" && time.Since(p.list.Since) > oldSince {
		p.list.Since, p.last = time.Now().Add(-logRetention), nil
	}
}

// page reads the next page. After an empty page, or with another Since, the list begins anew at its cursor.
func (p *poll) page(ctx context.Context) (*okta.Page[LogEvent], error) {
	p.renewSince()
	var page *okta.Page[LogEvent]
	var err error
	if p.last.HasNext() && len(p.last.Items) > 0 {
		page, err = p.last.Next(ctx)
	} else {
		page, err = ListLogEvents(ctx, p.client, &p.list)
	}
	if err != nil {
		return nil, err
	}
	p.last, p.list.After = page, page.Cursor()
	return page, nil
}

// wait waits after an empty page. A page without a cursor cannot be followed.
func (p *poll) wait(ctx context.Context, page *okta.Page[LogEvent]) error {
	if page.Cursor() == "" {
		return fmt.Errorf("okta: GET /api/v1/logs: the response has no next link: the System Log cannot be followed "+
			"[request %s]", page.RequestID)
	}
	if len(page.Items) > 0 {
		return nil
	}
	timer := time.NewTimer(p.interval)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("okta: waiting for events of the System Log: %w", ctx.Err())
	}
}
