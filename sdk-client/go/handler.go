package durable

import (
	"errors"
	"net/http"

	"durable-gateway.example/durable/internal/testhook"
)

// Handler makes the requests of a handler attempts of durable runs. Its steps take the context of the request.
//
// The handler tells of a failure by [Error], or by a panic. A response that it writes itself, of whatever status, is its
// answer: the gateway's policy decides whether it is a failure. Where an attempt is suspended, or has failed, the SDK
// answers in place of the handler; a response that has begun by then is cut off. So a response is kept back until the
// handler has ended, up to the size of [WithResponseBuffer] and as long as it is not flushed.
func Handler(h http.Handler, options ...HandlerOption) http.Handler {
	return &handler{h, newConfig(options)}
}

// HandlerFunc makes a durable handler of a function that returns its failure, as [Error] tells it.
//
// A [*StepError] ends the run: the client gets 500 with a problem that holds what is meant for clients. So does a
// [NonRetryableError]. Any other error is a failed attempt, answered with 500 and tried again by the gateway.
func HandlerFunc(f func(w http.ResponseWriter, r *http.Request) error, options ...HandlerOption) http.Handler {
	return Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := f(w, r); err != nil {
			Error(w, r, err)
		}
	}), options...)
}

// Error tells the failure of a handler that [Handler] wraps, as the error that a function of [HandlerFunc] returns. Return from the handler
// afterwards: what it has written is dropped. In a handler that is not durable it answers 500.
func Error(w http.ResponseWriter, r *http.Request, err error) {
	s, ok := scopeOf(r.Context())
	if !ok {
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	if failures, ok := r.Context().Value(failureKey{}).(*failure); ok {
		failures.note(err, s.branch.attempt.isOver())
	}
}

type handler struct {
	inner  http.Handler
	config *config
}

// failure is what the handler gave, and whether the attempt was over then. The first one counts.
type failure struct {
	err     error
	wasOver bool
}

type failureKey struct{}

func (f *failure) note(err error, wasOver bool) {
	if f.err == nil {
		f.err, f.wasOver = err, wasOver
	}
}

// ServeHTTP implements [http.Handler].
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s, ok := scopeOf(r.Context()); ok && s.branch.attempt != nil {
		// Two handlers around each other are wrapped: the outer one does it.
		h.inner.ServeHTTP(w, r)
		return
	}
	c := h.config
	if after, ok := testhook.SuspendAfter(r.Context()); ok {
		quick := *c
		quick.suspendAfter = after
		c = &quick
	}
	a, err := newAttempt(r, c)
	if err != nil {
		c.log(LogEntry{Level: LogError, Message: "an attempt cannot start", Err: err})
		answerVerdict(w, failed(err, c.errorDetails))
		return
	}
	defer a.abandon()
	defer a.endHandler()
	buffered := newResponseWriter(w, a)
	var given failure
	panicked := given.of(func() {
		h.inner.ServeHTTP(buffered, r.WithContext(withFailure(a.handlerOver, &given)))
	}, a)
	verdict := a.end(given.err, given.wasOver)
	h.answer(buffered, a, given.err, verdict, panicked)
}

// of executes a handler, and gives what it panicked with; nil where it did not.
func (f *failure) of(handle func(), a *attempt) (panicked any) {
	defer func() {
		if panicked = recover(); panicked == nil {
			return
		}
		var err error = recovered(panicked)
		if asError, ok := panicked.(error); ok {
			var branch *PanicError
			if errors.As(asError, &branch) || asError == http.ErrAbortHandler {
				err = asError // Its stack is known already, or of no interest.
			}
		}
		f.err, f.wasOver = err, a.isOver()
	}()
	handle()
	return nil
}

// answer writes what the attempt has come to.
func (h *handler) answer(w *responseWriter, a *attempt, failure error, v *verdict, panicked any) {
	switch {
	case v != nil:
		v.header = append(v.header, a.notes(v.isFinal())...)
		if w.replace(v) {
			return
		}
		// A response that is under way cannot say so any more: one that ended well would be taken for the run's result.
		panic(http.ErrAbortHandler)
	case panicked != nil:
		w.drop()
		panic(panicked)
	case failure != nil:
		a.log(LogEntry{Level: LogError, Message: "the handler failed", Err: failure})
		problem := problemOf(failure, false)
		if !w.replace(&verdict{http.StatusInternalServerError, a.notes(false), problem.clientJSON(a.config.errorDetails)}) {
			panic(http.ErrAbortHandler)
		}
	default:
		w.finish()
	}
}
