//go:build !v6

package main

import "errors"

const hasV6 = false

func newV6(string, bool) (subject, error) {
	return subject{}, errors.New("built without the tag v6")
}
