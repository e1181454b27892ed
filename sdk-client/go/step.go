package durable

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// errPending says that a step has no outcome yet. It does not leave the SDK.
var errPending = errors.New("the step is pending")

// role is who asks for a step.
type role int

const (
	roleHandler role = iota
	roleHandOut
	roleCompensation
)

// outcome is what a step gives to the handler.
type outcome struct {
	storedStep
	// own says that it was made by this execution, and not read from the gateway.
	own bool
}

// payload is the result of a step's function as it is stored.
type payload struct {
	contentType string
	body        []byte
}

// stepFunc executes a step, and gives its result as it is to be stored.
type stepFunc func(ctx context.Context, id string) (payload, error)

// begin begins a step of the handler.
func begin(ctx context.Context, name, stepType string, f func(a *attempt, b *branch, id string) (outcome, error)) (outcome, error) {
	s, ok := scopeOf(ctx)
	if !ok {
		return outcome{}, misuse("step %q has a context that is not from a durable handler; wrap the handler with durable.Handler, and "+
			"give steps the context of its request", name)
	}
	a := s.branch.attempt
	if s.inside != "" {
		return outcome{}, misuse("step %q starts inside step %q; steps do not nest, because the stored outcome of the outer step would hide "+
			"the inner step; start one step after the other, and pass results along", name, s.inside)
	}
	id, err := a.names.enter(s.branch, name)
	if err != nil {
		return outcome{}, err
	}
	return a.begin(ctx, s.branch, id, stepType, roleHandler, f)
}

func (a *attempt) begin(
	ctx context.Context, b *branch, id, stepType string, who role, f func(a *attempt, b *branch, id string) (outcome, error),
) (result outcome, err error) {
	a.activity.enter(b, id)
	defer func() {
		a.names.leave(id)
		a.activity.leave(b, id)
	}()
	result, err = a.outcomeOf(ctx, b, id, stepType, who, f)
	var checkpoint *CheckpointError
	switch {
	case err == errPending && who == roleCompensation:
		a.overrule(suspended())
		return outcome{}, ErrSuspended
	case err == errPending:
		// The other branches continue. This one waits as long as they do.
		a.log(LogEntry{Level: LogDebug, Message: "the step continues in a later attempt", Step: id})
		parent := ""
		if who == roleHandOut {
			parent = callbackOf(id)
		}
		return outcome{}, a.activity.park(ctx, b, id, parent)
	case errors.As(err, &checkpoint):
		// Its effect may not be stored, so nothing that the handler makes of it may count as the run's result.
		a.fail(checkpoint)
	}
	return result, err
}

func (a *attempt) outcomeOf(
	ctx context.Context, b *branch, id, stepType string, who role, f func(a *attempt, b *branch, id string) (outcome, error),
) (outcome, error) {
	if a.isOver() {
		return outcome{}, a.endOf(a.over.Err())
	}
	stored, ok, err := a.stored.find(a.over, id, stepType)
	if err != nil {
		return outcome{}, a.endOf(err)
	}
	// A handler that was told once that its callback cannot be handed out is told so always, even if it is called after all.
	if stepType == typeCallback {
		if unsent, ok := a.stored.peek(handOutOf(id)); ok && unsent.failed {
			return outcome{}, failureOf(handOutOf(id), unsent)
		}
	}
	if ok {
		a.log(LogEntry{Level: LogDebug, Message: "the step already has its outcome", Step: id})
		return use(id, stored)
	}
	if err := a.mayBegin(id, who); err != nil {
		return outcome{}, err
	}
	if who != roleCompensation && ctx.Err() != nil {
		return outcome{}, &cancelledError{id, ctx.Err()}
	}
	return f(a, b, id)
}

// endOf gives what a step returns that does not begin because the attempt is over.
func (a *attempt) endOf(err error) error {
	if !a.isOver() {
		return err
	}
	if v := a.verdictSoFar(); v != nil && v.status == http.StatusServiceUnavailable {
		return ErrAbandoned
	}
	return a.over.Err()
}

