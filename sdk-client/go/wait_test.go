package durable

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

func TestSleep_Header_SaysHowLongOrUntilWhen(t *testing.T) {
	g := newScriptedGateway(t).on("a", says(200, "")).on("b", says(200, ""))
	response := serve(g.attempt(), func(ctx context.Context) error {
		if err := Sleep(ctx, "a", 90*time.Second+time.Nanosecond); err != nil {
			return err
		}
		return SleepUntil(ctx, "b", time.Date(2026, 11, 23, 4, 0, 0, 1000, time.FixedZone("", 3600)))
	})
	equal(t, "response", described(response), "200")
	equal(t, "for", g.of("a").header.Get(hStepFor), "90.001")
	equal(t, "until", g.of("b").header.Get(hStepUntil), "2026-11-23T03:00:00.0000010Z")
}

func TestWaitForEvent_Answers_AreItsDataOrItsTimeout(t *testing.T) {
	g := newScriptedGateway(t).
		on("paid", says(200, `{"id":7}`, hStepOutcome, "completed", hContentType, jsonType)).
		on("empty", says(200, "", hStepOutcome, "completed", hContentType, jsonType)).
		on("late", says(200, `{"type":"/_durable/problems/step-timeout","title":"x"}`, hStepOutcome, "failed"))
	response := serve(g.attempt(), func(ctx context.Context) error {
		paid, err := WaitForEvent[charge](ctx, "paid", "order.paid ä%", WithKey("o 1"), WithTimeout(time.Minute), WithLookback(0))
		equal(t, "paid", fmt.Sprint(paid.ID, err), "7 <nil>")
		empty, err := WaitForEvent[*charge](ctx, "empty", "x")
		equal(t, "empty", fmt.Sprint(empty, err), "<nil> <nil>")
		_, err = WaitForEvent[charge](ctx, "late", "x")
		if !errors.Is(err, ErrStepTimeout) {
			t.Error(err)
		}
		return nil
	})
	equal(t, "response", described(response), "200")
	header := g.of("paid").header
	equal(t, "type", header.Get(hEventType), "order.paid%20%C3%A4%25")
	equal(t, "key", header.Get(hEventKey), "o%201")
	equal(t, "timeout", header.Get(hStepTimeout), "60")
	equal(t, "lookback", header.Get(hEventLookback), "0")
	equal(t, "no key", g.of("empty").header.Get(hEventKey), "")
}

func TestWaitForCallback_URL_IsHandedOutInAStepOfItsOwn(t *testing.T) {
	g := newScriptedGateway(t).on("signed", says(202, "", hCallbackURL, "https://gw/_durable/v1/callbacks/x"))
	var url string
	handler := func(ctx context.Context) error {
		_, err := WaitForCallback[[]byte](ctx, "signed", func(_ context.Context, u string) error {
			url = u
			return nil
		}, WithTimeout(time.Hour))
		return err
	}
	equal(t, "first", described(serve(g.attempt(), handler)), "202 Suspended=?1")
	equal(t, "url", url, "https://gw/_durable/v1/callbacks/x")
	equal(t, "calls", g.asked(), "PUT signed callback; PUT signed handed out")
	url = ""
	name, value := stored("signed handed out=ok:")
	equal(t, "second", described(serve(g.attempt(name, value), handler)), "202 Suspended=?1")
	equal(t, "not again", url, "")
}

func TestWaitForCallback_CannotBeHandedOut_FailsAlways(t *testing.T) {
	g := newScriptedGateway(t)
	name, value := stored(`signed handed out=err:{"title":"no mail"}`, "signed=ok:1")
	value += ";t=callback"
	response := serve(g.attempt(name, value), func(ctx context.Context) error {
		_, err := WaitForCallback[int](ctx, "signed", func(context.Context, string) error { return nil })
		return err
	})
	equal(t, "response", described(response), `500 Retry=?0 {"title":"A step of the request failed","step":"signed handed out","status":500}`)
}

func TestInvoke_Call_BearsTheRequest(t *testing.T) {
	g := newScriptedGateway(t).
		on("bill", says(200, `{"id":3}`, hStepOutcome, "completed", hContentType, jsonType)).
		on("large", problem(413, "request-too-large"), says(201, "")).
		on("lost", problem(422, "invoke-no-route"))
	response := serve(g.attempt(), func(ctx context.Context) error {
		bill, err := Invoke[charge](ctx, "bill", "/customers/ä/invoices?dry=1", charge{ID: 1}, WithMethod(http.MethodPut))
		equal(t, "bill", fmt.Sprint(bill.ID, err), "3 <nil>")
		for _, path := range []string{"", "x", "//host/x", "/x#y"} {
			var usage *UsageError
			if _, err := Invoke[int](ctx, "path", path, nil); !errors.As(err, &usage) {
				t.Error(path, err)
			}
		}
		var failure *StepError
		if _, err := Invoke[int](ctx, "large", "/x", nil); !errors.As(err, &failure) {
			t.Error(err)
		}
		_, err = Invoke[int](ctx, "lost", "/x", nil)
		return err
	})
	if text := described(response); !strings.HasPrefix(text, "500 Retry=?1") {
		t.Error(text)
	}
	sent := g.of("bill")
	equal(t, "sent", fmt.Sprint(sent.header.Get(hInvokeMethod), " ", sent.header.Get(hInvokePath), " ", sent.body),
		`PUT /customers/%C3%A4/invoices?dry=1 {"id":1}`)
}

