package durable

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
)

// called records the egress headers of the calls that reach a server, by path.
type called struct {
	mu     sync.Mutex
	tokens map[string]string
}

func newCalled(t testing.TB, answer func(w http.ResponseWriter, r *http.Request)) (*called, string) {
	c := &called{tokens: map[string]string{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c.mu.Lock()
		c.tokens[r.URL.Path] = r.Header.Get(hEgressToken) + " " + r.Header.Get(hInStep)
		c.mu.Unlock()
		if answer != nil {
			answer(w, r)
		}
	}))
	t.Cleanup(server.Close)
	return c, server.URL
}

func get(ctx context.Context, t testing.TB, client *http.Client, url string) {
	t.Helper()
	request, _ := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
}

func TestEgressTransport_HandsTheTokenOn_AndMarksCallsOfSteps(t *testing.T) {
	g := newScriptedGateway(t)
	c, url := newCalled(t, nil)
	client := &http.Client{Transport: EgressTransport(nil)}
	serve(g.attempt(hEgressToken, "e.t"), func(ctx context.Context) error {
		get(ctx, t, client, url+"/handler")
		if err := Exec(ctx, "pay", func(ctx context.Context) error { get(ctx, t, client, url+"/step"); return nil }); err != nil {
			return err
		}
		get(ctx, t, client, url+"/after")
		request, _ := http.NewRequest(http.MethodGet, url+"/do", nil)
		_, err := Do(ctx, "do", request, WithClient(client))
		return err
	})
	get(context.Background(), t, client, url+"/nowhere")
	equal(t, "handler", c.tokens["/handler"], "e.t ")
	equal(t, "step", c.tokens["/step"], "e.t ?1")
	equal(t, "after", c.tokens["/after"], "e.t ")
	equal(t, "do", c.tokens["/do"], "e.t ?1")
	equal(t, "nowhere", c.tokens["/nowhere"], " ")
}

func TestEgressTransport_RedirectToAnotherHost_TakesNothingWithIt(t *testing.T) {
	g := newScriptedGateway(t)
	far, farURL := newCalled(t, nil)
	near, url := newCalled(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/first" {
			http.Redirect(w, r, "/second", http.StatusFound)
			return
		}
		http.Redirect(w, r, farURL+"/third", http.StatusFound)
	})
	serve(g.attempt(hEgressToken, "e.t"), func(ctx context.Context) error {
		get(ctx, t, &http.Client{Transport: EgressTransport(nil)}, url+"/first")
		return nil
	})
	equal(t, "second", near.tokens["/second"], "e.t ")
	equal(t, "third", far.tokens["/third"], " ")
}

func TestEgressTransport_RedirectToAnotherScheme_LeavesTheOrigin(t *testing.T) {
	for url, want := range map[string]bool{"https://a/": true, "http://a/": false, "http://b/": true} {
		first, _ := http.NewRequest(http.MethodGet, "http://a/", nil)
		next, _ := http.NewRequest(http.MethodGet, url, nil)
		next.Response = &http.Response{Request: first}
		equal(t, url, leavesOrigin(next), want)
	}
}

func TestDo_MarksItsCall_OnlyIfTheGatewayHasTheListener(t *testing.T) {
	for _, token := range []string{"e.t", ""} {
		g := newScriptedGateway(t)
		c, base := newCalled(t, nil)
		target, _ := url.Parse(base + "/do")
		serve(g.attempt(hEgressToken, token), func(ctx context.Context) error {
			_, err := Do(ctx, "do", &http.Request{Method: http.MethodGet, URL: target})
			return err
		})
		want := " "
		if token != "" {
			want = " ?1"
		}
		equal(t, "do", c.tokens["/do"], want)
	}
}
