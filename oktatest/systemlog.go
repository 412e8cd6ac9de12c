package oktatest

import (
	"cmp"
	"crypto/rand"
	"maps"
	"slices"
	"time"
)

// SystemLogOptions configure the System Log of an [Org].
type SystemLogOptions struct {
	// Now is the log's own clock, by default that of the org. It dates events and says which of them are stored.
	Now func() time.Time

	// Revocations makes DELETEs of grants and tokens, DELETE sessions with oauthTokens, and deactivations of apps
	// leave an event for each grant and token: [EventServerConsentRevoked], [EventTokenRevoked] and
	// [EventServerTokenRevoked], by system@okta.com. Okta does not document whether they do, and no recording shows it:
	// by default they leave none.
	Revocations bool

	// CursorLifetime is how long a cursor of the log can be used after it was sent. Later, the response is that to an
	// invalid cursor. How long Okta's cursors live is neither documented nor recorded: by default they live for ever.
	CursorLifetime time.Duration
}

// The types of the events that an org writes by itself. Those with "as" are about custom authorization servers.
const (
	EventConsentGranted            = "app.oauth2.consent.grant"
	EventServerConsentGranted      = "app.oauth2.as.consent.grant"
	EventServerConsentRevoked      = "app.oauth2.as.consent.revoke"
	EventRefreshTokenGranted       = "app.oauth2.token.grant.refresh_token"    //nolint:gosec // an event
	EventServerRefreshTokenGranted = "app.oauth2.as.token.grant.refresh_token" //nolint:gosec // an event
	EventTokenRevoked              = "app.oauth2.token.revoke"                 //nolint:gosec // an event
	EventServerTokenRevoked        = "app.oauth2.as.token.revoke"              //nolint:gosec // an event
)

// LogEvent is an event of the System Log.
type LogEvent struct {
	UUID        string    // By default made up.
	EventType   string    // Has no default.
	Published   time.Time // When it happened, by default now.
	Message     string    // By default the event type.
	Outcome     string    // By default SUCCESS.
	Reason      string    // Of the outcome; null in the API when empty.
	Severity    string    // By default INFO.
	Actor       LogActor  // By default Okta itself: system@okta.com, with no user in it.
	ClientID    string    // The OAuth client that made the request; null in the API when empty.
	Targets     []LogTarget
	DebugData   map[string]string
	Transaction string // By default made up. Events of one request have the same.
}

// LogActor is who acted in an event.
type LogActor struct {
	ID, Type, AlternateID, DisplayName string
}

var systemActor = LogActor{
	ID: "SYSTEM", Type: "SystemPrincipal", AlternateID: "system@okta.com", DisplayName: "Okta System",
}

// LogTarget is what was acted on in an event.
type LogTarget struct {
	ID, Type, AlternateID, DisplayName string
	Detail                             map[string]string // Null in the API when empty.
}

// How long Okta keeps an event, and how old a since may be.
const (
	logRetention = 90 * 24 * time.Hour
	oldestSince  = 180 * 24 * time.Hour
	defaultSince = 7 * 24 * time.Hour
)

// storedEvent is an event with its place in the log: the time at which it is stored, and its number for events that
// are stored in the same millisecond.
type storedEvent struct {
	LogEvent
	stored time.Time
	number int
	tree   any // What the API sends, as encoding/json decodes it: filters look into it.
}

// systemLog is guarded by the org's lock.
type systemLog struct {
	options SystemLogOptions
	events  []storedEvent // In the order of their numbers.
	delay   time.Duration
	dropped map[string]bool
	cursors map[string]time.Time // When each was last sent.
}

func newSystemLog(options SystemLogOptions, now func() time.Time) systemLog {
	if options.Now == nil {
		options.Now = now
	}
	return systemLog{options: options, dropped: map[string]bool{}, cursors: map[string]time.Time{}}
}

