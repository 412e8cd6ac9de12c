package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/grantkit/okta/oktatest"
)

// asProgram is the variable that makes the test binary the program itself.
const asProgram = "OKTA_TEST_OKTATESTD"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Args = []string{"oktatestd", "-address", "127.0.0.1:0"}
		main()
	}
	m.Run()
}

// printedURL reads the first line of the program.
func printedURL(t *testing.T, stdout *bufio.Reader) string {
	t.Helper()
	line, err := stdout.ReadString('\n')
	require.NoError(t, err)
	url, ok := strings.CutPrefix(strings.TrimSpace(line), "URL:   ")
	require.True(t, ok, line)
	return url
}

// started returns the URL of a program that runs with more arguments, and a function that ends it and returns what
// else it printed.
func started(t *testing.T, args ...string) (url string, end func() string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	code := make(chan int, 1)
	var stderr bytes.Buffer
	go func() {
		code <- run(ctx, append([]string{"-address", "127.0.0.1:0"}, args...), writer, &stderr)
		_ = writer.Close()
	}()
	stdout := bufio.NewReader(reader)
	url = printedURL(t, stdout)
	return url, func() string {
		cancel()
		rest, err := io.ReadAll(stdout)
		require.NoError(t, err)
		assert.Zero(t, <-code)
		assert.Empty(t, stderr.String())
		return string(rest)
	}
}

// response is a response that was read to its end.
type response struct {
	status int
	limit  string // The X-Rate-Limit-Limit.
	body   string
}

// send sends a request with an API token.
func send(t *testing.T, method, url, token string) response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	require.NoError(t, err)
	req.Header.Set("Authorization", "SSWS "+token)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.NoError(t, resp.Body.Close())
	return response{resp.StatusCode, resp.Header.Get("X-Rate-Limit-Limit"), string(body)}
}

// count returns the length of the list at a URL.
func count(t *testing.T, url, token string) int {
	t.Helper()
	got := send(t, http.MethodGet, url, token)
	require.Equal(t, http.StatusOK, got.status, got.body)
	var list []any
	require.NoError(t, json.Unmarshal([]byte(got.body), &list))
	return len(list)
}

func TestServe(t *testing.T) {
	t.Parallel()
	url, end := started(t, "-users", "3", "-limit", "7", "-token", "00secret")

	assert.Equal(t, 3, count(t, url+"/api/v1/users", "00secret"))
	assert.Equal(t, 3, count(t, url+"/api/v1/groups/"+oktatest.DemoGroupID+"/users", "00secret"))
	assert.Equal(t, 3, count(t, url+"/api/v1/apps/0oanotes/users", "00secret"))
	got := send(t, http.MethodGet, url+"/api/v1/users/user2@example.com", "00secret")
	assert.Equal(t, "7", got.limit)
	var user struct {
		ID string `json:"id"`
	}
	require.NoError(t, json.Unmarshal([]byte(got.body), &user))
	grants := url + "/api/v1/users/" + user.ID + "/grants"
	assert.Equal(t, 5, count(t, grants, "00secret"))
	portal := send(t, http.MethodGet, url+"/api/v1/users/"+user.ID+"/clients/partner-portal/grants", "00secret").body
	assert.Contains(t, portal, `"scopeId":"`+oktatest.DemoScopeID+`"`)
	assert.Contains(t, portal, `"title":"Supplier invoices"`)
	assert.Equal(t, 2, count(t, url+"/api/v1/authorizationServers/auspartners/scopes", "00secret"))
	assert.Equal(t, 3, count(t, url+"/api/v1/apps/0oapartner/tokens", "00secret"))
	assert.Equal(t, http.StatusNoContent, send(t, http.MethodDelete, grants, "00secret").status)
	assert.Zero(t, count(t, grants, "00secret"))
	assert.Equal(t, 1, count(t, url+"/api/v1/users/"+user.ID+"/clients/0oanotes/tokens", "00secret"))
	got = send(t, http.MethodGet, grants, oktatest.DemoToken)
	assert.Equal(t, http.StatusUnauthorized, got.status)
	assert.Equal(t, "7", got.limit)

	rest := end()
	assert.Contains(t, rest, "Users: 3\n")
	assert.Contains(t, rest, `"Authorization: SSWS 00secret"`)
	assert.Contains(t, rest, "curl -H 'Authorization: SSWS 00secret' "+url+"/api/v1/users\n")
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	url, end := started(t)
	assert.Equal(t, 10, count(t, url+"/api/v1/users", oktatest.DemoToken))
	assert.Empty(t, send(t, http.MethodGet, url+"/api/v1/users", oktatest.DemoToken).limit)
	assert.Contains(t, end(), "SSWS "+oktatest.DemoToken)
}

func TestInvalidArguments(t *testing.T) {
	t.Parallel()
	taken, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, taken.Close()) })
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"-help"}, 0, "Usage of oktatestd"},
		{[]string{"-help"}, 0, "0oapartner, whose client ID is partner-portal"},
		{[]string{"-help"}, 0, "-token token"},
		{[]string{"-user", "3"}, 2, "not defined: -user"},
		{[]string{"-users", "many"}, 2, "Usage of oktatestd"},
		{[]string{"-users", "-1"}, 2, "oktatestd: -users and -limit must not be negative\nUsage of oktatestd"},
		{[]string{"-limit", "-1"}, 2, "oktatestd: -users and -limit must not be negative"},
		{[]string{"-token", ""}, 2, "oktatestd: -token must not be empty"},
		{[]string{"3"}, 2, `oktatestd: unknown argument "3"`},
		{[]string{"-address", taken.Addr().String()}, 1, "oktatestd: listen tcp"},
	} {
		var stdout, stderr bytes.Buffer
		assert.Equal(t, test.code, run(t.Context(), test.args, &stdout, &stderr), test.args)
		assert.Contains(t, stderr.String(), test.want)
		assert.Empty(t, stdout.String())
	}
}

func TestSignalsEndTheProgram(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("a process cannot send signals there")
	}
	for _, sent := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		t.Run(sent.String(), func(t *testing.T) {
			t.Parallel()
			program := exec.CommandContext(t.Context(), os.Args[0]) //nolint:gosec // the test binary itself
			program.Env = append(os.Environ(), asProgram+"=1")
			stdout, err := program.StdoutPipe()
			require.NoError(t, err)
			require.NoError(t, program.Start())
			reader := bufio.NewReader(stdout)
			url := printedURL(t, reader)
			assert.Equal(t, 10, count(t, url+"/api/v1/users", oktatest.DemoToken))
			require.NoError(t, program.Process.Signal(sent))
			_, err = io.Copy(io.Discard, reader)
			require.NoError(t, err)
			require.NoError(t, program.Wait(), "the exit code is 0")
		})
	}
}