// mayBegin refuses a step of an attempt that is ending.
func (a *attempt) mayBegin(id string, who role) error {
	a.mu.Lock()
	ended := a.handlerEnded
	a.mu.Unlock()
	if ended && who == roleHandler {
		return tooLate(id)
	}
	// A suspended attempt may have failed finally all the same: what it has done is undone.
	if v := a.verdictSoFar(); v != nil && !(v.isSuspended() && who == roleCompensation) {
		switch v.status {
		case http.StatusAccepted:
			return ErrSuspended
		case http.StatusServiceUnavailable:
			return ErrAbandoned
		}
		return &CheckpointError{message: fmt.Sprintf("step %q does not start: an earlier checkpoint of this attempt failed", id)}
	}
	// What comes up to here has no outcome, and all of them are known by now.
	if cause, ok := a.stored.peek(rollbackBegun); ok && who != roleCompensation {
		return &StepError{Step: rollbackBegun, Problem: parseProblem(cause.body)}
	}
	return nil
}

// execute executes a step's function, and stores what comes of it.
func (a *attempt) execute(ctx context.Context, b *branch, id string, body stepFunc, how *stepConfig) (outcome, error) {
	if how.err != nil {
		return outcome{}, misuse("step %q: %v", id, how.err)
	}
	if how.atMostOnce && a.gateway != nil {
		w := newWrite(typeRun)
		w.set(hStepOutcome, "started")
		begun, err := a.gateway.put(ctx, id, w)
		if err != nil {
			return outcome{}, err
		}
		if begun.status != http.StatusCreated {
			return a.act(id, begun)
		}
	}
	// Behind a gateway a try that may be repeated ends in a suspension; without one it is repeated here.
	for tries := 1; ; tries++ {
		result, err := a.try(ctx, b, id, body, how)
		var nonRetryable *NonRetryableError
		var failure *StepError
		if a.gateway != nil || tries >= how.localAttempts() || !errors.As(err, &failure) || errors.As(err, &nonRetryable) {
			return result, err
		}
		if err := sleep(ctx, how.localDelay(tries, failure.Err)); err != nil {
			return outcome{}, err
		}
	}
}

func (a *attempt) try(ctx context.Context, b *branch, id string, body stepFunc, how *stepConfig) (outcome, error) {
	// A compensation is executed though its handler, and so the context of that, is over.
	inner, cancel := context.WithCancel(withScope(ctx, scope{b, id}))
	defer cancel()
	patience := inner
	if how.timeout > 0 {
		var done context.CancelFunc
		patience, done = context.WithTimeout(inner, how.timeout)
		defer done()
	}
	a.log(LogEntry{Level: LogDebug, Message: "the step is executing", Step: id})
	begun := time.Now()
	result, err := protect(func() (payload, error) { return body(patience, id) })
	elapsed := time.Since(begun)
	if err == nil {
		return a.complete(ctx, id, result, elapsed, how)
	}
	isCancelled := inner.Err() != nil || a.isOver()
	switch {
	case isOfSteps(err):
		return outcome{}, err
	case isCancelled && !statesFailure(err):
		return outcome{}, &cancelledError{id, err}
	case !isCancelled && patience.Err() != nil && (errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled)):
		err = fmt.Errorf("the step did not finish within its timeout of %s s: %w", seconds(how.timeout), err)
	}
	return a.failTry(ctx, id, err, elapsed, how)
}

// protect makes an error of a panic.
func protect[T any](f func() (T, error)) (result T, err error) {
	defer func() {
		if value := recover(); value != nil {
			err = recovered(value)
		}
	}()
	return f()
}

func (a *attempt) complete(ctx context.Context, id string, result payload, elapsed time.Duration, how *stepConfig) (outcome, error) {
	own := outcome{storedStep{id: id, stepType: typeRun, contentType: result.contentType, body: result.body}, true}
	if a.gateway != nil {
		w := newWrite(typeRun)
		w.set(hContentType, result.contentType)
		w.set(hStepDuration, seconds(elapsed))
		w.body = result.body
		got, err := a.gateway.put(ctx, id, w)
		switch {
		case err != nil:
			return outcome{}, err
		case got.status == http.StatusRequestEntityTooLarge:
			problem := Problem{
				Title:  "The step's result is too large",
				Detail: fmt.Sprintf("The result has %d bytes, more than the route's policy allows (MaxStepBytes).", len(result.body)),
			}
			return a.storeFailure(ctx, id, &StepError{Step: id, Problem: problem}, failedTry{noRetry: true, elapsed: elapsed, how: how})
		case got.status != http.StatusCreated:
			return a.act(id, got)
		}
	}
	a.log(LogEntry{Level: LogDebug, Message: "the step is completed", Step: id, Elapsed: elapsed})
	return own, nil
}

