package oktatest

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
)

// logEventJSON has the members of a recorded event. What an org does not know is null or empty, as it was there.
type logEventJSON struct {
	Actor                 logActorJSON      `json:"actor"`
	Client                logClientJSON     `json:"client"`
	AuthenticationContext logAuthentication `json:"authenticationContext"`
	DisplayMessage        string            `json:"displayMessage"`
	EventType             string            `json:"eventType"`
	Outcome               logOutcomeJSON    `json:"outcome"`
	Published             string            `json:"published"`
	SecurityContext       *struct{}         `json:"securityContext"`
	Severity              string            `json:"severity"`
	DebugContext          logDebugJSON      `json:"debugContext"`
	LegacyEventType       *string           `json:"legacyEventType"`
	Transaction           logTransaction    `json:"transaction"`
	UUID                  string            `json:"uuid"`
	Version               string            `json:"version"`
	Request               logRequestJSON    `json:"request"`
	Target                []logTargetJSON   `json:"target"`
}

type logActorJSON struct {
	ID          string    `json:"id"`
	Type        string    `json:"type"`
	AlternateID string    `json:"alternateId"`
	DisplayName string    `json:"displayName"`
	DetailEntry *struct{} `json:"detailEntry"`
}

type logClientJSON struct {
	UserAgent *struct{} `json:"userAgent"`
	Zone      string    `json:"zone"`
	Device    string    `json:"device"`
	ID        *string   `json:"id"`
	IPAddress string    `json:"ipAddress"`
	Location  *struct{} `json:"geographicalContext"`
}

type logAuthentication struct {
	AuthenticationProvider *string   `json:"authenticationProvider"`
	CredentialProvider     *string   `json:"credentialProvider"`
	CredentialType         *string   `json:"credentialType"`
	Issuer                 *struct{} `json:"issuer"`
	Interface              *string   `json:"interface"`
	AuthenticationStep     int       `json:"authenticationStep"`
	ExternalSessionID      string    `json:"externalSessionId"`
}

type logOutcomeJSON struct {
	Result string  `json:"result"`
	Reason *string `json:"reason"`
}

type logDebugJSON struct {
	DebugData map[string]string `json:"debugData"`
}

type logTransaction struct {
	Type   string   `json:"type"`
	ID     string   `json:"id"`
	Detail struct{} `json:"detail"`
}

type logRequestJSON struct {
	IPChain []struct{} `json:"ipChain"`
}

type logTargetJSON struct {
	ID          string            `json:"id"`
	Type        string            `json:"type"`
	AlternateID *string           `json:"alternateId"`
	DisplayName string            `json:"displayName"`
	DetailEntry map[string]string `json:"detailEntry"`
}

func logJSON(event LogEvent) logEventJSON {
	wire := logEventJSON{
		Actor: logActorJSON{
			ID: event.Actor.ID, Type: event.Actor.Type,
			AlternateID: event.Actor.AlternateID, DisplayName: event.Actor.DisplayName,
		},
		Client: logClientJSON{
			Zone: "null", Device: "Unknown", ID: nullable(event.ClientID), IPAddress: "192.0.2.1",
		},
		AuthenticationContext: logAuthentication{ExternalSessionID: "unknown"},
		DisplayMessage:        event.Message,
		EventType:             event.EventType,
		Outcome:               logOutcomeJSON{Result: event.Outcome, Reason: nullable(event.Reason)},
		Published:             event.Published.Format(timeFormat),
		Severity:              event.Severity,
		DebugContext:          logDebugJSON{DebugData: event.DebugData},
		Transaction:           logTransaction{Type: "WEB", ID: event.Transaction},
		UUID:                  event.UUID,
		Version:               "0",
		Request:               logRequestJSON{IPChain: []struct{}{}},
		Target:                []logTargetJSON{},
	}
	if wire.DebugContext.DebugData == nil {
		wire.DebugContext.DebugData = map[string]string{}
	}
	for _, target := range event.Targets {
		wire.Target = append(wire.Target, logTargetJSON{
			ID: target.ID, Type: target.Type, AlternateID: nullable(target.AlternateID),
			DisplayName: target.DisplayName, DetailEntry: target.Detail,
		})
	}
	return wire
}

// asTree returns what a reader of the JSON finds.
func asTree(value any) any {
	text, err := json.Marshal(value)
	var tree any
	if err == nil {
		err = json.Unmarshal(text, &tree)
	}
	if err != nil {
		mistake("an event cannot be written as JSON: %v", err)
	}
	return tree
}

// uuid returns a random UUID (RFC 9562, version 4).
func uuid() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // It never fails.
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
