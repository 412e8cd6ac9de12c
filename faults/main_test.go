// Package faults_test holds the SDK to what it promises when servers, networks and programs fail: over real sockets, and
// with processes that are killed.
package faults_test

import (
	"bytes"
	"log"
	"os"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// TestMain runs the tests, or the program that the sweep test starts and kills. No goroutine may outlive the tests.
func TestMain(m *testing.M) {
	if os.Getenv(sweepOrg) != "" {
		os.Exit(sweep()) //nolint:forbidigo // this is the program's end
	}
	log.SetOutput(&transportLog)
	goleak.VerifyTestMain(m)
}

// transportLog is what net/http logs without being asked, such as the rest of an answer that was longer than it said.
var transportLog syncBuffer

// syncBuffer is a buffer for many goroutines.
type syncBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *syncBuffer) Write(text []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(text)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
