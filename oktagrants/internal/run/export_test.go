package run

import "time"

// SetGrace sets how long revokes in flight may go on when the run is stopped.
func (r *Runner) SetGrace(grace time.Duration) { r.grace = grace }
