package durable

import (
	"context"
	"errors"
	"fmt"
	"sort"
)

// Run executes a function as a step, or returns the stored outcome of an earlier attempt.
//
// The result is kept as JSON; []byte, [io.Reader], [io.ReadCloser] and [*http.Response] are kept as they are. Run
// returns what the stored form reads as, also when the function has just been executed, so that a replay continues with
// the same.
//
// An error of the function is a failed try: the step is tried again in a later attempt, by the policy of the route. When
// the tries are used up, or with a [NonRetryableError], Run returns a [*StepError], in this attempt and in every replay.
// In the meantime it returns [ErrSuspended], when the attempt ends. The context of the function is done when the one of
// the handler is, or after [WithTimeout].
func Run[T any](ctx context.Context, name string, f func(ctx context.Context) (T, error), options ...StepOption) (T, error) {
	c := codecOf[T]()
	return run(ctx, name, c, func(ctx context.Context, _ string) (T, error) { return f(ctx) }, stepConfigOf(options))
}

// Exec is [Run] for a function that gives nothing but an error.
func Exec(ctx context.Context, name string, f func(ctx context.Context) error, options ...StepOption) error {
	how := stepConfigOf(options)
	_, err := begin(ctx, name, typeRun, func(a *attempt, b *branch, id string) (outcome, error) {
		return a.execute(ctx, b, id, nothing(f), how)
	})
	return err
}

// nothing is what is kept of a function that gives nothing.
func nothing(f func(ctx context.Context) error) stepFunc {
	return func(ctx context.Context, _ string) (payload, error) {
		return payload{contentType: jsonType}, f(ctx)
	}
}

func run[T any](ctx context.Context, name string, c codec[T], f func(ctx context.Context, id string) (T, error), how *stepConfig) (T,
	error) {
	got, err := begin(ctx, name, typeRun, func(a *attempt, b *branch, id string) (outcome, error) {
		return a.execute(ctx, b, id, func(ctx context.Context, id string) (payload, error) {
			v, err := f(ctx, id)
			if err != nil {
				return payload{}, err
			}
			body, err := c.write(v)
			var usage *UsageError
			if errors.As(err, &usage) {
				return payload{}, misuse("step %q was executed, but its outcome is not stored: %s; return plain data from the step: a struct of "+
					"the data that the rest of the handler needs", id, usage.message)
			}
			return payload{c.contentType, body}, err
		}, how)
	})
	return decoded(ctx, c, got, err)
}

// decoded reads an outcome. One that cannot be read ends the attempt.
func decoded[T any](ctx context.Context, c codec[T], got outcome, err error) (T, error) {
	var zero T
	if err != nil {
		return zero, err
	}
	if len(got.body) == 0 && c.empty && got.stepType != typeRun {
		return zero, nil
	}
	body, err := resultIn(got.contentType, got.body)
	if err == nil {
		var v T
		if v, err = c.read(body); err == nil {
			return v, nil
		}
	}
	unreadable := &CheckpointError{
		message: fmt.Sprintf("the stored result of step %q (%s) cannot be read as %T: %v; if the type of the result has changed since it "+
			"was stored, give the step a new name, or use a type that can read the stored result", got.id, got.contentType, zero, err),
		err: err,
	}
	if s, ok := scopeOf(ctx); ok {
		s.branch.attempt.fail(unreadable)
	}
	return zero, unreadable
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for key := range m {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}
