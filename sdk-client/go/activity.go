package durable

import (
	"context"
	"sort"
	"strings"
	"sync"
	"time"
)

const (
	// quietPieces is in how many pieces a time of quiet is measured: a process that stands still for longer than all of it loses one piece,
	// and the handler gets its turn before the next one is over.
	quietPieces = 10
	// maxPieces is how long branches are waited for that ask for steps again and again though they get none any more.
	maxPieces = 10 * quietPieces
	// maxQuiet bounds the wait for branches of a handler that has failed: its failure is the answer.
	maxQuiet = 5 * time.Second
)

// activity knows which steps of an attempt are executing and which are parked, and so whether the handler can continue. A
// step is executing from its beginning until its outcome is known, its checkpoint included. It is parked while its
// outcome belongs to a later attempt.
type activity struct {
	piece     time.Duration
	onSuspend func()
	released  chan struct{}

	mu        sync.Mutex
	idle      *sync.Cond
	executing map[string]bool
	parked    map[string]bool
	main      *branch
	// running counts the branches that are not still, the handler itself among them.
	running    int
	live       int
	begun      int64
	hasParked  bool
	leftBehind bool
	mixed      bool
	suspended  bool
	ended      bool
	isReleased bool

	timer  *time.Timer
	pieces int
	since  int64
}

func newActivity(main *branch, suspendAfter time.Duration) *activity {
	a := &activity{
		piece: suspendAfter / quietPieces, released: make(chan struct{}), executing: map[string]bool{}, parked: map[string]bool{}, main: main,
		running: 1,
	}
	a.idle = sync.NewCond(&a.mu)
	return a
}

// update changes the state, and suspends the attempt where the change leaves nothing that could continue.
func (a *activity) update(change func()) {
	a.mu.Lock()
	change()
	if len(a.executing) == 0 {
		a.idle.Broadcast()
	}
	now := a.watch()
	a.mu.Unlock()
	if now {
		a.onSuspend()
	}
}

// watch begins to measure the time without a step, and reports whether the attempt is suspended at once.
func (a *activity) watch() bool {
	if a.ended || a.suspended || len(a.executing) > 0 || len(a.parked) == 0 {
		return false
	}
	// The handler waits for a group, and so does each of its branches, or for a step. A handler that waits for a step itself may have
	// goroutines that nothing is known of.
	if a.running == 0 && a.main.parked == 0 && !a.mixed {
		a.suspended = true
		return true
	}
	a.pieces, a.since = 0, a.begun
	if a.timer == nil {
		a.timer = time.AfterFunc(a.piece, a.tick)
	}
	return false
}

func (a *activity) tick() {
	a.mu.Lock()
	if a.ended || a.suspended || len(a.executing) > 0 || len(a.parked) == 0 {
		a.timer = nil
		a.mu.Unlock()
		return
	}
	if a.begun != a.since {
		a.pieces, a.since = 0, a.begun
	}
	if a.pieces++; a.pieces < quietPieces {
		a.timer.Reset(a.piece)
		a.mu.Unlock()
		return
	}
	a.suspended = true
	a.mu.Unlock()
	a.onSuspend()
}

// shift changes what a branch waits for.
func (a *activity) shift(b *branch, waiting, parked int) {
	before := b.still()
	b.waiting += waiting
	b.parked += parked
	switch after := b.still(); {
	case before && !after:
		a.running++
	case !before && after:
		a.running--
	}
}

// enter notes that a step begins.
func (a *activity) enter(b *branch, id string) {
	a.update(func() {
		a.begun++
		a.executing[id] = true
		// A branch that begins a step while another one of its steps is under way has goroutines of its own.
		if b.still() || b.busy > 0 && callbackOf(id) == "" {
			a.mixed = true
		}
		b.busy++
	})
}

// leave notes that the step's outcome is known, or that its branch has been told to end.
func (a *activity) leave(b *branch, id string) {
	a.update(func() {
		b.busy--
		delete(a.executing, id)
		delete(a.parked, id)
	})
}

// touch notes that a branch does something that is no step, and so it is not at its end.
func (a *activity) touch() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.begun++
}

// fork notes that a branch of a group begins.
func (a *activity) fork(g *Group) {
	a.update(func() {
		a.running++
		a.live++
		g.live++
	})
}

// end notes that a branch has ended. Who waits for the last one of a group can continue, and is told later.
func (a *activity) end(g *Group, b *branch) {
	a.update(func() {
		if !b.still() {
			a.running--
		}
		a.live--
		if g.live--; g.live == 0 {
			a.shift(g.owner, -g.waiting, 0)
			g.waiting = 0
		}
	})
}

// wait notes that a branch waits for those of a group.
func (a *activity) wait(g *Group) {
	a.update(func() {
		if g.live > 0 {
			g.waiting++
			a.shift(g.owner, 1, 0)
		}
	})
}

// park waits for what comes in a later attempt: until this one is over. The parent is the callback that the step hands
// out: it waits for the step.
func (a *activity) park(ctx context.Context, b *branch, id, parent string) error {
	a.update(func() {
		a.hasParked = true
		delete(a.executing, id)
		a.parked[id] = true
		if a.executing[parent] {
			delete(a.executing, parent)
			a.parked[parent] = true
		}
		a.shift(b, 0, 1)
	})
	defer a.update(func() { a.shift(b, 0, -1) })
	select {
	case <-a.released:
		return ErrSuspended
	case <-ctx.Done():
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.isReleased {
		return ErrSuspended
	}
	return ctx.Err()
}

// isSuspended reports whether nothing new begins in the attempt.
func (a *activity) isSuspended() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.suspended
}

// hasOpenBranches reports whether a branch has not come to its end: it may not have asked for all of its steps.
func (a *activity) hasOpenBranches() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.leftBehind || a.hasParked || len(a.executing) > 0
}

// mayComeFurther reports whether another branch may have come further by the next attempt.
func (a *activity) mayComeFurther() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.leftBehind || a.hasParked
}

func (a *activity) hasLeftBehind() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.leftBehind || a.mixed
}

func (a *activity) parkedSteps() string {
	a.mu.Lock()
	defer a.mu.Unlock()
	ids := make([]string, 0, len(a.parked))
	for id := range a.parked {
		ids = append(ids, id)
	}
	sort.Strings(ids)
	return strings.Join(ids, ", ")
}

// handlerEnds notes that the handler has ended: nothing suspends the attempt from here on.
func (a *activity) handlerEnds() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.ended = true
	a.leftBehind = len(a.executing) > 0 || a.live > 0
	if a.timer != nil {
		a.timer.Stop()
	}
}

// drain waits until no step is executing.
func (a *activity) drain() {
	a.mu.Lock()
	defer a.mu.Unlock()
	for len(a.executing) > 0 {
		a.idle.Wait()
	}
}

// release ends the wait of the parked steps, so that their branches end.
func (a *activity) release() {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.isReleased {
		a.isReleased = true
		close(a.released)
	}
}

// quiet waits until no branch that was left behind has done anything for a while.
func (a *activity) quiet(ctx context.Context) {
	piece := a.piece
	if piece > maxQuiet/quietPieces {
		piece = maxQuiet / quietPieces
	}
	count := func() int64 {
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.begun
	}
	begun := count()
	for quiet, waited := 0, 0; quiet < quietPieces && waited < maxPieces; quiet, waited = quiet+1, waited+1 {
		timer := time.NewTimer(piece)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		if now := count(); now != begun {
			begun, quiet = now, -1
		}
	}
}
