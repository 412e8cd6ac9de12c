package report_test

import (
	"context"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"
)

// view is how a page is looked at.
type view struct {
	width, height int64
	scheme        string // light or dark
	media         string // empty or print
}

var (
	desk  = view{width: 1280, height: 900, scheme: "light"}
	phone = view{width: 390, height: 844, scheme: "light"}
)

// browser is a headless Chromium.
type browser struct{ ctx context.Context }

// chromium starts a browser for the time of a test.
func chromium(t *testing.T) browser {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil && os.Getenv("OKTAGRANTS_REQUIRE_CHROMIUM") == "" {
		t.Skip("Chromium is not installed; with OKTAGRANTS_REQUIRE_CHROMIUM=1 that fails")
	}
	require.NoError(t, err, "OKTAGRANTS_REQUIRE_CHROMIUM is set")
	options := slices.Concat(chromedp.DefaultExecAllocatorOptions[:], []chromedp.ExecAllocatorOption{
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
	})
	ctx, cancel := chromedp.NewExecAllocator(context.WithoutCancel(t.Context()), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	require.NoError(t, chromedp.Do(ctx))
	return browser{ctx}
}

// tab is an open page.
type tab struct {
	t   *testing.T
	ctx context.Context

	mu       sync.Mutex
	troubles []string // what the console says
	requests []string
}

// open shows a page in a new tab.
func (b browser) open(t *testing.T, html string, v view) *tab {
	t.Helper()
	file := filepath.Join(t.TempDir(), "report.html")
	require.NoError(t, os.WriteFile(file, []byte(html), 0o600))
	ctx, cancel := chromedp.NewContext(b.ctx)
	t.Cleanup(cancel)
	shown := &tab{t: t, ctx: ctx}
	require.NoError(t, chromedp.Listen(ctx, shown.note))
	_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
		Media:    v.media,
		Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: v.scheme}},
	})
	require.NoError(t, err)
	address := url.URL{Scheme: "file", Path: file}
	shown.do(chromedp.EmulateViewport(v.width, v.height), chromedp.Navigate(address.String()))
	return shown
}

// note keeps what the console says and what is fetched.
func (shown *tab) note(event any) {
	shown.mu.Lock()
	defer shown.mu.Unlock()
	switch e := event.(type) {
	case *runtime.EventExceptionThrown:
		shown.troubles = append(shown.troubles, e.ExceptionDetails.Text)
	case *runtime.EventConsoleAPICalled:
		shown.troubles = append(shown.troubles, "console."+string(e.Type))
	case *log.EventEntryAdded:
		shown.troubles = append(shown.troubles, e.Entry.Text) //nolint:forbidigo // the browser's log, not Go's
	case *network.EventRequestWillBeSent:
		shown.requests = append(shown.requests, e.Request.URL)
	}
}

func (shown *tab) do(steps ...chromedp.Action[chromedp.Void]) {
	shown.t.Helper()
	ctx, cancel := context.WithTimeout(shown.ctx, time.Minute)
	defer cancel()
	require.NoError(shown.t, chromedp.Do(ctx, steps...))
}

// eval is the value of a JavaScript expression.
func eval[T any](shown *tab, expression string) T {
	shown.t.Helper()
	value, err := chromedp.Run(shown.ctx, chromedp.Evaluate[T](expression))
	require.NoError(shown.t, err, expression)
	return value
}

// texts are those of the elements that a selector finds.
func (shown *tab) texts(selector string) []string {
	shown.t.Helper()
	return eval[[]string](shown, "[...document.querySelectorAll(`"+selector+"`)].map(e => e.innerText.trim())")
}

// requireQuiet fails if the page complained, or fetched anything but itself.
func (shown *tab) requireQuiet() {
	shown.t.Helper()
	eval[bool](shown, "true") // all that the page caused before has arrived
	shown.mu.Lock()
	defer shown.mu.Unlock()
	require.Empty(shown.t, shown.troubles, "console")
	require.Len(shown.t, shown.requests, 1, "requests")
}
