// Package durabletest executes durable handlers as a gateway would, from attempt to attempt, in memory: for unit tests.
//
// The steps are those of package durable, as behind a gateway: functions are executed once, results are written and
// read, failed tries are made again. What steps wait for is said by the test. A handler that depends on something
// outside of its steps shows it here.
//
//	run := durabletest.New(t)
//	run.Complete("paid", Payment{Order: "o-1", Amount: 9})
//
//	response := run.Serve(shop.Handler(), httptest.NewRequest("POST", "/orders", strings.NewReader(`{"id":"o-1"}`)))
//
//	// response.StatusCode, run.Steps(), run.SentEvents() ...
package durabletest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"durable-gateway.example/durable"
	"durable-gateway.example/durable/internal/testhook"
)

const (
	maxRounds    = 1000
	suspendAfter = 50 * time.Millisecond
)

// Event is what a handler has sent by durable.SendEvent.
type Event struct {
	// Type is what those who wait for the event name.
	Type string
	// Key is the subject; empty for none.
	Key string
	// Data is the payload; nil for none.
	Data []byte
}

// Run is a run of a handler.
type Run struct {
	tb      testing.TB
	gateway *gateway
	server  *httptest.Server
}

// New begins a run. It ends with the test.
func New(tb testing.TB) *Run {
	r := &Run{tb: tb, gateway: newGateway()}
	r.server = httptest.NewServer(r.gateway)
	tb.Cleanup(r.server.Close)
	return r
}

// SetMaxAttempts says how often a step is tried that says nothing else, and how many attempts in a row may fail. The default is 3.
func (r *Run) SetMaxAttempts(n int) {
	r.gateway.mu.Lock()
	defer r.gateway.mu.Unlock()
	r.gateway.maxAttempts = n
}

// Attempts gives how many attempts have begun.
func (r *Run) Attempts() int {
	r.gateway.mu.Lock()
	defer r.gateway.mu.Unlock()
	return r.gateway.attempt
}

// Steps gives the ids of the steps that have an outcome, oldest first.
func (r *Run) Steps() []string {
	r.gateway.mu.Lock()
	defer r.gateway.mu.Unlock()
	ids := make([]string, len(r.gateway.stored))
	for i, o := range r.gateway.stored {
		ids[i] = o.ID
	}
	return ids
}

// Pending gives the ids of the steps that sleep, wait, or are tried again, oldest first.
func (r *Run) Pending() []string {
	r.gateway.mu.Lock()
	defer r.gateway.mu.Unlock()
	return append([]string{}, r.gateway.order...)
}

// SentEvents gives the events that were sent, oldest first.
func (r *Run) SentEvents() []Event {
	r.gateway.mu.Lock()
	defer r.gateway.mu.Unlock()
	return append([]Event{}, r.gateway.events...)
}

// Complete says what a step gets that waits for an event, a callback or another route; or that a sleep is over. The data is written as
// JSON, or as it is where it is []byte; nil is none.
func (r *Run) Complete(step string, data any) {
	r.tb.Helper()
	o := outcome{ID: step, Outcome: "completed", ContentType: "application/json"}
	switch data := data.(type) {
	case nil:
	case []byte:
		o.ContentType, o.Body = "application/octet-stream", data
	default:
		body, err := json.Marshal(data)
		if err != nil {
			r.tb.Fatalf("durabletest: the data of step %q: %v", step, err)
		}
		o.Body = body
	}
	r.script(o)
}

// TimeOut lets the time of a step be over that waits for an event or a callback.
func (r *Run) TimeOut(step string) {
	r.script(outcome{ID: step, Outcome: "failed", ContentType: problemType, Body: []byte(timedOut)})
}

// Fail says with which problem a step fails finally that calls another route.
func (r *Run) Fail(step string, problem durable.Problem) {
	r.tb.Helper()
	body, err := json.Marshal(problem)
	if err != nil {
		r.tb.Fatalf("durabletest: the problem of step %q: %v", step, err)
	}
	r.script(outcome{ID: step, Outcome: "failed", ContentType: problemType, Body: body})
}

func (r *Run) script(o outcome) {
	r.gateway.mu.Lock()
	defer r.gateway.mu.Unlock()
	r.gateway.scripted[o.ID] = o
}

