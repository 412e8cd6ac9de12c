package fleet

import "time"

// Hurry lets a worker notice sooner that another one is gone.
func (w *Worker) Hurry() {
	w.pace = pace{beat: 100 * time.Millisecond, lapse: 2 * time.Second, silence: 4 * time.Second}
}
