package recordings_test

import (
	"regexp"
	"sync"
)

// exception is a way in which oktatest differs from a recording on purpose.
type exception struct {
	called     *regexp.Regexp // the method, as in setups
	request    *regexp.Regexp // the request is not compared, if this matches its method, path, query and body
	difference *regexp.Regexp // otherwise: the difference
	reason     string
}

func the(called, difference, reason string) exception {
	return exception{
		called: regexp.MustCompile("^(" + called + ")$"), difference: regexp.MustCompile("^(" + difference + ")$"),
		reason: reason,
	}
}

func not(called, request, reason string) exception {
	return exception{
		called: regexp.MustCompile("^(" + called + ")$"), request: regexp.MustCompile(request), reason: reason,
	}
}

// exceptions name each way in which oktatest differs from the recordings.
var exceptions = []exception{
	not(`Do\(map\)|List\[map\]|error of Do|GetApplicationUser as Do|grant as Do.*`, `.`, "oktatest has no such route"),

	the(`.*`, `header (Accept-Ch|Cache-Control|Expires|P3p|Pragma|Referrer-Policy|Server|Strict-Transport-Security|`+
		`Vary|X-Content-Type-Options) missing`, "they are for browsers and caches"),
	the(`.*`, `header (Content-Length|Date) added`, "headers of the connection were not recorded"),
	the(`token endpoint`, `header X-Rate-Limit-(Limit|Remaining|Reset) missing`,
		"oktatest does not limit its token endpoint"),
	not(`ListAuthorizationServers`, `[?&]q=`, "oktatest refuses q: what Okta matches is not documented"),
	not(`ListUsers`, `profile\.array123|array123`, "oktatest has no attributes of an org's own"),
	not(`ListLogEvents`, `application\.lifecycle\.update`, "the events were reduced and do not match their filter any more"),

	the(`ListAuthorizationServers`, `link next: false for true`, "Okta ended a page before its limit"),
	the(`ListUsers|ListAuthorizationServers`, `link self: true for false`, "a recording whose self link was left out"),
	the(`UserGrants\.List`, `header Link added`, "recorded in 2018, when Okta sent none"),
	the(`ListScopes`, `header Link added`, "recorded in 2020; the document has pages"),
	the(`GetApplication|ListApplications`, `member (accessibility|orn|universalLogout|visibility|`+
		`credentials\.(signing|userNameTemplate)|settings\.(app|emOptInStatus|extendedProperties|implicitAssignment|`+
		`manualProvisioning|notes|notifications)) missing`,
		"oktatest has no sign-on, no dashboard and no provisioning"),
	the(`GetApplication|ListApplications`, `member (credentials\.oauthClient\.pkce_required|`+
		`settings\.oauthClient\.(consent_method|dpop_bound_access_tokens|idp_initiated_login|participate_slo|`+
		`post_logout_redirect_uris|redirect_uris|wildcard_redirect)) missing`,
		"of a client, oktatest has what is needed to list grants and tokens"),
	the(`GetApplication|ListApplications`, `member settings\.oauthClient\.(client_uri|logo_uri) missing`,
		"null when recorded, which the document forbids: oktatest leaves them out"),
	the(`GetApplication|ListApplications`, `member (credentials|settings)\.oauthClient added`,
		"all apps of oktatest are OAuth clients"),
	the(`GetApplication|ListApplications`, `member (credentials\.(revealPassword|scheme)|settings\.signOn|`+
		`_links\.(help|metadata)) missing`, "the app is no OAuth client"),
	the(`GetApplication|ListApplications`, `member _links\.(accessPolicy|clientCredentials|logo|policies|`+
		`profileEnrollment|uploadLogo|appLinks\.(href|name|type)) missing`,
		"oktatest serves neither policies, secrets, logos nor a dashboard"),
	the(`GetAuthorizationServer|ListAuthorizationServers`, `member (credentials|`+
		`_links\.(activate|claims|keys|metadata|policies|rotateKey)) missing`,
		"oktatest serves neither keys, claims nor policies"),
	the(`GetAuthorizationServer`, `member _links\.deactivate added`, "one was recorded while it was inactive"),
	the(`GetUser|ListUsers|ListGroupUsers`, `member (credentials\.(emails|password|recovery_question)|`+
		`_links\.(activate|changePassword|changeRecoveryQuestion|deactivate|expirePassword|forgotPassword|reactivate|`+
		`resetFactors|resetPassword|schema|suspend|type|unsuspend)|realmId|transitioningToStatus|`+
		`profile\.(nickName|displayName|array123|number123)) missing`,
		"oktatest has no credentials, lifecycle, realms and attributes of an org's own"),
	the(`ListApplicationUsers`, `member profile\..* missing`, "the profile in an app is the app's own"),
	the(`ListApplicationUsers`, `member credentials\.userName added`, "recorded apps have no user names"),
	the(`UserGrants\.List`, `member (source|createdBy) added`, "recorded in 2018; the document has both"),
	the(`ListScopes`, `member (consent|optional) added`, "recorded in 2020; the document has both"),
	the(`.*`, `header (X-Okta-Request-Id|X-Rate-Limit-(Limit|Remaining|Reset)) added`, "some recordings leave them out"),
}

// knownExceptions keeps which exceptions were met.
type knownExceptions struct {
	lock sync.Mutex
	met  map[int]bool
}

func newExceptions() *knownExceptions { return &knownExceptions{met: map[int]bool{}} }

func (k *knownExceptions) skips(called string, e exchange) bool {
	return k.find(func(x exception) bool {
		return x.request != nil && x.called.MatchString(called) &&
			x.request.MatchString(e.Method+" "+e.Path+"?"+e.Query+"\n"+e.Body)
	})
}

func (k *knownExceptions) allows(called, difference string) bool {
	return k.find(func(x exception) bool {
		return x.difference != nil && x.called.MatchString(called) && x.difference.MatchString(difference)
	})
}

func (k *knownExceptions) find(matches func(exception) bool) bool {
	k.lock.Lock()
	defer k.lock.Unlock()
	found := false
	for i, x := range exceptions {
		if matches(x) {
			k.met[i], found = true, true
		}
	}
	return found
}

// unmet returns the reasons of exceptions that no response needed.
func (k *knownExceptions) unmet() []string {
	k.lock.Lock()
	defer k.lock.Unlock()
	var reasons []string
	for i, x := range exceptions {
		if !k.met[i] {
			reasons = append(reasons, x.called.String()+": "+x.reason)
		}
	}
	return reasons
}
