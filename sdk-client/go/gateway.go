package durable

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

const (
	callTimeout = 10 * time.Second
	// callRepeats is how often a call is repeated at one address. The whole stays well below the time-out of an attempt.
	callRepeats = 4
)

// firstRepeatDelay is the delay before the first repetition of a call; it doubles with each. A variable for tests.
var firstRepeatDelay = 200 * time.Millisecond

// gateway makes an attempt's calls to the gateway.
type gateway struct {
	client    *http.Client
	callbacks []string
	token     string
	build     string
	// execution tells this execution of the handler from another one of the same attempt, which something between gateway and service
	// has sent twice.
	execution string
	// best is the address that answered last: the run is known there.
	best int32
}

// answer is a response of the gateway, read whole.
type answer struct {
	status int
	header http.Header
	body   []byte
	// list is what the body was, where that is a list of steps in binary form; unreadable says that it is none.
	list       []storedStep
	isList     bool
	unreadable error
}

// defaultClient sends the calls of attempts whose handler has no client of its own.
var defaultClient = newDefaultClient()

func newDefaultClient() *http.Client {
	transport, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return &http.Client{}
	}
	transport = transport.Clone()
	transport.MaxIdleConnsPerHost = 128 // All calls go to a few gateways.
	return &http.Client{Transport: transport}
}

func newGateway(client *http.Client, callbacks []string, token, build string) *gateway {
	if client == nil {
		client = defaultClient
	}
	direct := *client
	direct.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	id := make([]byte, 16)
	_, _ = rand.Read(id)
	return &gateway{client: &direct, callbacks: callbacks, token: token, build: build, execution: `"` + hex.EncodeToString(id) + `"`}
}

// write is what a call says of a step.
type write struct {
	header http.Header
	body   []byte
}

func newWrite(stepType string) write {
	w := write{header: http.Header{}}
	w.set(hStepType, stepType)
	return w
}

func (w write) set(name, value string) { w.header[http.CanonicalHeaderKey(name)] = []string{value} }

// put stores an outcome, or begins a step. It is not cancelled with the request: a step that has been executed is worth its checkpoint,
// which an attempt may write until the next one begins.
func (g *gateway) put(ctx context.Context, step string, w write) (answer, error) {
	return g.call(detached{ctx}, func(callback string) string { return callback + "/steps/" + escape(step) }, http.MethodPut, w)
}

// event tells the gateway of an event, a CloudEvent in structured mode.
func (g *gateway) event(ctx context.Context, event []byte) (answer, error) {
	w := write{header: http.Header{}, body: event}
	w.set(hContentType, "application/cloudevents+json")
	return g.call(ctx, eventsOf, http.MethodPost, w)
}

// steps reads all stored outcomes of the run.
func (g *gateway) steps(ctx context.Context) ([]storedStep, error) {
	w := write{header: http.Header{}}
	w.set("Accept", stepListType+", "+jsonType+";q=0.9")
	got, err := g.call(ctx, func(callback string) string { return callback + "/steps" }, http.MethodGet, w)
	if err != nil {
		return nil, err
	}
	if got.status != http.StatusOK {
		return nil, got.refused("the stored steps")
	}
	if got.unreadable != nil {
		return nil, &CheckpointError{message: "the gateway's list of steps cannot be read: " + got.unreadable.Error(), err: got.unreadable}
	}
	if got.isList {
		return got.list, nil
	}
	var rows []struct {
		ID          string `json:"id"`
		Type        string `json:"type"`
		Outcome     string `json:"outcome"`
		ContentType string `json:"contentType"`
		Body        []byte `json:"body"`
	}
	if err := json.Unmarshal(got.body, &rows); err != nil {
		return nil, &CheckpointError{message: "the gateway's list of steps cannot be read: " + err.Error(), err: err}
	}
	steps := make([]storedStep, len(rows))
	for i, row := range rows {
		steps[i] = storedStep{row.ID, row.Type, row.Outcome == "failed", row.ContentType, row.Body}.withDefaultType(jsonType)
	}
	return steps, nil
}

// refused tells what the gateway said against a call.
func (a answer) refused(what string) *CheckpointError {
	problem := parseProblem(a.body)
	detail := ""
	if problem.Detail != "" {
		detail = ": " + problem.Detail
	}
	return &CheckpointError{message: fmt.Sprintf("%s: the gateway answered %d (%s%s)", what, a.status, problem.Title, detail)}
}

// eventsOf: a control listener behind a prefix has its events behind the same one.
func eventsOf(callback string) string {
	if end := strings.LastIndex(callback, "/runs/"); end >= 0 {
		return callback[:end] + "/events"
	}
	u, err := url.Parse(callback)
	if err != nil {
		return callback
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: "/_durable/v1/events"}).String()
}

// call sends a call to the address that answered last, and then to the others, each several times.
func (g *gateway) call(ctx context.Context, address func(string) string, method string, w write) (answer, error) {
	var got answer
	var last error
	first := int(atomic.LoadInt32(&g.best))
	for i := range g.callbacks {
		turn := (first + i) % len(g.callbacks)
		to := address(g.callbacks[turn])
		got, last = g.callAt(ctx, to, method, w)
		if ctx.Err() != nil && last != nil {
			return answer{}, last
		}
		// A node that does not know the run, and one that cannot reach the store, may have a neighbour that can.
		if last == nil && (i+1 == len(g.callbacks) || got.status != http.StatusNotFound && got.status != http.StatusServiceUnavailable) {
			atomic.StoreInt32(&g.best, int32(turn))
			return got, nil
		}
		if last == nil {
			last = got.refused(to)
		}
	}
	return answer{}, &CheckpointError{message: fmt.Sprintf("the gateway cannot be reached at %s: %v", strings.Join(g.callbacks, ", "), last),
		err: last}
}

func (g *gateway) callAt(ctx context.Context, to, method string, w write) (answer, error) {
	for repeat := 0; ; repeat++ {
		got, err := g.callOnce(ctx, to, method, w)
		if repeat == callRepeats || ctx.Err() != nil || err == nil && got.status != http.StatusServiceUnavailable {
			return got, err
		}
		delay := firstRepeatDelay << repeat
		timer := time.NewTimer(delay/2 + time.Duration(mathrand.Int63n(int64(delay)))) //nolint:gosec // Jitter needs no secrecy.
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return answer{}, ctx.Err()
		}
	}
}

func (g *gateway) callOnce(ctx context.Context, to, method string, w write) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, to, bytes.NewReader(w.body))
	if err != nil {
		return answer{}, err
	}
	for name, values := range w.header {
		request.Header[name] = values
	}
	request.Header.Set(hToken, g.token)
	request.Header.Set(hExecution, g.execution)
	if g.build != "" && method == http.MethodPut {
		request.Header.Set(hBuild, g.build)
	}
	response, err := g.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	got := answer{status: response.StatusCode, header: response.Header}
	if got.status == http.StatusOK && mediaTypeOf(got.header.Get(hContentType)) == stepListType {
		got.isList = true
		got.list, err = readStepList(response.Body)
		var malformed *malformedList
		if errors.As(err, &malformed) {
			got.unreadable, err = err, nil
		}
		return got, err
	}
	got.body, err = io.ReadAll(response.Body)
	return got, err
}
