package okta

import "time"

// MaxBackoff is what [LoadConfig] has read of rateLimit.maxBackoff.
func (c Config) MaxBackoff() time.Duration { return c.maxBackoff }

// Warnings are what [NewClient] logs of a configuration.
func (c Config) Warnings() []string { return c.warnings }