func TestSendEvent_Event_IsOfTheRunAndStep(t *testing.T) {
	g := newScriptedGateway(t).on("events", says(202, `{"woken":2}`))
	response := serve(g.attempt(), func(ctx context.Context) error {
		woken, err := SendEvent(ctx, "tell", "order.paid", charge{ID: 1}, WithKey("o-1"))
		equal(t, "woken", fmt.Sprint(woken, err), "2 <nil>")
		_, err = SendEvent(ctx, "bytes", "x", []byte{255})
		return err
	})
	equal(t, "response", described(response), "200")
	equal(t, "event", g.of("events").body, `{"specversion":"1.0","id":"`+testRun+`/tell","source":"/_durable/v1/runs/`+testRun+
		`","type":"order.paid","subject":"o-1","datacontenttype":"application/json","data":{"id":1}}`)
	equal(t, "calls", g.asked(), "POST events; PUT tell; POST events; PUT bytes")
}

func TestSendEvent_Answers_AreActedOn(t *testing.T) {
	for status, want := range map[int]string{
		400: `500 Retry=?0 {"title":"A step of the request failed","step":"tell","status":500}`, 401: "500 Retry=?1", 409: "503 Retry=?1",
		410: "503 Retry=?1", 413: `500 Retry=?0 {"title":"A step of the request failed","step":"tell","status":500}`,
	} {
		g := newScriptedGateway(t).on("events", problem(status, "x"))
		text := described(serve(g.attempt(), func(ctx context.Context) error {
			_, err := SendEvent(ctx, "tell", "t", nil)
			return err
		}))
		if !strings.HasPrefix(text, want) {
			t.Error(status, text)
		}
	}
}

func TestDo_Response_IsKeptAndComesBack(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch r.URL.Path {
		case "/busy":
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(http.StatusTooManyRequests)
		default:
			w.Header().Add("X-A", "1")
			w.Header().Add("X-A", "2")
			w.WriteHeader(http.StatusTeapot)
			_, _ = fmt.Fprintf(w, "you said %s", body)
		}
	}))
	defer other.Close()
	g := newScriptedGateway(t)
	handler := func(ctx context.Context) error {
		request, _ := http.NewRequest(http.MethodPost, other.URL+"/x", strings.NewReader("hello"))
		response, err := Do(ctx, "rate", request, WithMaxAttempts(2))
		if err != nil {
			return err
		}
		body, _ := io.ReadAll(response.Body)
		equal(t, "response", fmt.Sprint(response.Status, response.Header["X-A"], response.Proto, string(body), response.ContentLength),
			"418 I'm a teapot[1 2]HTTP/1.1you said hello14")
		return nil
	}
	equal(t, "first", described(serve(g.attempt(), handler)), "200")
	equal(t, "content type", g.of("rate").header.Get(hContentType), responseType)
	g.on("rate", says(200, g.of("rate").body, hContentType, responseType))
	other.Config.Handler = http.NotFoundHandler()
	equal(t, "again", described(serve(g.attempt(), handler)), "200")
}

func TestDo_Busy_IsAFailedTryWithItsDelay(t *testing.T) {
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "7")
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer other.Close()
	g := newScriptedGateway(t)
	response := serve(g.attempt(), func(ctx context.Context) error {
		request, _ := http.NewRequest(http.MethodGet, other.URL+"/secret?key=1", nil)
		_, err := Do(ctx, "rate", request)
		return err
	})
	equal(t, "response", described(response), "202 Suspended=?1")
	equal(t, "calls", g.asked(), "PUT rate failed 7")
	if body := g.of("rate").body; strings.Contains(body, "secret") || !strings.Contains(body, `"status":503`) {
		t.Error(body)
	}
}

func TestParseSteps_HeadersOfTheContract_AreRead(t *testing.T) {
	steps, err := parseSteps(
		`"charge";ok=:eyJpZCI6MX0=:, "a/b";ok=::;ct="text/plain";t=sleep ,"q\"\\";err=:eyJ0aXRsZSI6Im5vIn0=:;new;x=1.5;y=?0;z=%"f";w=tok`)
	if err != nil {
		t.Fatal(err)
	}
	equal(t, "steps", fmt.Sprintf("%v", steps), fmt.Sprintf("%v", []storedStep{
		{"charge", "run", false, jsonType, []byte(`{"id":1}`)},
		{"a/b", "sleep", false, "text/plain", []byte{}},
		{`q"\`, "run", true, problemType, []byte(`{"title":"no"}`)},
	}))
}

func FuzzParseSteps(f *testing.F) {
	f.Add(`"charge";ok=:eyJpZCI6MX0=:, "a/b";ok=:MQ==:`)
	f.Add(`"a";ok=:`)
	f.Fuzz(func(_ *testing.T, value string) { _, _ = parseSteps(value) })
}
