package okta_test

import (
	"sync"
	"testing"
	"time"

	"github.com/grantkit/okta"
)

func TestZZ(t *testing.T) {
	bubble(t, nil, func(t *testing.T, _ party, e *endpoint, client *okta.Client) {
		start := time.Now()
		e.latency = time.Second
		e.answerTokens(reply(401, `{"error":"invalid_client"}`))
		var mu sync.Mutex
		ends := map[string]int{}
		var calls sync.WaitGroup
		for range 1000 {
			calls.Go(func() {
				begin := time.Since(start)
				err := getDemo(t.Context(), client)
				mu.Lock()
				ends[begin.String()+" "+time.Since(start).String()+" "+sprint("%.60v", err)]++
				mu.Unlock()
			})
		}
		calls.Wait()
		t.Log(len(e.tokenRequests()))
		for k, v := range ends {
			t.Log(k, v)
		}
	})
}
