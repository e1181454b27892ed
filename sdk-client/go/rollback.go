package durable

import (
	"context"
	"errors"
	"time"
)

type compensation struct {
	branch *branch
	id     string
	f      func(ctx context.Context) error
	how    *stepConfig
}

// OnRollback registers how something is undone. If the handler fails finally, or the policy allows no further attempt,
// what was registered is executed in reverse, each as a step that is tried again as any other. Then the client gets the
// failure. A failure that the handler does not return is its own affair.
//
// Register it right after the step whose effect it undoes, and do nothing else in between. If a failed try may leave
// something behind, register it before the step. Without a gateway, any error of the handler rolls back. The name must
// not be in use; a mistake ends the run when the handler ends. In a context of no durable handler it does nothing: no
// step is executed there either.
func OnRollback(ctx context.Context, name string, f func(ctx context.Context) error, options ...StepOption) {
	s, ok := scopeOf(ctx)
	if !ok {
		return
	}
	a := s.branch.attempt
	how := stepConfigOf(options)
	var id string
	var err error
	switch {
	case s.inside != "":
		err = misuse("the compensation %q is registered inside step %q, which a replay does not execute; register it after the step", name,
			s.inside)
	case how.err != nil:
		err = misuse("the compensation %q: %v", name, how.err)
	default:
		id, err = a.names.reserve(s.branch, name)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil {
		if a.misused == nil {
			a.misused = err
		}
		return
	}
	a.stored.makeOptional(id)
	a.compensations = append(a.compensations, compensation{s.branch, id, f, how})
	a.activity.touch()
}

// end ends the attempt: it waits for what is executing, and rolls back where the handler has failed finally. Failure is
// what the handler gave, and wasOver whether the attempt was over then. A nil verdict lets stand what the handler did.
func (a *attempt) end(failure error, wasOver bool) *verdict {
	// Branches that still run may checkpoint before the attempt ends, so that they need not run again. Those that wait do not matter any more.
	a.mu.Lock()
	a.handlerEnded = true
	if failure == nil {
		failure = a.misused
	}
	suspendedAt := a.suspendedAt
	a.mu.Unlock()
	a.activity.handlerEnds()
	if !suspendedAt.IsZero() {
		if late := time.Since(suspendedAt); late > a.config.suspendAfter && late > 100*time.Millisecond {
			a.log(LogEntry{Level: LogWarn, Elapsed: late, Message: "the attempt was suspended while the handler worked outside of steps; the " +
				"next attempt repeats that work, and does not get further if the work takes as long; put the work into a step, or " +
				"increase WithSuspendAfter"})
		}
	}
	a.activity.drain()
	a.activity.release()
	if a.isRunsEnd(failure, wasOver) {
		// What a branch does besides steps cannot be seen. It may be between its step and the registration, or on the way to its step.
		if _, begun := a.stored.peek(rollbackBegun); begun || a.activity.hasLeftBehind() || a.stored.hasUnasked() {
			a.activity.quiet(a.over)
		}
	}
	a.names.close()
	var usage *UsageError
	if errors.As(failure, &usage) {
		a.log(LogEntry{Level: LogError, Message: "a durable step is used incorrectly", Err: failure})
	}
	// The failure of a step is known by now, and another branch that still waits cannot take it back.
	if v := a.verdictSoFar(); v != nil && !(v.isSuspended() && failure != nil && isForGood(failure)) {
		return v
	}
	var checkpoint *CheckpointError
	if errors.As(failure, &checkpoint) {
		return failed(checkpoint, a.config.errorDetails)
	}
	return a.rollBack(failure, wasOver)
}

// isCancellation reports whether what the handler gave is the end of its attempt, and not a failure. A handler that is
// cancelled may give anything: libraries have errors of their own for it. The failure of a step is stored already.
func isCancellation(failure error, wasOver bool) bool {
	var step *StepError
	var usage *UsageError
	return isOver(failure) || wasOver && !statesFailure(failure) && !errors.As(failure, &step) && !errors.As(failure, &usage)
}

// isRunsEnd reports whether the run is going to fail, or to be rolled back, as far as it can be told before all branches are known.
func (a *attempt) isRunsEnd(failure error, wasOver bool) bool {
	if _, begun := a.stored.peek(rollbackBegun); begun {
		return true
	}
	var checkpoint *CheckpointError
	if failure == nil || errors.As(failure, &checkpoint) || isCancellation(failure, wasOver) {
		return false
	}
	return isForGood(failure) || a.isLast || a.gateway == nil
}

func (a *attempt) registered() []compensation {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]compensation{}, a.compensations...)
}

