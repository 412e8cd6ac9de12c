package ratelimit

import "time"

// inFlight counts the requests without a response yet, by the windows in which they were sent. Those sent before the
// window before were counted by Okta long ago, if at all.
type inFlight struct {
	all      int
	inWindow [2]int // sent in the present window and in the one before
	window   int    // number of the present one
	latest   time.Time
}

// open returns how many may yet be counted.
func (f *inFlight) open() int { return f.inWindow[0] + f.inWindow[1] }

// present returns how many were sent in the present window.
func (f *inFlight) present() int { return f.inWindow[0] }

func (f *inFlight) send(now time.Time) {
	f.all++
	f.inWindow[0]++
	f.latest = now
}

// giveBack takes off one that was sent in a window.
func (f *inFlight) giveBack(window int) {
	f.all--
	if age := f.window - window; age < len(f.inWindow) {
		f.inWindow[age]--
	}
}

// unsend has the next request wait for none that was not sent.
func (f *inFlight) unsend() { f.latest = time.Time{} }

func (f *inFlight) nextWindow() {
	f.window++
	f.inWindow = [2]int{0, f.inWindow[0]}
}

// skipWindow is for a window in which nothing was sent.
func (f *inFlight) skipWindow() {
	f.window++
	f.inWindow = [2]int{}
}
