package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"
)

const (
	runID     = "01a20679-cce6-73be-b275-852ca4b597ac"
	resultURL = "/_durable/v1/results/" + runID + "?token=t"
)

// script answers requests one after the other, and keeps them.
type script struct {
	mu       sync.Mutex
	answers  []http.HandlerFunc
	requests []*http.Request
	bodies   []string
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	n := len(s.requests)
	s.requests = append(s.requests, r)
	s.bodies = append(s.bodies, string(body))
	s.mu.Unlock()
	if n >= len(s.answers) {
		w.WriteHeader(http.StatusTeapot)
		return
	}
	s.answers[n](w, r)
}

// got gives the requests so far.
func (s *script) got() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*http.Request{}, s.requests...)
}

func (s *script) asked() string {
	var words []string
	for _, r := range s.got() {
		words = append(words, r.Method+" "+r.URL.RequestURI())
	}
	return strings.ReplaceAll(strings.Join(words, "; "), resultURL, "RESULT")
}

func says(status int, body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set(hRunID, runID)
		for i := 0; i < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func cutOff(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// half sends the beginning of a response, and cuts the connection.
func half(body string, header ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		says(200, body, header...)(w, r)
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

var redirect = says(303, "", "Location", resultURL, "Retry-After", "1")

func quick() *Client { return &Client{Delay: func(int) time.Duration { return time.Millisecond }} }

func (s *script) start(t *testing.T) string {
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return server.URL
}

func do(t *testing.T, s *script, method string, options ...Option) (string, error) {
	t.Helper()
	request, err := http.NewRequest(method, s.start(t)+"/orders?x=1", io.NopCloser(strings.NewReader("order")))
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Authorization", "Bearer me")
	return read(quick().Do(request, options...))
}

func read(response *http.Response, err error) (string, error) {
	if err != nil {
		return "", err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return fmt.Sprint(response.StatusCode, " ", string(body)), err
}

func TestDo_EveryWayToTheResult_EndsWithIt(t *testing.T) {
	done := says(200, "done", hStatus, "completed")
	problem := []string{"Content-Type", "application/problem+json"}
	for _, test := range []struct {
		name    string
		answers []http.HandlerFunc
		want    string
		asked   string
	}{
		{"at once", []http.HandlerFunc{says(200, "done")}, "200 done", "POST /orders?x=1"},
		{"redirected", []http.HandlerFunc{redirect, done}, "200 done", "POST /orders?x=1; GET RESULT"},
		{"many hops", []http.HandlerFunc{redirect, says(303, "", "Location", resultURL+"&hop=1"), says(303, "", "Location", resultURL+"&hop=2"),
			says(202, "{}"), done}, "200 done", "POST /orders?x=1; GET RESULT; GET RESULT&hop=1; GET RESULT&hop=2; GET RESULT"},
		{"failed", []http.HandlerFunc{redirect, says(500, "no", hStatus, "failed")}, "500 no", "POST /orders?x=1; GET RESULT"},
		{"cancelled", []http.HandlerFunc{redirect, says(410, "gone", hStatus, "cancelled")}, "410 gone", "POST /orders?x=1; GET RESULT"},
		{"lost answers", []http.HandlerFunc{cutOff, cutOff, redirect, cutOff, done}, "200 done",
			"POST /orders?x=1; POST /orders?x=1; POST /orders?x=1; GET RESULT; GET RESULT"},
		{"store away", []http.HandlerFunc{says(503, "", hStatus, "not-durable"), redirect, says(503, "{}", problem...), done}, "200 done",
			"POST /orders?x=1; POST /orders?x=1; GET RESULT; GET RESULT"},
		{"perhaps stored, and it is", []http.HandlerFunc{says(503, "{}", append(problem, hResult, resultURL)...), done}, "200 done",
			"POST /orders?x=1; GET RESULT"},
		{"perhaps stored, and it is not", []http.HandlerFunc{says(503, "{}", append(problem, hResult, resultURL)...), says(404, "{}",
			problem...), redirect, done},
			"200 done", "POST /orders?x=1; GET RESULT; POST /orders?x=1; GET RESULT"},
		{"asked not to wait", []http.HandlerFunc{says(202, "", "Location", resultURL, "Preference-Applied", "respond-async"), done}, "200 done",
			"POST /orders?x=1; GET RESULT"},
		{"result unknown", []http.HandlerFunc{redirect, says(404, "{}", problem...)}, "404 {}", "POST /orders?x=1; GET RESULT"},
		{"the service's 404", []http.HandlerFunc{redirect, says(404, "{}", append(problem, hStatus, "completed")...)}, "404 {}",
			"POST /orders?x=1; GET RESULT"},
		{"the service's redirect", []http.HandlerFunc{says(303, "", "Location", "/new"), says(200, "page")}, "200 page",
			"POST /orders?x=1; GET /new"},
		{"cut off", []http.HandlerFunc{half("do", "Content-Length", "4", hResult, resultURL), done}, "200 done", "POST /orders?x=1; GET RESULT"},
		{"cut off, and never stored", []http.HandlerFunc{half("do", hResult, resultURL), says(404, "{}", problem...), says(200, "done")},
			"200 done",
			"POST /orders?x=1; GET RESULT; POST /orders?x=1"},
		{"cut off, nothing known", []http.HandlerFunc{half("do", "Content-Length", "4"), says(200, "done")}, "200 done",
			"POST /orders?x=1; POST /orders?x=1"},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := &script{answers: test.answers}
			got, err := do(t, s, http.MethodPost)
			if err != nil || got != test.want {
				t.Errorf("got %q, %v", got, err)
			}
			if asked := s.asked(); asked != test.asked {
				t.Errorf("asked\n %s, not\n %s", asked, test.asked)
			}
			keys := map[string]bool{}
			for i, r := range s.got() {
				if r.Method == http.MethodPost {
					keys[r.Header.Get(hIdempotencyKey)] = true
					if s.bodies[i] != "order" {
						t.Errorf("body %q", s.bodies[i])
					}
				} else if r.Header.Get("Authorization") != "Bearer me" || r.Header.Get(hIdempotencyKey) != "" && r.URL.Path != "/new" {
					t.Errorf("header of a GET: %v", r.Header)
				}
			}
			if len(keys) != 1 || keys[""] {
				t.Errorf("keys %v", keys)
			}
		})
	}
}

func TestDo_KeyOfTheCaller_IsKept(t *testing.T) {
	s := &script{answers: []http.HandlerFunc{says(200, "done")}}
	if _, err := do(t, s, http.MethodPost, WithIdempotencyKey("order-1")); err != nil {
		t.Fatal(err)
	}
	if key := s.got()[0].Header.Get(hIdempotencyKey); key != `"order-1"` {
		t.Error(key)
	}
}

func TestDo_Get_HasNoKey(t *testing.T) {
	s := &script{answers: []http.HandlerFunc{cutOff, says(200, "done")}}
	got, err := do(t, s, http.MethodGet)
	if got != "200 done" || err != nil || s.got()[0].Header.Get(hIdempotencyKey) != "" {
		t.Error(got, err)
	}
}

func TestDo_NeverAnAnswer_GivesUp(t *testing.T) {
	s := &script{answers: []http.HandlerFunc{cutOff, cutOff, cutOff, cutOff, cutOff, cutOff}}
	if got, err := do(t, s, http.MethodPost); err == nil || len(s.got()) != 6 {
		t.Error(got, err, len(s.got()))
	}
}

func TestDo_ContextEnds_EndsTheWaiting(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	s := &script{answers: []http.HandlerFunc{redirect, func(w http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	}}}
	request, _ := http.NewRequestWithContext(ctx, http.MethodPost, s.start(t), nil)
	if _, err := quick().Do(request); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestDo_Progress_IsTold(t *testing.T) {
	s := &script{answers: []http.HandlerFunc{
		redirect,
		half("id: h1\nevent: attempt\ndata: {\"attempt\":1}\n\n: silence\n\nid: h2\nevent: step\ndata: {\"ste", "Content-Type", eventStream),
		says(200, "id: h2\nevent: step\ndata: {\"attempt\":1,\"step\":\"charge\",\"state\":\"completed\"}\n\n"+
			"id: h3\nevent: suspended\ndata: {\"attempt\":1,\"failed\":true}\n\nid: h-end\nevent: result\ndata: {\"status\":200}\n\n",
			"Content-Type", eventStream),
		says(200, "done", hStatus, "completed"),
	}}
	var told []string
	var known []string
	got, err := do(t, s, http.MethodPost, OnResultURL(func(u string) { known = append(known, u) }), OnProgress(func(p Progress) {
		told = append(told, fmt.Sprint(p.Event, p.Attempt, p.Step, p.State, p.Failed))
	}))
	if got != "200 done" || err != nil {
		t.Error(got, err)
	}
	if text := strings.Join(told, "; "); text != "attempt1false; step1chargecompletedfalse; suspended1true" {
		t.Error(text)
	}
	if id := s.got()[2].Header.Get("Last-Event-ID"); id != "h1" {
		t.Error(id)
	}
	if len(known) != 1 || !strings.HasSuffix(known[0], resultURL) {
		t.Error(known)
	}
}

func TestDo_StreamIsCut_GoesOnBehindTheLastEvent(t *testing.T) {
	s := &script{answers: []http.HandlerFunc{
		half("id: 1\ndata: a\n\nid: 2\nda", "Content-Type", eventStream, hResult, resultURL),
		says(200, "id: 2\ndata: b\n\n", "Content-Type", eventStream),
	}}
	got, err := do(t, s, http.MethodGet)
	if got != "200 id: 1\ndata: a\n\nid: 2\ndata: b\n\n" || err != nil {
		t.Errorf("%q %v", got, err)
	}
	if id := s.got()[1].Header.Get("Last-Event-ID"); id != "1" {
		t.Error(id)
	}
}

func TestDo_LargeResponseIsCut_SaysWhereTheResultIs(t *testing.T) {
	s := &script{answers: []http.HandlerFunc{half("0123456789", hResult, resultURL)}}
	request, _ := http.NewRequest(http.MethodPost, s.start(t), nil)
	c := quick()
	c.MaxBuffer = 5
	response, err := c.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(response.Body)
	var cut *CutOffError
	if string(body) != "0123456789" || !errors.As(err, &cut) || !strings.HasSuffix(cut.ResultURL, resultURL) {
		t.Errorf("%q %v", body, err)
	}
}

func TestResume_ResultURL_GivesTheResult(t *testing.T) {
	s := &script{answers: []http.HandlerFunc{cutOff, says(303, "", "Location", resultURL+"&hop=1"), says(200, "done", hStatus, "completed")}}
	got, err := read(quick().Resume(context.Background(), s.start(t)+resultURL))
	if got != "200 done" || err != nil {
		t.Error(got, err)
	}
}

func TestCancel_Answers_AreToldApart(t *testing.T) {
	s := &script{answers: []http.HandlerFunc{says(204, ""), says(403, "{}")}}
	at := s.start(t) + resultURL
	if err := quick().Cancel(context.Background(), at); err != nil {
		t.Error(err)
	}
	if err := quick().Cancel(context.Background(), at); err == nil {
		t.Error("no error")
	}
	if asked := s.asked(); asked != strings.Repeat("DELETE /_durable/v1/results/"+runID+"/run?token=t; ", 2)[:len(asked)] {
		t.Error(asked)
	}
}
