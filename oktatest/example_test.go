package oktatest_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"

	"github.com/grantkit/okta/oktatest"
)

// An org is filled, asked to revoke something over HTTP, and looked at.
func Example() {
	org := oktatest.New(oktatest.Options{})
	defer org.Close()
	org.AcceptAPIToken("secret")
	ann := org.AddUser(oktatest.User{Login: "ann@example.com"})
	app := org.AddClient(oktatest.Client{Name: "Calendar"})
	org.AddGrant(oktatest.Grant{UserID: ann.ID, ClientID: app.ID, ScopeID: "openid"})

	status, _, err := ask(org, http.MethodDelete, "/api/v1/users/ann@example.com/grants", "SSWS secret")
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

// The second of two requests meets an answer of a proxy.
func ExampleOrg_Next() {
	org := oktatest.NewDemo()
	defer org.Close()
	org.Next(nil, oktatest.Reply(http.StatusBadGateway, nil, "<html>Bad gateway</html>"))

	path := "/api/v1/users/" + oktatest.DemoUserID + "/grants"
	for range 3 {
		status, _, err := ask(org, http.MethodGet, path, "SSWS "+oktatest.DemoToken)
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

// A fault of one's own takes the org's answer and changes a header of it.
func ExampleFault() {
	org := oktatest.NewDemo()
	defer org.Close()
	org.Next(func(w http.ResponseWriter, r *http.Request, org http.Handler) {
		answer := httptest.NewRecorder()
		org.ServeHTTP(answer, r)
		maps.Copy(w.Header(), answer.Header())
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(answer.Code)
		_, _ = answer.Body.WriteTo(w)
	})

	path := "/api/v1/users/" + oktatest.DemoUserID + "/grants"
	_, header, err := ask(org, http.MethodGet, path, "SSWS "+oktatest.DemoToken)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(header.Get("Content-Type"))
	// Output: text/html
}

// ask sends a request and returns the status and the headers of its answer.
func ask(org *oktatest.Org, method, path, authorization string) (int, http.Header, error) {
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
