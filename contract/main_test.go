package contract_test

import (
	"fmt"
	"os"
	"sync/atomic"
	"testing"
)

// counts says how much was checked against the document, without its mutated copies.
var counts struct {
	operations, requests, responses, values, properties atomic.Int64
}

func TestMain(m *testing.M) {
	m.Run()
	if _, err := readDocument(); err != nil {
		_, _ = fmt.Fprintf(os.Stdout, "contract: nothing was checked: %v\n", err)
		return
	}
	_, _ = fmt.Fprintf(os.Stdout,
		"contract: %d operations, %d requests, %d responses, %d values and %d properties checked\n",
		counts.operations.Load(), counts.requests.Load(), counts.responses.Load(), counts.values.Load(),
		counts.properties.Load())
}