func (a *attempt) rollBack(failure error, wasOver bool) *verdict {
	cause, err := a.cause(failure, wasOver)
	if err == nil && cause == nil {
		return a.verdictSoFar()
	}
	var failures []*StepError
	if err == nil {
		failures, err = a.compensate()
	}
	if err != nil {
		// The attempt is over, and says so itself.
		var checkpoint *CheckpointError
		if errors.As(err, &checkpoint) {
			a.fail(checkpoint)
		}
		return a.verdictSoFar()
	}
	if a.gateway != nil || isForGood(failure) {
		return failedForGood(*cause, a.config.errorDetails, failures)
	}
	for _, undone := range failures {
		a.log(LogEntry{Level: LogError, Message: "a compensation failed", Step: undone.Step, Err: undone})
	}
	return nil
}

// cause tells why the run has failed finally; nil where it has not.
func (a *attempt) cause(failure error, wasOver bool) (*Problem, error) {
	rollsBack := len(a.registered()) > 0 && a.gateway != nil
	// A run that has begun to roll back cannot continue, even if what failed would succeed now.
	begun, ok := a.stored.peek(rollbackBegun)
	if rollsBack {
		var err error
		if begun, ok, err = a.stored.find(a.over, rollbackBegun, typeRun); err != nil {
			return nil, err
		}
	}
	if ok {
		problem := parseProblem(begun.body)
		return &problem, nil
	}
	if failure == nil || isCancellation(failure, wasOver) {
		return nil, nil
	}
	var step *StepError
	if errors.As(failure, &step) {
		// It is stored already, and each replay fails by it at the same place. Not so where another branch may have come further by then.
		problem := step.Problem.at(step.Step)
		if rollsBack && a.activity.mayComeFurther() {
			return a.beginRollback(problem)
		}
		return &problem, nil
	}
	if !isForGood(failure) && (len(a.registered()) == 0 || !a.isLast && a.gateway != nil) {
		return nil, nil
	}
	problem := problemOf(failure, false)
	if rollsBack {
		return a.beginRollback(problem)
	}
	return &problem, nil
}

// beginRollback keeps why the run is rolled back, before the first compensation is executed: a stored outcome sets the
// count of failed attempts back, and a branch that was parked could continue in the next attempt.
func (a *attempt) beginRollback(problem Problem) (*Problem, error) {
	kept := problem.shortened()
	failure := &StepError{Step: rollbackBegun, Problem: kept}
	_, err := a.storeFailure(a.over, rollbackBegun, failure, failedTry{noRetry: true})
	var stored *StepError
	switch {
	case err == error(failure):
		return &problem, nil
	case errors.As(err, &stored):
		return &stored.Problem, nil
	}
	return nil, err
}

// compensate executes what was registered, in reverse, and gives what could not be undone.
func (a *attempt) compensate() ([]*StepError, error) {
	var failures []*StepError
	registered := a.registered()
	for i := len(registered) - 1; i >= 0; i-- {
		c := registered[i]
		a.names.enterReserved(c.id)
		_, err := a.begin(a.over, c.branch, c.id, typeRun, roleCompensation, func(a *attempt, b *branch, id string) (outcome, error) {
			return a.execute(a.over, b, id, nothing(c.f), c.how)
		})
		var failure *StepError
		var usage *UsageError
		switch {
		case errors.As(err, &failure):
			failures = append(failures, failure)
		case errors.As(err, &usage):
			a.log(LogEntry{Level: LogError, Message: "a durable step is used incorrectly", Step: c.id, Err: err})
			failures = append(failures, &StepError{Step: c.id, Problem: problemOf(err, false), Err: err})
		case err != nil:
			return nil, err
		}
	}
	return failures, nil
}
