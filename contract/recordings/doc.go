// Package recordings replays recorded responses of real orgs through the SDK and package org, and compares those of
// oktatest with them. It has tests only; README.md of contract says where the recordings come from.
package recordings
