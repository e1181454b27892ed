package durable

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	firstRepeatDelay = time.Millisecond
	os.Exit(m.Run())
}

const testRun = "01a20679-cce6-73be-b275-852ca4b597ac"

// call is what a scripted gateway was asked.
type call struct {
	method string
	step   string
	header http.Header
	body   string
}

func (c call) String() string {
	words := []string{c.method, c.step}
	for _, name := range []string{hStepType, hStepOutcome, hRetry, hRetryAfter} {
		if value := c.header.Get(name); value != "" && value != typeRun {
			words = append(words, value)
		}
	}
	return strings.TrimSpace(strings.Join(words, " "))
}

// scriptedGateway answers calls as a test says; what it says nothing of is stored (201).
type scriptedGateway struct {
	t      testing.TB
	server *httptest.Server

	mu      sync.Mutex
	calls   []call
	answers map[string][]func(w http.ResponseWriter)
}

func newScriptedGateway(t testing.TB) *scriptedGateway {
	g := &scriptedGateway{t: t, answers: map[string][]func(http.ResponseWriter){}}
	g.server = httptest.NewServer(g)
	t.Cleanup(g.server.Close)
	return g
}

func (g *scriptedGateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	path := r.URL.EscapedPath()
	step, _ := url.PathUnescape(path[strings.LastIndex(path, "/")+1:])
	g.mu.Lock()
	g.calls = append(g.calls, call{r.Method, step, r.Header.Clone(), string(body)})
	answer := func(w http.ResponseWriter) { w.WriteHeader(http.StatusCreated) }
	if list := g.answers[step]; len(list) > 0 {
		if answer = list[0]; len(list) > 1 {
			g.answers[step] = list[1:]
		}
	} else if r.Header.Get(hStepOutcome) == "failed" && r.Header.Get(hRetry) == "" || r.Header.Get(hStepType) != typeRun {
		answer = func(w http.ResponseWriter) { w.WriteHeader(http.StatusAccepted) }
	}
	g.mu.Unlock()
	answer(w)
}

// on says how the calls for a step are answered, one after the other; the last answer is kept. The steps themselves are the step "steps".
func (g *scriptedGateway) on(step string, answers ...func(w http.ResponseWriter)) *scriptedGateway {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.answers[step] = answers
	return g
}

// asked gives the calls so far.
func (g *scriptedGateway) asked() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	words := make([]string, len(g.calls))
	for i, c := range g.calls {
		words[i] = c.String()
	}
	return strings.Join(words, "; ")
}

func (g *scriptedGateway) of(step string) call {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, c := range g.calls {
		if c.step == step {
			return c
		}
	}
	g.t.Fatalf("there was no call for %q", step)
	return call{}
}

func says(status int, body string, header ...string) func(w http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func problem(status int, name string) func(w http.ResponseWriter) {
	return says(status, fmt.Sprintf(`{"type":"/_durable/problems/%s","title":"%s","status":%d}`, name, name, status), hContentType,
		problemType)
}

func cutOff(w http.ResponseWriter) { panic(http.ErrAbortHandler) }

// attempt makes the request of an attempt. The header pairs are added to it.
func (g *scriptedGateway) attempt(header ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "/orders", strings.NewReader(`{"id":1}`))
	r.Header.Set(hProtocol, "1")
	r.Header.Set(hRunID, testRun)
	r.Header.Set(hAttempt, "1")
	r.Header.Set(hCallback, g.server.URL+"/_durable/v1/runs/"+testRun)
	r.Header.Set(hToken, "secret-token")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return r
}

// stored writes Durable-Steps. Each outcome is id=ok:body or id=err:body.
func stored(outcomes ...string) (name, value string) {
	var items []string
	for _, text := range outcomes {
		id, rest, _ := strings.Cut(text, "=")
		kind, body, _ := strings.Cut(rest, ":")
		items = append(items, fmt.Sprintf("%s;%s=:%s:", sfString(id), kind, base64.StdEncoding.EncodeToString([]byte(body))))
	}
	return hSteps, strings.Join(items, ", ")
}

// serve executes a handler that returns its failure.
func serve(r *http.Request, f func(ctx context.Context) error, options ...HandlerOption) *http.Response {
	return serveHTTP(r, func(_ http.ResponseWriter, r *http.Request) error { return f(r.Context()) }, options...)
}

func serveHTTP(r *http.Request, f func(w http.ResponseWriter, r *http.Request) error, options ...HandlerOption) *http.Response {
	options = append([]HandlerOption{WithLog(nil), WithBuild(""), WithSuspendAfter(20 * time.Millisecond)}, options...)
	recorder := httptest.NewRecorder()
	HandlerFunc(f, options...).ServeHTTP(recorder, r)
	return recorder.Result()
}

// described gives a response in a line.
func described(r *http.Response) string {
	body, _ := io.ReadAll(r.Body)
	words := []string{fmt.Sprint(r.StatusCode)}
	for _, name := range []string{hSuspended, hRetry, hMismatch, hBuild} {
		if value := r.Header.Get(name); value != "" {
			words = append(words, strings.TrimPrefix(name, "Durable-")+"="+value)
		}
	}
	return strings.TrimSpace(strings.Join(words, " ") + " " + strings.TrimSpace(string(body)))
}

func giving[T any](v T) func(context.Context) (T, error) {
	return func(context.Context) (T, error) { return v, nil }
}

func failing(err error) func(context.Context) error {
	return func(context.Context) error { return err }
}

func equal[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s:\n got  %v\n want %v", what, got, want)
	}
}
