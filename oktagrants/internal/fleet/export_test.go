package fleet

import "time"

// Hurry lets a worker notice sooner that another one is gone.
func (w *Worker) Hurry() {
	w.pace = pace{spell: time.Minute, retry: time.Second, beat: 100 * time.Millisecond, lapse: 2 * time.Second, silence: 4 * time.Second}
}

// Spell lets a worker stay with a range for a time.
func (w *Worker) Spell(spell time.Duration) {
	w.Hurry()
	w.pace.spell = spell
}
