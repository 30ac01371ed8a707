package store

import "context"

type urgent struct{}

// Urgent marks the context of a call that the origin can't go on without, such as one for what another node asks for,
// which no other one may have. An engine that is short of something, as of file descriptors, spares it for
// these calls, and lets what viewers ask for wait. One of several nodes keeps in memory what it fetches for them
// and has no room for.
func Urgent(ctx context.Context) context.Context { return context.WithValue(ctx, urgent{}, true) }

// IsUrgent reports whether the context was marked.
func IsUrgent(ctx context.Context) bool { return ctx.Value(urgent{}) != nil }