// AddLogEvent adds an event to the System Log and returns it with its empty fields filled in. An event of more than 90
// days ago is not kept, and neither is one whose type [Org.DropLogEvents] named. It panics when there is no type.
func (o *Org) AddLogEvent(event LogEvent) LogEvent {
	if event.EventType == "" {
		mistake("an event needs a type")
	}
	now := o.systemLog.options.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.writeEvent(event, now)
}

// LogEvents returns the events that the System Log has now, in the order in which they happened to be written. Those
// that are delayed are among them.
func (o *Org) LogEvents() []LogEvent {
	o.mu.Lock()
	defer o.mu.Unlock()
	events := make([]LogEvent, len(o.systemLog.events))
	for i, event := range o.systemLog.events {
		events[i] = event.LogEvent
		events[i].Targets = slices.Clone(event.Targets)
		events[i].DebugData = maps.Clone(event.DebugData)
	}
	return events
}

// DelayLogEvents makes events of now on late: they can be read only after the delay, by the log's clock, although
// they were published before it. A shorter delay lets later events overtake earlier ones, so that they are not stored
// in the order in which they were published. Okta documents that this happens, and not how late an event can be.
func (o *Org) DelayLogEvents(delay time.Duration) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.systemLog.delay = delay
}

// DropLogEvents makes the log lose events of these types from now on, as a log from which an administrator's filter
// or Okta itself leaves them out.
func (o *Org) DropLogEvents(eventTypes ...string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, eventType := range eventTypes {
		o.systemLog.dropped[eventType] = true
	}
}

// RevokeConsent revokes a grant as its user does, at Okta's own pages. A custom authorization server writes an event of
// it; Okta lists none for the org's own server. It panics when the grant is unknown.
func (o *Org) RevokeConsent(grantID string) {
	now := o.systemLog.options.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.grants.require(grantID)
	grant := o.grants.get(grantID)
	o.grants.remove(grantID)
	o.logConsentRevoked(grant, o.userActor(grant.UserID), now)
}

// RevokeRefreshToken revokes a refresh token as its client does, at the server's revocation endpoint, which leaves an
// event. It panics when the token is unknown.
func (o *Org) RevokeRefreshToken(tokenID string) {
	now := o.systemLog.options.Now()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tokens.require(tokenID)
	token := o.tokens.get(tokenID)
	o.tokens.remove(tokenID)
	o.logTokenRevoked(token, o.appActor(token.ClientID), now)
}

// Requests remove grants and tokens by these methods alone, so that the log can tell of it.

func (o *Org) removeGrants(c *call, key listKey) {
	for item := range o.grants.after(key, 0) {
		o.logRemoved(c, item.value)
	}
	o.grants.removeList(key)
}

func (o *Org) removeGrant(c *call, grant Grant) {
	o.logRemoved(c, grant)
	o.grants.remove(grant.ID)
}

func (o *Org) logRemoved(c *call, grant Grant) {
	if o.systemLog.options.Revocations {
		o.logConsentRevoked(grant, systemActor, c.logNow)
	}
}

func (o *Org) removeTokens(c *call, key listKey) {
	for item := range o.tokens.after(key, 0) {
		o.logRemovedToken(c, item.value)
	}
	o.tokens.removeList(key)
}

func (o *Org) removeToken(c *call, token RefreshToken) {
	o.logRemovedToken(c, token)
	o.tokens.remove(token.ID)
}

func (o *Org) logRemovedToken(c *call, token RefreshToken) {
	if o.systemLog.options.Revocations {
		o.logTokenRevoked(token, systemActor, c.logNow)
	}
}

// writeEvent adds an event to the log, unless it is dropped or too old.
func (o *Org) writeEvent(event LogEvent, now time.Time) LogEvent {
	l := &o.systemLog
	event.UUID = cmp.Or(event.UUID, uuid())
	event.Published = timestamp(event.Published, now)
	event.Message = cmp.Or(event.Message, event.EventType)
	event.Outcome = cmp.Or(event.Outcome, "SUCCESS")
	event.Severity = cmp.Or(event.Severity, "INFO")
	event.Actor = cmp.Or(event.Actor, systemActor)
	event.Targets, event.DebugData = slices.Clone(event.Targets), maps.Clone(event.DebugData)
	event.Transaction = cmp.Or(event.Transaction, "tx"+rand.Text()[:22])
	if l.dropped[event.EventType] || event.Published.Before(now.Add(-logRetention)) {
		return event
	}
	l.events = append(l.events, storedEvent{
		LogEvent: event, stored: timestamp(now.Add(l.delay), now), number: len(l.events) + 1, tree: asTree(logJSON(event)),
	})
	return event
}

