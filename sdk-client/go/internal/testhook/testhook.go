// Package testhook is how package durabletest tells a handler to be quick.
package testhook

import (
	"context"
	"time"
)

type key struct{}

// WithSuspendAfter makes a context whose attempts are suspended sooner.
func WithSuspendAfter(ctx context.Context, d time.Duration) context.Context {
	return context.WithValue(ctx, key{}, d)
}

// SuspendAfter gives what WithSuspendAfter was given.
func SuspendAfter(ctx context.Context) (time.Duration, bool) {
	d, ok := ctx.Value(key{}).(time.Duration)
	return d, ok
}
