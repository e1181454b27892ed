package durable

import (
	"context"
	"time"
)

// branch is a strand of the handler: the handler itself, or a function of a [Group]. Each has a place in the order in which steps begin, so
// that names can be judged.
type branch struct {
	attempt *attempt
	parent  *branch
	// forked and joined are turns of names: when the parent began the branch, and when the parent had waited for it; 0 where it has not.
	forked, joined int64

	// What follows is the activity's. A branch is still while it waits for a group or for a parked step.
	// busy counts its steps that have begun and not ended.
	waiting, parked, busy int
}

func (b *branch) still() bool { return b.waiting+b.parked > 0 }

// precedes reports whether what b did at a turn is certain to come before what other does now, in each attempt.
func (b *branch) precedes(turn int64, other *branch) bool {
	for b != nil {
		if b == other {
			return true
		}
		for child := other; child != nil; child = child.parent {
			if child.parent == b {
				return turn <= child.forked
			}
		}
		if b.joined == 0 {
			return false
		}
		turn, b = b.joined, b.parent
	}
	return false
}

// scope is what the context of a handler, or of a step's function, says to the SDK.
type scope struct {
	branch *branch
	// inside is the step whose function has this context; empty in the handler.
	inside string
}

type scopeKey struct{}

func withScope(ctx context.Context, s scope) context.Context {
	return context.WithValue(ctx, scopeKey{}, s)
}

func scopeOf(ctx context.Context) (scope, bool) {
	s, ok := ctx.Value(scopeKey{}).(scope)
	return s, ok
}

// detached is a context with the values of another one, and without its deadline and cancellation.
type detached struct{ values context.Context }

func (detached) Deadline() (deadline time.Time, ok bool) { return time.Time{}, false }
func (detached) Done() <-chan struct{}                   { return nil }
func (detached) Err() error                              { return nil }
func (d detached) Value(key any) any                     { return d.values.Value(key) }

// RunInfo is which run and attempt a request is.
type RunInfo struct {
	// ID is the run's id, a UUID in lower case. It is empty where the request did not come by a durable route.
	ID string
	// Attempt is 1 for the first attempt, and higher for replays. It is 0 where the request did not come by a durable route.
	Attempt int
}

// IsDurable reports whether the request came by a durable route, so that outcomes are stored.
func (i RunInfo) IsDurable() bool { return i.ID != "" }

// IsReplay reports whether this is an attempt after the first.
func (i RunInfo) IsReplay() bool { return i.Attempt > 1 }

// Info gives the run and the attempt of a handler's context. It is the zero RunInfo where the context is of no durable handler.
func Info(ctx context.Context) RunInfo {
	if s, ok := scopeOf(ctx); ok {
		return s.branch.attempt.run
	}
	return RunInfo{}
}