func (o *Org) userActor(userID string) LogActor {
	user := o.users.get(userID)
	return LogActor{ID: userID, Type: "User", AlternateID: user.Login, DisplayName: user.Name}
}

func (o *Org) appActor(clientID string) LogActor {
	return LogActor{
		ID: clientID, Type: "PublicClientApp", AlternateID: clientID, DisplayName: o.client(clientID).Name,
	}
}

// logConsentGranted writes the event of a new grant, as it was recorded for custom authorization servers.
func (o *Org) logConsentGranted(grant Grant, now time.Time) {
	event := o.consentEvent(grant, EventConsentGranted, EventServerConsentGranted)
	event.Message, event.Published = "Consent granted", grant.Created
	event.Actor = o.userActor(grant.CreatedBy)
	o.writeEvent(event, now)
}

// logConsentRevoked writes the event of a revoked consent, of which Okta lists one for custom servers alone.
func (o *Org) logConsentRevoked(grant Grant, actor LogActor, now time.Time) {
	event := o.consentEvent(grant, "", EventServerConsentRevoked)
	if event.EventType == "" {
		return
	}
	event.Message, event.Actor = "Consent revoked", actor
	o.writeEvent(event, now)
}

// consentEvent is an event about a grant, of the first type for the org's own server, and of the second for custom ones.
func (o *Org) consentEvent(grant Grant, own, custom string) LogEvent {
	detail := map[string]string{"user": grant.UserID, "publicclientapp": grant.ClientID}
	event := LogEvent{EventType: own}
	if server, ok := o.customServer(grant.Issuer); ok {
		event.EventType = custom
		detail["authorizationserver"] = server
		event.DebugData = map[string]string{
			"authorizationServer":     server,
			"authorizationServerName": o.servers.get(server).Name,
		}
	}
	event.Targets = []LogTarget{{
		ID: grant.ID, Type: "ConsentGrant", DisplayName: o.grantedScope(grant).Name, Detail: detail,
	}}
	return event
}

// logTokenGranted writes the event of a new refresh token. Which targets it has is not recorded.
func (o *Org) logTokenGranted(token RefreshToken, now time.Time) {
	event := o.tokenEvent(token, EventRefreshTokenGranted, EventServerRefreshTokenGranted)
	event.Message, event.Published = "OIDC refresh token is granted", token.Created
	o.writeEvent(event, now)
}

// logTokenRevoked writes the event of a revoked refresh token. Its actor and its server were recorded in an event of a
// request that failed.
func (o *Org) logTokenRevoked(token RefreshToken, actor LogActor, now time.Time) {
	event := o.tokenEvent(token, EventTokenRevoked, EventServerTokenRevoked)
	event.Message, event.Actor = "OAuth2 token revocation request", actor
	o.writeEvent(event, now)
}

func (o *Org) tokenEvent(token RefreshToken, own, custom string) LogEvent {
	event := LogEvent{
		EventType: own,
		ClientID:  token.ClientID,
		Actor:     o.appActor(token.ClientID),
		Targets: []LogTarget{
			{ID: token.ID, Type: "refresh_token", DisplayName: "Refresh Token", Detail: map[string]string{
				"subject": token.UserID,
			}},
		},
	}
	if server := token.AuthorizationServerID; server != "" {
		event.EventType = custom
		event.Targets = append(event.Targets, LogTarget{
			ID: server, Type: "AuthorizationServer", DisplayName: o.servers.get(server).Name,
		})
		event.DebugData = map[string]string{"authorizationServer": server}
	}
	return event
}
