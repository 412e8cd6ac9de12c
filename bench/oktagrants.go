package main

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// oktagrants is the command, to be run on an org in a folder of its own.
type oktagrants struct {
	program string
	dir     string
	org     servedOrg
}

// running is a process of the command.
type running struct {
	cmd     *exec.Cmd
	started time.Time
	output  bytes.Buffer
	ended   chan struct{}

	outcome // and err: after the end
	err     error
}

// outcome is what became of a process.
type outcome struct {
	Exit    int // -1 if it was killed
	Wall    time.Duration
	CPU     time.Duration
	PeakRSS uint64
}

// start runs the command with the configuration of the org, and with no other.
func (g oktagrants) start(ctx context.Context, args ...string) (*running, error) {
	r := &running{ended: make(chan struct{})}
	r.cmd = exec.CommandContext(ctx, g.program, args...) //nolint:gosec // the arguments are this program's
	r.cmd.Dir = g.dir
	r.cmd.Env = []string{"HOME=" + g.dir, "OKTA_CLIENT_ORGURL=" + g.org.url, "OKTA_CLIENT_TOKEN=" + token}
	r.cmd.Stdout, r.cmd.Stderr = &r.output, &r.output
	r.started = time.Now()
	if err := r.cmd.Start(); err != nil {
		return nil, err
	}
	go r.watch()
	return r, nil
}

// watch waits for the end of the process, and reads its peak RSS until then.
func (r *running) watch() {
	defer close(r.ended)
	exited := make(chan error, 1)
	go func() { exited <- r.cmd.Wait() }()
	for {
		r.PeakRSS = max(r.PeakRSS, peakRSS(r.cmd.Process.Pid))
		select {
		case r.err = <-exited:
			r.Wall = time.Since(r.started)
			state := r.cmd.ProcessState
			r.Exit, r.CPU = state.ExitCode(), state.UserTime()+state.SystemTime()
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// kill kills the process, which must not have ended.
func (r *running) kill() error {
	err := r.cmd.Process.Kill()
	<-r.ended
	if r.Exit != -1 {
		return fmt.Errorf("it ended before it was killed: %w", r.failure())
	}
	return err
}

// failure says how the process ended, which should not have ended so.
func (r *running) failure() error {
	return fmt.Errorf("oktagrants %s: exit code %d: %w: %s", strings.Join(r.cmd.Args[1:], " "), r.Exit, r.err, r.output.Bytes())
}

// succeed waits for the end of the process, which must be exit code 0.
func (r *running) succeed() (outcome, error) {
	<-r.ended
	if r.Exit != 0 {
		return r.outcome, r.failure()
	}
	return r.outcome, nil
}

// run runs the command, which must succeed.
func (g oktagrants) run(ctx context.Context, args ...string) (outcome, error) {
	r, err := g.start(ctx, args...)
	if err != nil {
		return outcome{}, err
	}
	return r.succeed()
}

// killAt starts the command, and kills it as soon as the org has served so many calls in all, and a delay later.
func (g oktagrants) killAt(ctx context.Context, calls int, later time.Duration, args ...string) (outcome, error) {
	r, err := g.start(ctx, args...)
	if err != nil {
		return outcome{}, err
	}
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		<-r.ended
		cancel()
	}()
	if err := g.org.wait(waiting, calls); err == nil {
		delay(waiting, later)
	}
	err = r.kill()
	return r.outcome, err
}