// failedTry is what is said of a failure beside its problem.
type failedTry struct {
	noRetry bool
	after   time.Duration
	elapsed time.Duration
	how     *stepConfig
}

func (a *attempt) failTry(ctx context.Context, id string, err error, elapsed time.Duration, how *stepConfig) (outcome, error) {
	var nonRetryable *NonRetryableError
	try := failedTry{noRetry: errors.As(err, &nonRetryable) || how.atMostOnce, elapsed: elapsed, how: how}
	if after, ok := retryAfterOf(err); ok && !try.noRetry {
		try.after = after
	}
	return a.storeFailure(ctx, id, &StepError{Step: id, Problem: problemOf(err, a.config.stacks), Err: err}, try)
}

func (a *attempt) storeFailure(ctx context.Context, id string, failure *StepError, try failedTry) (outcome, error) {
	cause := failure.Err
	if cause == nil {
		cause = errors.New(failure.Problem.text())
	}
	if a.gateway == nil {
		a.log(LogEntry{Level: LogWarn, Message: "a try failed", Step: id, Elapsed: try.elapsed, Err: cause})
		return outcome{}, failure
	}
	w := newWrite(typeRun)
	w.set(hStepOutcome, "failed")
	w.set(hContentType, problemType)
	w.set(hStepDuration, seconds(try.elapsed))
	if try.noRetry {
		w.set(hRetry, "?0")
	}
	if try.after > 0 {
		w.set(hRetryAfter, seconds(try.after))
	}
	if retry := try.how.retryHeader(); retry != "" {
		w.set(hStepRetry, retry)
	}
	w.body = failure.Problem.json()
	got, err := a.gateway.put(ctx, id, w)
	switch {
	case err != nil:
		return outcome{}, err
	case got.status == http.StatusCreated:
		a.log(LogEntry{Level: LogWarn, Message: "the step failed finally", Step: id, Elapsed: try.elapsed, Err: cause})
		return outcome{}, failure
	case got.status == http.StatusAccepted:
		a.log(LogEntry{Level: LogWarn, Message: "a try failed", Step: id, Elapsed: try.elapsed, Err: cause})
	case got.status == http.StatusRequestEntityTooLarge && len(w.body) > smallProblemBytes:
		small := &StepError{Step: id, Problem: failure.Problem.shortened(), Err: failure.Err}
		return a.storeFailure(ctx, id, small, failedTry{noRetry: true, elapsed: try.elapsed, how: try.how})
	}
	return a.act(id, got)
}

// act does what every answer but the plain 201 asks for.
func (a *attempt) act(id string, got answer) (outcome, error) {
	switch got.status {
	case http.StatusOK:
		stored := storedStep{
			id: id, failed: got.header.Get(hStepOutcome) == "failed", contentType: got.header.Get(hContentType), body: got.body,
		}
		return use(id, stored.withDefaultType(jsonType))
	case http.StatusAccepted:
		return outcome{}, errPending
	case http.StatusUnprocessableEntity:
		if problem := parseProblem(got.body); problem.Type == beyondRunTimeoutProblem {
			return outcome{}, &StepError{Step: id, Problem: problem}
		}
	case http.StatusConflict, http.StatusGone:
		a.giveUp(got.refused(fmt.Sprintf("step %q", id)))
		return outcome{}, ErrAbandoned
	}
	return outcome{}, got.refused(fmt.Sprintf("step %q", id))
}

func use(id string, stored storedStep) (outcome, error) {
	if stored.failed {
		return outcome{}, failureOf(id, stored)
	}
	return outcome{storedStep: stored}, nil
}

func failureOf(id string, stored storedStep) *StepError {
	return &StepError{Step: id, Problem: parseProblem(stored.body)}
}

// sleep waits, or until the context is done.
func sleep(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
