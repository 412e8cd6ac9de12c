package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// The paths at which an org tells the bench of itself. They count nowhere.
const (
	logPath  = "/bench/log"
	markPath = "/bench/mark"
	waitPath = "/bench/wait"
)

func (o *acme) routesOfBench() {
	o.mux.HandleFunc("GET "+logPath, func(w http.ResponseWriter, _ *http.Request) {
		o.mu.Lock()
		defer o.mu.Unlock()
		_ = json.NewEncoder(w).Encode(o.log)
	})
	o.mux.HandleFunc("GET "+markPath, func(http.ResponseWriter, *http.Request) {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.log.Grants = time.Time{}
	})
	o.mux.HandleFunc("GET "+waitPath, func(_ http.ResponseWriter, r *http.Request) {
		calls, _ := strconv.Atoi(r.URL.Query().Get("calls"))
		for o.total() < calls && r.Context().Err() == nil {
			delay(r.Context(), time.Millisecond)
		}
	})
}

func (o *acme) total() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.log.Total
}

// servedOrg is an org that is served by a process of its own.
type servedOrg struct {
	url  string
	stop func()
}

func (b *bench) startOrg(ctx context.Context, spec orgSpec) (servedOrg, error) {
	url, stop, err := startServer(ctx, b.own, job{Role: "org", Org: spec})
	return servedOrg{url, stop}, err
}

// log is what the org has served so far.
func (o servedOrg) log(ctx context.Context) (orgLog, error) {
	var log orgLog
	body, err := o.get(ctx, logPath)
	if err != nil {
		return log, err
	}
	return log, json.Unmarshal(body, &log)
}

// mark forgets when a user's grants were first read.
func (o servedOrg) mark(ctx context.Context) error {
	_, err := o.get(ctx, markPath)
	return err
}

// wait waits until the org has served so many calls.
func (o servedOrg) wait(ctx context.Context, calls int) error {
	_, err := o.get(ctx, fmt.Sprint(waitPath, "?calls=", calls))
	return err
}

func (o servedOrg) get(ctx context.Context, path string) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, o.url+path, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close() //nolint:errcheck // nothing is written to it
	return io.ReadAll(resp.Body)
}
