// Package faults_test tests the SDK against servers, networks and programs that fail: over real sockets, and with
// processes that are killed. README.md explains what the tests print.
package faults_test

import (
	"bytes"
	"log"
	"os"
	"runtime"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

// TestMain runs the tests, or the program that the sweep test starts and kills. No goroutine may outlive the tests.
func TestMain(m *testing.M) {
	if runtime.GOOS == "windows" {
		return // its sockets and signals have errors of their own
	}
	if os.Getenv(sweepOrg) != "" {
		os.Exit(sweep()) //nolint:forbidigo // this is the program's end
	}
	log.SetOutput(&transportLog)
	goleak.VerifyTestMain(m)
}

// transportLog is what net/http logs by itself, such as the bytes that follow a response of a wrong Content-Length.
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
