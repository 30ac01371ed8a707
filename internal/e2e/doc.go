// Package e2e holds the end-to-end tests: real encoders (ffmpeg) that push over
// HTTP to a real Caddy process, and what viewers get out of it.
package e2e
