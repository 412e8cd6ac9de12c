package recordings_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/contract/internal/material"
)

// exchange is a recorded request and its response. Args are the IDs that the method takes.
type exchange struct {
	File    string              `json:"file"`
	Op      string              `json:"op"`
	Args    []string            `json:"args"`
	Method  string              `json:"method"`
	Path    string              `json:"path"`
	Query   string              `json:"query"`
	Status  int                 `json:"status"`
	Headers map[string][]string `json:"headers"`
	Body    string              `json:"body"`

	Source string `json:"source"` // in place of File
	Target string `json:"target"` // in place of Path and Query
}

func (e exchange) String() string { return e.Method + " " + e.Path }

// header returns the recorded headers. Those of the connection are not among them.
func (e exchange) header() http.Header {
	header := http.Header{}
	for name, values := range e.Headers {
		for _, value := range values {
			header.Add(name, value)
		}
	}
	return header
}

func (e exchange) query(t *testing.T) url.Values {
	t.Helper()
	query, err := url.ParseQuery(e.Query)
	require.NoError(t, err)
	return query
}

// json returns the body as encoding/json decodes it.
func (e exchange) json(t *testing.T) any {
	t.Helper()
	var body any
	require.NoError(t, json.Unmarshal([]byte(e.Body), &body), e)
	return body
}

// next returns the target of the next link, if there is one.
func (e exchange) next(t *testing.T) (*url.URL, bool) {
	t.Helper()
	for _, line := range e.header().Values("Link") {
		for link := range strings.SplitSeq(line, ", <") {
			target, parameters, _ := strings.Cut(strings.TrimPrefix(link, "<"), ">")
			if strings.Contains(parameters, `rel="next"`) {
				u, err := url.Parse(target)
				require.NoError(t, err)
				return u, true
			}
		}
	}
	return nil, false
}

// serve writes the response as it was recorded.
func (e exchange) serve(w http.ResponseWriter) {
	maps.Copy(w.Header(), e.header())
	w.WriteHeader(e.Status)
	_, _ = w.Write([]byte(e.Body))
}

// read reads one file of recordings, once. A test is skipped where they are missing.
func read[T any](name string) func(*testing.T) []T {
	once := sync.OnceValues(func() ([]T, error) {
		text, err := material.Read("recorded", name)
		if err != nil {
			return nil, err
		}
		var recorded []T
		return recorded, json.Unmarshal(text, &recorded)
	})
	return func(t *testing.T) []T {
		t.Helper()
		recorded, err := once()
		if errors.Is(err, material.ErrAbsent) {
			t.Skip(err)
		}
		require.NoError(t, err)
		require.NotEmpty(t, recorded)
		return slices.Clone(recorded)
	}
}

var (
	readExchanges  = read[exchange]("exchanges.json")
	readLogs       = read[exchange]("logs.json")
	readRateLimits = read[exchange]("ratelimits.json")
	readTokens     = read[exchange]("tokens.json")
	readOthers     = read[exchange]("grants-and-log.json")
)

// theGrantsAndLog returns the exchanges of grants-and-log.json, whose targets are paths with queries.
func theGrantsAndLog(t *testing.T) []exchange {
	t.Helper()
	exchanges := readOthers(t)
	for i := range exchanges {
		e := &exchanges[i]
		e.Path, e.Query, _ = strings.Cut(e.Target, "?")
	}
	return exchanges
}

// counts says how much was checked.
var counts struct {
	exchanges, operations, members, nexts, errors, rows, buckets, tokens, compared, exceptions atomic.Int64
}

func TestMain(m *testing.M) {
	m.Run()
	_, err := material.Read("recorded", "exchanges.json")
	if err != nil {
		_, _ = fmt.Fprintf(os.Stdout, "recordings: nothing was checked: %v\n", err)
		return
	}
	_, _ = fmt.Fprintf(os.Stdout, "recordings: %d exchanges of %d operations replayed: %d members, %d next links and "+
		"%d errors read; %d rate limit rows in %d buckets; %d token responses; %d of %d responses of "+
		"oktatest compared, with %d named exceptions\n",
		counts.exchanges.Load(), counts.operations.Load(), counts.members.Load(), counts.nexts.Load(),
		counts.errors.Load(), counts.rows.Load(), counts.buckets.Load(), counts.tokens.Load(), counts.compared.Load(),
		counts.exchanges.Load()+counts.tokens.Load(), counts.exceptions.Load())
}
