package durable

import (
	"context"
	"sync"
)

// Group executes branches of a handler at the same time. A branch whose step waits (for its retry, an event, the end of
// a sleep) does not keep the others from going on.
//
// It is like errgroup.Group, with three differences. The SDK knows the branches, so it knows when none can continue, and
// suspends the attempt at once. [Group.Wait] gives the error of the first branch in the order of the calls of
// [Group.Go], which is the same in each attempt. And an error of one branch does not cancel the others: what their steps
// do is worth its checkpoint.
type Group struct {
	ctx   context.Context
	owner *branch
	wait  sync.WaitGroup

	// live counts the branches that have not ended, and waiting who waits for them. Both are the activity's.
	live, waiting int

	mu       sync.Mutex
	branches []*branch
	errs     []error
}

// NewGroup makes a group of the branch that ctx belongs to: of the handler, or of another group's function. In a context
// of no durable handler it executes its functions all the same.
func NewGroup(ctx context.Context) *Group {
	g := &Group{ctx: ctx}
	if s, ok := scopeOf(ctx); ok {
		g.owner = s.branch
	}
	return g
}

// Go begins a branch. Its steps take the context that the function gets. Call Go where steps may begin: in the goroutine
// that made the group.
func (g *Group) Go(f func(ctx context.Context) error) {
	g.mu.Lock()
	index := len(g.errs)
	g.errs = append(g.errs, nil)
	ctx := g.ctx
	var b *branch
	if g.owner != nil {
		b = &branch{attempt: g.owner.attempt, parent: g.owner}
		s, _ := scopeOf(ctx)
		ctx = withScope(ctx, scope{b, s.inside})
		g.branches = append(g.branches, b)
		b.attempt.names.fork(b)
		b.attempt.activity.fork(g)
	}
	g.mu.Unlock()
	g.wait.Add(1)
	go func() {
		defer g.wait.Done()
		err := error(errGoexit)
		defer func() {
			g.mu.Lock()
			g.errs[index] = err
			g.mu.Unlock()
			if b != nil {
				b.attempt.activity.end(g, b)
			}
		}()
		_, err = protect(func() (struct{}, error) { return struct{}{}, f(ctx) })
	}()
}

var errGoexit = misuse("a branch ended by runtime.Goexit")

// Wait waits until all branches have ended. It gives the error of the first one that failed, in the order in which they
// were begun. An error that ends the run comes before that, and [ErrSuspended] after any other. A panic of a branch goes
// on in the goroutine that waits.
func (g *Group) Wait() error {
	if g.owner != nil {
		g.owner.attempt.activity.wait(g)
	}
	g.wait.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.owner != nil {
		g.owner.attempt.names.join(g.branches)
	}
	var first error
	for _, err := range g.errs {
		if panicked, ok := err.(*PanicError); ok {
			panic(panicked)
		}
		if err != nil && (first == nil || rank(err) > rank(first)) {
			first = err
		}
	}
	return first
}

// rank orders what branches end with: a final failure ends the run even where another branch waits.
func rank(err error) int {
	switch {
	case isOver(err):
		return 0
	case isForGood(err):
		return 2
	}
	return 1
}

// Future is the result of a branch.
type Future[T any] struct {
	done  chan struct{}
	value T
	err   error
}

// Go begins a branch of a group that has a result. The error of the branch is also the group's.
func Go[T any](g *Group, f func(ctx context.Context) (T, error)) *Future[T] {
	future := &Future[T]{done: make(chan struct{})}
	g.Go(func(ctx context.Context) error {
		// A function that panics leaves an error, and nobody waits in vain.
		future.err = errGoexit
		defer close(future.done)
		value, err := protect(func() (T, error) { return f(ctx) })
		future.value, future.err = value, err
		return err
	})
	return future
}

// Done is closed when the branch has ended. In a select it tells which of several branches comes first in this attempt;
// keep in a step which it was, where that matters, because a later attempt may find both done. A branch whose step waits
// ends only with the attempt.
func (f *Future[T]) Done() <-chan struct{} { return f.done }

// Get waits until the branch has ended, and gives its result.
func (f *Future[T]) Get() (T, error) {
	<-f.done
	return f.value, f.err
}
