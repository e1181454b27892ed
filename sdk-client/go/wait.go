package durable

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Sleep waits, in a step. Behind a gateway the run is parked: no connection and no goroutine is held. The handler is
// executed again when the time has come. Without a gateway it simply waits.
func Sleep(ctx context.Context, name string, d time.Duration) error {
	w := newWrite(typeSleep)
	w.set(hStepFor, seconds(d))
	return sleepStep(ctx, name, w, d >= 0, func() time.Duration { return d })
}

// SleepUntil waits until a point in time, as [Sleep] does. One that has passed is over at once.
func SleepUntil(ctx context.Context, name string, t time.Time) error {
	w := newWrite(typeSleep)
	w.set(hStepUntil, t.UTC().Format("2006-01-02T15:04:05.0000000Z"))
	return sleepStep(ctx, name, w, true, func() time.Duration { return time.Until(t) })
}

func sleepStep(ctx context.Context, name string, w write, valid bool, left func() time.Duration) error {
	_, err := begin(ctx, name, typeSleep, func(a *attempt, _ *branch, id string) (outcome, error) {
		switch {
		case !valid:
			return outcome{}, misuse("step %q: the duration of a sleep must not be negative", id)
		case a.gateway != nil:
			return a.ask(ctx, id, "", w)
		}
		return outcome{}, sleep(ctx, left())
	})
	return err
}

// WaitForEvent waits for a CloudEvent of a type, and of a subject where [WithKey] names one, and gives its data. It
// looks back to the beginning of the run, or as far as [WithLookback] says, so an event cannot come too early. An event
// without data gives the zero value. Where it does not come within [WithTimeout], the error is [ErrStepTimeout] for
// [errors.Is].
func WaitForEvent[T any](ctx context.Context, name, eventType string, options ...WaitOption) (T, error) {
	c := waitConfig{}
	for _, option := range options {
		option.applyWait(&c)
	}
	w := newWrite(typeWait)
	w.set(hEventType, headerText(eventType))
	if c.key != nil {
		w.set(hEventKey, headerText(*c.key))
	}
	if c.timeout != nil {
		w.set(hStepTimeout, seconds(*c.timeout))
	}
	if c.lookback != nil {
		w.set(hEventLookback, seconds(*c.lookback))
	}
	got, err := begin(ctx, name, typeWait, func(a *attempt, _ *branch, id string) (outcome, error) {
		switch {
		case c.err != nil:
			return outcome{}, misuse("step %q: %v", id, c.err)
		case strings.TrimSpace(eventType) == "":
			return outcome{}, misuse("step %q waits for an event without a type; give the type of the CloudEvent", id)
		}
		return a.ask(ctx, id, "waits for an event, which needs a gateway", w)
	})
	return decoded(ctx, codecOf[T](), got, err)
}

// WaitForCallback gives somebody else a URL that may be called once, and waits for what is sent to it by POST. Handing
// the URL out is a step of its own (its id is that of the callback with " handed out" behind it), so it happens once.
// What strangers send may be anything: take []byte to judge it in the handler, because JSON that cannot be read as the
// type fails each attempt.
func WaitForCallback[T any](ctx context.Context, name string, handOut func(ctx context.Context, url string) error,
	options ...WaitOption) (T, error) {
	c := waitConfig{}
	for _, option := range options {
		option.applyWait(&c)
	}
	w := newWrite(typeCallback)
	if c.timeout != nil {
		w.set(hStepTimeout, seconds(*c.timeout))
	}
	got, err := begin(ctx, name, typeCallback, func(a *attempt, b *branch, id string) (outcome, error) {
		if c.err == nil && (c.key != nil || c.lookback != nil) {
			c.err = fmt.Errorf("a callback has neither a key nor a lookback")
		}
		if c.err != nil {
			return outcome{}, misuse("step %q: %v", id, c.err)
		}
		answer, err := a.putParked(ctx, id, "waits for a callback, which needs a gateway", w)
		if err != nil {
			return outcome{}, err
		}
		if answer.status == http.StatusAccepted {
			if err := a.handOut(ctx, b, id, answer.header.Get(hCallbackURL), handOut); err != nil {
				return outcome{}, err
			}
		}
		return a.act(id, answer)
	})
	return decoded(ctx, codecOf[T](), got, err)
}

// handOut hands the URL of a callback out, as a step of its own.
func (a *attempt) handOut(ctx context.Context, b *branch, callback, url string, f func(ctx context.Context, url string) error) error {
	if url == "" {
		return &CheckpointError{message: fmt.Sprintf("step %q: the gateway returned no URL for the callback (%s); check whether the gateway "+
			"knows its public address", callback, hCallbackURL)}
	}
	id, err := a.names.enterHandOut(callback)
	if err != nil {
		return err
	}
	_, err = a.begin(ctx, b, id, typeRun, roleHandOut, func(a *attempt, b *branch, id string) (outcome, error) {
		return a.execute(ctx, b, id, nothing(func(ctx context.Context) error { return f(ctx, url) }), &stepConfig{})
	})
	return err
}

// Invoke calls another durable route of the gateway, and waits for its response. The path is what follows the host, with
// a query if there is one. The body is sent as JSON, or as it is where it is []byte; nil is none. The request is a run
// of its own, with steps and retries of its own, and outlives this one. A response from status 400 up is a [*StepError]
// with its problem details.
func Invoke[T any](ctx context.Context, name, path string, body any, options ...InvokeOption) (T, error) {
	c := invokeConfig{method: http.MethodPost}
	for _, option := range options {
		option.applyInvoke(&c)
	}
	got, err := begin(ctx, name, typeInvoke, func(a *attempt, _ *branch, id string) (outcome, error) {
		if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.Contains(path, "#") {
			return outcome{}, misuse("step %q: %q is not the path of a route; give the part after the host, such as \"/invoices?dry=1\"", id, path)
		}
		sent, err := payloadOf(body)
		if err != nil {
			return outcome{}, err
		}
		w := newWrite(typeInvoke)
		w.set(hInvokePath, headerTarget(path))
		w.set(hInvokeMethod, c.method)
		if body != nil {
			w.set(hContentType, sent.contentType)
			w.body = sent.body
		}
		return a.ask(ctx, id, "calls another route, which a gateway does", w)
	})
	return decoded(ctx, codecOf[T](), got, err)
}

// ask asks the gateway for a step that it completes.
func (a *attempt) ask(ctx context.Context, id, what string, w write) (outcome, error) {
	got, err := a.putParked(ctx, id, what, w)
	if err != nil {
		return outcome{}, err
	}
	return a.act(id, got)
}

func (a *attempt) putParked(ctx context.Context, id, what string, w write) (answer, error) {
	if a.gateway == nil {
		return answer{}, misuse("step %q %s, but this request did not come through one; call the service through the gateway, by a durable "+
			"route; in a unit test, use package durabletest", id, what)
	}
	got, err := a.gateway.put(ctx, id, w)
	// The invoked route takes no request of this size, and it never will.
	if err == nil && got.status == http.StatusRequestEntityTooLarge {
		problem := parseProblem(got.body).shortened()
		_, err = a.storeFailure(ctx, id, &StepError{Step: id, Problem: problem}, failedTry{noRetry: true})
	}
	return got, err
}
