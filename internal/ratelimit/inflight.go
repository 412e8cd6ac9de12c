package ratelimit

import "time"

// inFlight counts the requests without a response yet by the window in which they were sent. Okta may still count those
// of the present window and of the one before; it has counted older ones long ago, if at all.
type inFlight struct {
	all      int
	inWindow [2]int    // sent in the present window and in the one before
	window   int       // number of the present window
	latest   time.Time // when the last one was sent
}

// open returns how many requests Okta may still count.
func (f *inFlight) open() int { return f.inWindow[0] + f.inWindow[1] }

// present returns how many requests were sent in the present window.
func (f *inFlight) present() int { return f.inWindow[0] }

func (f *inFlight) send(now time.Time) {
	f.all++
	f.inWindow[0]++
	f.latest = now
}

// giveBack removes a request that was sent in a window.
func (f *inFlight) giveBack(window int) {
	f.all--
	if age := f.window - window; age < len(f.inWindow) {
		f.inWindow[age]--
	}
}

// unsend forgets when the last request was sent: it was not.
func (f *inFlight) unsend() { f.latest = time.Time{} }

func (f *inFlight) nextWindow() {
	f.window++
	f.inWindow = [2]int{0, f.inWindow[0]}
}

// skipWindow passes over a window in which nothing was sent.
func (f *inFlight) skipWindow() {
	f.window++
	f.inWindow = [2]int{}
}
