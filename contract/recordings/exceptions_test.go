package recordings_test

import (
	"regexp"
	"sync"
)

// exception is a way in which oktatest differs from a recording on purpose.
type exception struct {
	called     *regexp.Regexp // the method, as in setups
	request    *regexp.Regexp // the request is not compared, if this matches its method, path, query and body
	difference *regexp.Regexp // otherwise: the difference
	reason     string
}

func the(called, difference, reason string) exception {
	return exception{
		called: regexp.MustCompile("^(" + called + ")$"), difference: regexp.MustCompile("^(" + difference + ")$"),
		reason: reason,
	}
}

func not(called, request, reason string) exception {
	return exception{
		called: regexp.MustCompile("^(" + called + ")$"), request: regexp.MustCompile(request), reason: reason,
	}
}

// exceptions name each way in which oktatest differs from the recordings.
var exceptions = []exception{
	not(`Do\(map\)|List\[map\]|error of Do|GetApplicationUser as Do|grant as Do.*`, `.`, "oktatest has no such route"),
}

// knownExceptions keeps which exceptions were met.
type knownExceptions struct {
	lock sync.Mutex
	met  map[int]bool
}

func newExceptions() *knownExceptions { return &knownExceptions{met: map[int]bool{}} }

func (k *knownExceptions) skips(called string, e exchange) bool {
	return k.find(func(x exception) bool {
		return x.request != nil && x.called.MatchString(called) &&
			x.request.MatchString(e.Method+" "+e.Path+"?"+e.Query+"\n"+e.Body)
	})
}

func (k *knownExceptions) allows(called, difference string) bool {
	return k.find(func(x exception) bool {
		return x.difference != nil && x.called.MatchString(called) && x.difference.MatchString(difference)
	})
}

func (k *knownExceptions) find(matches func(exception) bool) bool {
	k.lock.Lock()
	defer k.lock.Unlock()
	found := false
	for i, x := range exceptions {
		if matches(x) {
			k.met[i], found = true, true
		}
	}
	return found
}

// unmet returns the reasons of exceptions that no response needed.
func (k *knownExceptions) unmet() []string {
	k.lock.Lock()
	defer k.lock.Unlock()
	var reasons []string
	for i, x := range exceptions {
		if !k.met[i] {
			reasons = append(reasons, x.called.String()+": "+x.reason)
		}
	}
	return reasons
}
