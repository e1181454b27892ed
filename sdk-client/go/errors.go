package durable

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrSuspended says that a step continues in a later attempt, and that this attempt is over. Return it from the handler. It is also a
// [context.Canceled] for [errors.Is], so that code which passes over cancellations works unchanged.
var ErrSuspended error = &overError{"durable: the attempt is suspended; the step continues in a later attempt"}

// ErrAbandoned says that the run has ended, or that a later attempt owns it. What this handler does is discarded. It is also a
// [context.Canceled] for [errors.Is].
var ErrAbandoned error = &overError{"durable: the attempt is abandoned; the run has ended or a later attempt owns it"}

// ErrStepTimeout matches the [StepError] of a step whose event or callback did not come in time.
var ErrStepTimeout = errors.New("durable: the step timed out")

// ErrStepInterrupted matches the [StepError] of a step with [AtMostOnce] that was begun, and of which nobody knows how it ended.
var ErrStepInterrupted = errors.New("durable: the step was interrupted; it is not known how it ended")

type overError struct{ text string }

func (e *overError) Error() string        { return e.text }
func (e *overError) Is(target error) bool { return target == context.Canceled }

// StepError says that a step has failed finally: its tries are used up, or no retry may help. The failure is part of the run, so the step
// returns it in every replay. Handle it to compensate. Where it leaves the handler, the run ends with it.
type StepError struct {
	// Step is the step's id.
	Step string
	// Problem is what went wrong, as it is stored.
	Problem Problem
	// Err is the error of the step's function. It is nil in a replay.
	Err error
}

// Error implements error.
func (e *StepError) Error() string {
	return fmt.Sprintf("durable: step %q failed: %s", e.Step, e.Problem.text())
}

// Unwrap gives the error of the step's function, in the attempt that executed it.
func (e *StepError) Unwrap() error { return e.Err }

// Is reports whether target is [ErrStepTimeout] or [ErrStepInterrupted] and the failure is of that kind.
func (e *StepError) Is(target error) bool {
	switch target {
	case ErrStepTimeout:
		return strings.HasSuffix(e.Problem.Type, stepTimeoutProblem)
	case ErrStepInterrupted:
		return strings.HasSuffix(e.Problem.Type, stepInterruptedProblem)
	}
	return false
}

// NonRetryableError says that no retry may help. Returned from a step's function, the step fails finally; returned from the
// handler, the run does. It counts wherever it is in the chain of an error.
type NonRetryableError struct {
	// Message is what went wrong, for the run's record and the log. Clients do not see it. It may be empty where Err says it.
	Message string
	// ClientMessage is what the client of the run is told, as the problem's detail, where the failure ends the run.
	// Where it is empty, the client is told that the request failed, and not why.
	ClientMessage string
	// Err is the cause, if there is one. An error from a cancelled request that has a cause is not a failure: the next attempt continues.
	Err error
}

// NonRetryable marks err as one that no retry may help. It gives nil for nil.
func NonRetryable(err error) error {
	if err == nil {
		return nil
	}
	return &NonRetryableError{Err: err}
}

// Error implements error.
func (e *NonRetryableError) Error() string { return joined(e.Message, e.Err, "no retry may help") }

// Unwrap gives the cause.
func (e *NonRetryableError) Unwrap() error { return e.Err }

// RetryAfterError says when the next try of a step makes sense. The try counts as a failure.
type RetryAfterError struct {
	// Delay is the shortest time until the next try. The policy's own delay may be longer.
	Delay time.Duration
	// Message is what went wrong. It may be empty where Err says it.
	Message string
	// Err is the cause, if there is one.
	Err error
}

// RetryAfter marks err as one after which the step is not tried again before the delay is over. It gives nil for nil.
func RetryAfter(delay time.Duration, err error) error {
	if err == nil {
		return nil
	}
	return &RetryAfterError{Delay: delay, Err: err}
}

// Error implements error.
func (e *RetryAfterError) Error() string {
	return joined(e.Message, e.Err, "try again in "+e.Delay.String())
}

// Unwrap gives the cause.
func (e *RetryAfterError) Unwrap() error { return e.Err }

func joined(message string, err error, otherwise string) string {
	switch {
	case message != "" && err != nil:
		return message + ": " + err.Error()
	case message != "":
		return message
	case err != nil:
		return err.Error()
	}
	return otherwise
}

// UsageError is a mistake in the handler, and says what to do about it. No retry helps.
type UsageError struct{ message string }

// Error implements error.
func (e *UsageError) Error() string { return "durable: " + e.message }

func misuse(format string, args ...any) *UsageError {
	return &UsageError{fmt.Sprintf(format, args...)}
}

// CheckpointError says that an outcome could not be stored, or a stored one not be read. The attempt is over; the gateway starts another,
// whatever the handler makes of it.
type CheckpointError struct {
	message       string
	clientMessage string
	err           error
}

// Error implements error.
func (e *CheckpointError) Error() string { return "durable: " + e.message }

// Unwrap gives the cause.
func (e *CheckpointError) Unwrap() error { return e.err }

// PanicError is a panic of a step's function. It counts as a failed try.
type PanicError struct {
	// Value is what was given to panic.
	Value any
	// Stack is where it was called.
	Stack []byte
}

// Error implements error.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

// Unwrap gives the value, where it is an error.
func (e *PanicError) Unwrap() error {
	err, _ := e.Value.(error)
	return err
}

// responseError is a fetched response that counts as a failed try.
type responseError struct {
	who        string
	status     int
	statusText string
	after      time.Duration
}

func (e *responseError) Error() string { return fmt.Sprintf("%s answered %s", e.who, e.statusText) }

// cancelledError is what a step's function gave when its context was cancelled. It is no failure of the step.
type cancelledError struct {
	step  string
	cause error
}

func (e *cancelledError) Error() string {
	return fmt.Sprintf("durable: step %q was cancelled: %v", e.step, e.cause)
}
func (e *cancelledError) Unwrap() error        { return e.cause }
func (e *cancelledError) Is(target error) bool { return target == context.Canceled }

func isOver(err error) bool { return errors.Is(err, ErrSuspended) || errors.Is(err, ErrAbandoned) }

// isOfSteps reports whether err comes from the SDK, and says nothing of the step's function.
func isOfSteps(err error) bool {
	var usage *UsageError
	var checkpoint *CheckpointError
	return errors.As(err, &usage) || errors.As(err, &checkpoint) || isOver(err)
}

// statesFailure reports whether err is a failure even if it comes when the request is cancelled: the developer, or the SDK, said so on
// its own account, and did not wrap what a library gave.
func statesFailure(err error) bool {
	var nonRetryable *NonRetryableError
	var retryAfter *RetryAfterError
	var response *responseError
	return errors.As(err, &nonRetryable) && nonRetryable.Err == nil ||
		errors.As(err, &retryAfter) && retryAfter.Err == nil ||
		errors.As(err, &response)
}

// isForGood reports whether an error that leaves the handler ends the run.
func isForGood(err error) bool {
	var step *StepError
	var nonRetryable *NonRetryableError
	var usage *UsageError
	return errors.As(err, &step) || errors.As(err, &nonRetryable) || errors.As(err, &usage)
}

// retryAfterOf gives the delay that err names before the next try.
func retryAfterOf(err error) (time.Duration, bool) {
	var retryAfter *RetryAfterError
	if errors.As(err, &retryAfter) {
		return retryAfter.Delay, true
	}
	var response *responseError
	if errors.As(err, &response) && response.after > 0 {
		return response.after, true
	}
	return 0, false
}
