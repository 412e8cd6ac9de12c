package oktatest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/grantkit/okta/oktatest"
)

// A test adds content to an org, revokes a grant over HTTP, and looks at what is left.
func Example() {
	org := oktatest.New(oktatest.Options{})
	defer org.Close()
	org.AcceptAPIToken("secret")
	ann := org.AddUser(oktatest.User{Login: "ann@example.com"})
	app := org.AddClient(oktatest.Client{Name: "Calendar"})
	org.AddGrant(oktatest.Grant{UserID: ann.ID, ClientID: app.ID, ScopeID: "openid"})

	status, _, err := request(org, http.MethodDelete, "/api/v1/users/"+ann.ID+"/grants", "SSWS secret")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(status)
	fmt.Println(len(org.Grants()), "grants left")
	// Output:
	// 204
	// 0 grants left
}

// The response to the second of three requests is one of a proxy.
func ExampleOrg_Next() {
	org := oktatest.NewDemo()
	defer org.Close()
	org.Next(nil, oktatest.Reply(http.StatusBadGateway, nil, "<html>Bad gateway</html>"))

	path := "/api/v1/users/" + oktatest.DemoUserID + "/grants"
	for range 3 {
		status, _, err := request(org, http.MethodGet, path, "SSWS "+oktatest.DemoToken)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(status)
	}
	// Output:
	// 200
	// 502
	// 200
}

// A user is deleted after the list of users was read, and before that user's grants are.
func ExampleOrg_NextTo() {
	org := oktatest.NewDemo()
	defer org.Close()
	org.NextTo("GET /api/v1/users/{userId}/grants", func(w http.ResponseWriter, r *http.Request, served http.Handler) {
		org.RemoveUser(oktatest.DemoUserID)
		served.ServeHTTP(w, r)
	})

	for _, path := range []string{"/api/v1/users", "/api/v1/users/" + oktatest.DemoUserID + "/grants"} {
		status, _, err := request(org, http.MethodGet, path, "SSWS "+oktatest.DemoToken)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(status)
	}
	// Output:
	// 200
	// 404
}

// A fault of your own changes a header of the org's response.
func ExampleFault() {
	org := oktatest.NewDemo()
	defer org.Close()
	org.Next(func(w http.ResponseWriter, r *http.Request, org http.Handler) {
		recorder := httptest.NewRecorder()
		org.ServeHTTP(recorder, r)
		maps.Copy(w.Header(), recorder.Header())
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(recorder.Code)
		_, _ = recorder.Body.WriteTo(w)
	})

	path := "/api/v1/users/" + oktatest.DemoUserID + "/grants"
	_, header, err := request(org, http.MethodGet, path, "SSWS "+oktatest.DemoToken)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(header.Get("Content-Type"))
	// Output: text/html
}

// A route of your own has the org's authentication, rate limits and standard headers.
func ExampleOrg_Handle() {
	org := oktatest.NewDemo()
	defer org.Close()
	org.LimitRate(oktatest.BucketAPI, 600, time.Minute)
	org.Handle("GET /api/v1/devices/{deviceId}", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]string{"id": r.PathValue("deviceId"), "status": "ACTIVE"})
	}))

	for _, authorization := range []string{"SSWS wrong", "SSWS " + oktatest.DemoToken} {
		status, header, err := request(org, http.MethodGet, "/api/v1/devices/guo1", authorization)
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Println(status, header.Get("X-Rate-Limit-Limit"))
	}
	// Output:
	// 401 600
	// 200 600
}

// A listener of your own gives the org an address that is known before the test, for a program with a fixed
// configuration.
func ExampleOptions_listener() {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0") // A port of your own.
	if err != nil {
		fmt.Println(err)
		return
	}
	org := oktatest.New(oktatest.Options{Listener: listener})
	defer org.Close()
	fmt.Println(org.URL == "http://"+listener.Addr().String())
	// Output: true
}

// request sends a request and returns the status and the headers of its response.
func request(org *oktatest.Org, method, path, authorization string) (int, http.Header, error) {
	req, err := http.NewRequestWithContext(context.Background(), method, org.URL+path, http.NoBody)
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("Authorization", authorization)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	return resp.StatusCode, resp.Header, resp.Body.Close()
}