// Attempt executes a durable handler as the next attempt, and gives what the gateway gets: with Durable-Suspended: ?1
// for one that waits. A final attempt is one after which the policy allows no other: any failure is final then.
func (r *Run) Attempt(h http.Handler, request *http.Request, final bool) *http.Response {
	r.tb.Helper()
	body, err := bodyOf(request)
	if err != nil {
		r.tb.Fatalf("durabletest: the body of the request: %v", err)
	}
	r.gateway.mu.Lock()
	r.gateway.attempt++
	attempt, count := r.gateway.attempt, len(r.gateway.stored)
	r.gateway.mu.Unlock()

	sent := request.Clone(testhook.WithSuspendAfter(request.Context(), suspendAfter))
	sent.Body = io.NopCloser(bytes.NewReader(body))
	for name, value := range map[string]string{
		"Durable-Protocol": "1", "Durable-Run-Id": runID, "Durable-Attempt": strconv.Itoa(attempt), "Durable-Callback": r.server.URL + prefix,
		"Durable-Token": "test", "Durable-Step-Count": strconv.Itoa(count),
	} {
		sent.Header.Set(name, value)
	}
	if final {
		sent.Header.Set("Durable-Final-Attempt", "?1")
	}
	recorder := httptest.NewRecorder()
	if serve(h, recorder, sent) {
		return recorder.Result()
	}
	return &http.Response{
		StatusCode: http.StatusBadGateway, Status: "502 Bad Gateway", Header: http.Header{}, Body: http.NoBody, Request: request,
	}
}

// serve reports whether the handler answered: one that panics has its connection cut.
func serve(h http.Handler, w http.ResponseWriter, r *http.Request) (answered bool) {
	defer func() {
		if value := recover(); value != nil && value != http.ErrAbortHandler {
			panic(value)
		}
	}()
	h.ServeHTTP(w, r)
	return true
}

func bodyOf(request *http.Request) ([]byte, error) {
	if request.Body == nil {
		return nil, nil
	}
	body, err := io.ReadAll(request.Body)
	request.Body = io.NopCloser(bytes.NewReader(body))
	return body, err
}

// Serve executes a durable handler from attempt to attempt until its run has ended, and gives the response. Sleeps are
// over at once, and delays before retries are left out. The test fails where the handler waits for what was not said by
// [Run.Complete] and its like.
func (r *Run) Serve(h http.Handler, request *http.Request) *http.Response {
	r.tb.Helper()
	failures, stored := 0, 0
	for round := 0; round < maxRounds; round++ {
		r.gateway.mu.Lock()
		max := r.gateway.maxAttempts
		r.gateway.mu.Unlock()
		response := r.Attempt(h, request, failures+1 >= max)
		if now := len(r.Steps()); now > stored {
			stored, failures = now, 0 // A stored outcome sets the count of failed attempts back.
		}
		if response.Header.Get("Durable-Suspended") == "?1" {
			if goesOn, waitsFor := r.gateway.pass(); !goesOn {
				r.tb.Fatalf("durabletest: the handler waits for %s; complete the step with Complete, time it out with TimeOut, or execute "+
					"single attempts with Attempt", waitsFor)
			}
			continue
		}
		if !isFailure(response) {
			return response
		}
		if failures++; failures >= max {
			return response
		}
	}
	r.tb.Fatalf("durabletest: the handler has not ended after %d attempts", maxRounds)
	return nil
}

// isFailure judges a response as the default policy of a gateway does.
func isFailure(response *http.Response) bool {
	switch response.Header.Get("Durable-Retry") {
	case "?0":
		return false
	case "?1":
		return true
	}
	switch response.StatusCode {
	case http.StatusInternalServerError, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// Execute does the same with a function that takes the context of a handler, and gives what it returned in its last
// attempt: for code that is called by a handler.
func Execute[T any](r *Run, f func(ctx context.Context) (T, error)) (T, error) {
	r.tb.Helper()
	var value T
	err := errors.New("durabletest: the function was not executed")
	h := durable.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) error {
		value, err = f(request.Context())
		return err
	}, durable.WithLog(nil))
	r.Serve(h, httptest.NewRequest(http.MethodPost, "/", nil))
	return value, err
}
