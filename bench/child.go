package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// job is what a child process has to do. It is a process of its own so that its CPU time and memory are those of the
// subject.
type job struct {
	Role    string        `json:"role"` // list, get, bulk, clients, waiters or org; empty to serve the prepared responses
	Subject string        `json:"subject"`
	URL     string        `json:"url"`     // of the server
	N       int           `json:"n"`       // grants or calls
	Workers int           `json:"workers"` // of a bulk, for each client
	Clients int           `json:"clients"` // of a bulk; 0 for one
	MaxUse  float64       `json:"maxUse"`  // of a bulk
	Late    time.Duration `json:"late"`    // in a window, when a bulk begins
	Fleet   fleet         `json:"fleet"`
	Org     orgSpec       `json:"org"`
}

// usage is what a job has cost the process that did it.
type usage struct {
	Wall, CPU   time.Duration
	Allocs      uint64
	Bytes       uint64
	PeakRSS     uint64 // of the whole process
	Heap        uint64 // that the job has left behind
	Connections int
}

const childArg = "child"

// isChild reports whether this process is to do a job.
func isChild() bool { return len(os.Args) == 3 && os.Args[1] == childArg }

// beChild does the job and writes what it came to as JSON.
func beChild(ctx context.Context) error {
	var j job
	if err := json.Unmarshal([]byte(os.Args[2]), &j); err != nil {
		return err
	}
	result, err := j.do(ctx)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(result)
}

func (j job) do(ctx context.Context) (any, error) {
	switch j.Role {
	case "list":
		return j.list(ctx)
	case "get":
		return j.get(ctx)
	case "bulk":
		return j.bulk(ctx)
	case "clients":
		return j.clients(ctx)
	case "waiters":
		return j.waiters(ctx)
	case "org":
		return nil, j.serveOrg()
	}
	return nil, servePrepared()
}

func (j job) serveOrg() error {
	server, err := serve(newAcme(j.Org).mux)
	if err != nil {
		return err
	}
	return untilDone(server)
}

func servePrepared() error {
	responses := newPrepared()
	if err := responses.check(); err != nil {
		return err
	}
	server, err := serve(responses)
	if err != nil {
		return err
	}
	responses.connections = &server.connections
	return untilDone(server)
}

// untilDone tells the server's URL and waits until standard input ends, which it does with the process that started
// this one.
func untilDone(server *counted) error {
	if _, err := fmt.Fprintln(os.Stdout, server.url); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// measure tells what f costs.
func measure(f func() error) (usage, error) {
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	cpu, start := cpuTime(), time.Now()
	err := f()
	u := usage{Wall: time.Since(start), CPU: cpuTime() - cpu, PeakRSS: peakRSS(os.Getpid())}
	runtime.ReadMemStats(&after)
	u.Allocs, u.Bytes = after.Mallocs-before.Mallocs, after.TotalAlloc-before.TotalAlloc
	runtime.GC()
	runtime.ReadMemStats(&after)
	u.Heap = after.HeapAlloc
	return u, err
}

func cpuTime() time.Duration {
	var r syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &r)
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// peakRSS is the VmHWM of a process, in bytes, or 0 where there is none. A process inherits ru_maxrss from the one that
// started it.
func peakRSS(pid int) uint64 {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	_, status, _ = bytes.Cut(status, []byte("VmHWM:"))
	var kB uint64
	_, _ = fmt.Sscan(string(status), &kB)
	return kB << 10
}

// programs are the paths of this program, without and with v6.
type programs struct{ own, withV6 string }

func (p programs) of(subject string) string {
	if subject == v6 || subject == v6Tuned {
		return p.withV6
	}
	return p.own
}

// run does the job in a child process and decodes what it came to.
func run[T any](ctx context.Context, p programs, j job) (T, error) {
	var result T
	cmd, err := command(ctx, p.of(j.Subject), j)
	if err != nil {
		return result, err
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return result, fmt.Errorf("%s, %s: %w: %s", j.Role, j.Subject, err, stderr.Bytes())
	}
	return result, json.Unmarshal(out, &result)
}

func command(ctx context.Context, program string, j job) (*exec.Cmd, error) {
	if program == "" {
		return nil, errors.New("the program with v6 was not built")
	}
	arg, err := json.Marshal(j)
	if err != nil {
		return nil, err
	}
	return exec.CommandContext(ctx, program, childArg, string(arg)), nil //nolint:gosec // it is this program
}

// startServer serves in a child process until stop is called.
func startServer(ctx context.Context, program string, j job) (url string, stop func(), err error) {
	cmd, err := command(ctx, program, j)
	if err != nil {
		return "", nil, err
	}
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return "", nil, err
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() { _, _ = stdin.Close(), cmd.Wait() }
	var line [64]byte
	n, err := stdout.Read(line[:])
	if err != nil {
		stop()
		return "", nil, err
	}
	return strings.TrimSpace(string(line[:n])), stop, nil
}
