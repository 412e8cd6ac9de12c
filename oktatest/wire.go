package oktatest

import (
	"net/url"
	"strings"
)

const timeFormat = "2006-01-02T15:04:05.000Z"

type link struct {
	Href  string     `json:"href"`
	Title string     `json:"title,omitempty"`
	Hints *linkHints `json:"hints,omitempty"`
}

type linkHints struct {
	Allow []string `json:"allow"`
}

func nullable(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func allow(methods ...string) *linkHints { return &linkHints{Allow: methods} }

// href returns the public URL of a path, given as its segments.
func (o *Org) href(segments ...string) string {
	var href strings.Builder
	href.WriteString(o.publicURL)
	for _, segment := range segments {
		href.WriteByte('/')
		href.WriteString(url.PathEscape(segment))
	}
	return href.String()
}
