// Package client calls durable routes of a Durable Gateway, and copes with every answer.
//
// Plain net/http works too: a client that follows redirects gets its result. [Client.Do] does more. It repeats a request
// whose answer was lost, under one Idempotency-Key, so that it is executed as one run; it waits for the result as long
// as its context lasts, however many redirects that takes; it continues where a connection is lost; it tells of the
// progress; and a process that is restarted can ask for the result again.
//
//	var c client.Client
//	response, err := c.Do(request, client.OnProgress(func(p client.Progress) { log.Println(p.Step, p.State) }))
package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const (
	defaultMaxBuffer  = 1 << 20
	defaultMaxRepeats = 5

	hResult         = "Durable-Result"
	hRunID          = "Durable-Run-Id"
	hStatus         = "Durable-Status"
	hIdempotencyKey = "Idempotency-Key"
	eventStream     = "text/event-stream"
)

// Client calls durable routes. Its zero value is ready for use, and may be used by several goroutines.
type Client struct {
	// HTTP sends the requests. The default is [http.DefaultClient]. Redirects of the service are followed as it says,
	// those of the gateway always.
	HTTP *http.Client
	// MaxBuffer is how many bytes of a response are read before it is given out, so that one that is cut off can be had from the gateway
	// whole. The default is 1 MiB. What is longer passes as it comes.
	MaxBuffer int
	// MaxRepeats is how often in a row a call without an answer is repeated. The default is 5. Waiting for a result is no repetition.
	MaxRepeats int
	// Delay gives the delay before the n-th repetition in a row, from 1. The default begins with about 0.2 seconds and
	// doubles, up to 10 seconds.
	Delay func(n int) time.Duration
}

// Option says how one request is made.
type Option func(*call)

// OnProgress is told of the steps of the run while the result is waited for. It is called in the goroutine of [Client.Do]. Progress is
// not shown of a request that asks for text/event-stream: such a client gets the stream of the service.
func OnProgress(f func(Progress)) Option {
	return func(c *call) { c.progress = f }
}

// OnResultURL is told of the URL of the result as soon as it is known. Keep it, and a process that is restarted gets the result by
// [Client.Resume]. The URL is a capability: who has it can read the result.
func OnResultURL(f func(resultURL string)) Option {
	return func(c *call) { c.resultURL = f }
}

// WithIdempotencyKey names the key of the request. The default is a key of its own for each [Client.Do] whose method is not GET, HEAD,
// OPTIONS or TRACE, unless the request has one.
func WithIdempotencyKey(key string) Option {
	return func(c *call) { c.key = key }
}

// call is one request until it has its final response.
type call struct {
	client    *Client
	http      *http.Client
	request   *http.Request
	body      func() (io.ReadCloser, error)
	key       string
	progress  func(Progress)
	resultURL func(string)
	repeats   int
	known     string // The URL of the result that resultURL was told of.
}

// Do sends a request, and gives the final response after whatever happened in between. As of [http.Client.Do], the
// caller closes the body, and a response of any status is no error. The run continues when the context of the request
// ends: [Client.Resume] asks for its result, and [Client.Cancel] ends it.
func (c *Client) Do(request *http.Request, options ...Option) (*http.Response, error) {
	d, err := c.newCall(request, options)
	if err != nil {
		return nil, err
	}
	for {
		response, err := d.send()
		if err == nil {
			response, err = d.follow(response)
		}
		if !errors.Is(err, errSendAgain) {
			return response, err
		}
		if err := d.pause(0); err != nil {
			return nil, err
		}
	}
}

// Resume asks for the result at a URL that [OnResultURL] was told of, and waits for it. The response is 404 where the
// gateway does not know it (any more).
func (c *Client) Resume(ctx context.Context, resultURL string, options ...Option) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, resultURL, nil)
	if err != nil {
		return nil, err
	}
	d, err := c.newCall(request, options)
	if err != nil {
		return nil, err
	}
	d.known = resultURL
	response, err := d.result(request.URL)
	if errors.Is(err, errUnknown) {
		return response, nil
	}
	return response, err
}

// Cancel ends the run of a result URL, where the gateway allows that to clients. It gives nil where the run is
// cancelled, also if it was before.
func (c *Client) Cancel(ctx context.Context, resultURL string) error {
	u, err := url.Parse(resultURL)
	if err != nil {
		return err
	}
	u.Path, u.RawPath = u.Path+"/run", ""
	request, err := http.NewRequestWithContext(ctx, http.MethodDelete, u.String(), nil)
	if err != nil {
		return err
	}
	d, err := c.newCall(request, nil)
	if err != nil {
		return err
	}
	response, err := d.send()
	if err != nil {
		return err
	}
	defer drop(response)
	if response.StatusCode != http.StatusNoContent {
		return fmt.Errorf("durable: the run was not cancelled: the gateway answered %s", response.Status)
	}
	return nil
}

var (
	// errSendAgain says that the gateway does not know the run: the request is sent again.
	errSendAgain = errors.New("the request is not known to the gateway")
	// errUnknown says that the result is not known.
	errUnknown = errors.New("the result is not known to the gateway")
)

func (c *Client) newCall(request *http.Request, options []Option) (*call, error) {
	d := &call{client: c, request: request, body: request.GetBody}
	for _, option := range options {
		option(d)
	}
	base := c.HTTP
	if base == nil {
		base = http.DefaultClient
	}
	own := *base
	own.CheckRedirect = func(next *http.Request, via []*http.Request) error {
		switch {
		case isResult(next.URL):
			return http.ErrUseLastResponse
		case base.CheckRedirect != nil:
			return base.CheckRedirect(next, via)
		case len(via) >= 10:
			return errors.New("stopped after 10 redirects")
		}
		return nil
	}
	d.http = &own
	if d.body == nil && request.Body != nil && request.Body != http.NoBody {
		body, err := io.ReadAll(request.Body)
		_ = request.Body.Close()
		if err != nil {
			return nil, err
		}
		d.body = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
	}
	if d.key == "" && request.Header.Get(hIdempotencyKey) == "" && !isSafe(request.Method) {
		d.key = newKey()
	}
	return d, nil
}

// send sends the request, until there is an answer. Under a key, or by a safe method, it can be repeated.
func (d *call) send() (*http.Response, error) {
	for {
		sent := d.request.Clone(d.request.Context())
		if d.body != nil {
			body, err := d.body()
			if err != nil {
				return nil, err
			}
			sent.Body = body
		}
		if d.key != "" {
			sent.Header.Set(hIdempotencyKey, `"`+d.key+`"`)
		}
		response, err := d.http.Do(sent)
		if err == nil && !isRefusal(response) {
			return response, nil
		}
		var after time.Duration
		if err == nil {
			if d.repeats >= d.maxRepeats() {
				return response, nil
			}
			after = retryAfter(response)
			drop(response)
		}
		if err := d.again(err, after); err != nil {
			return nil, err
		}
	}
}

// follow goes from the first answer to the final one.
func (d *call) follow(response *http.Response) (*http.Response, error) {
	at := d.resultOf(response)
	switch {
	case at == nil:
		return d.whole(response, nil)
	case response.StatusCode == http.StatusSeeOther,
		response.StatusCode == http.StatusAccepted && response.Header.Get("Preference-Applied") != "":
		drop(response)
	case response.StatusCode == http.StatusServiceUnavailable && isTheGateways(response):
		// The request may be stored: then it is executed, and its result is there.
		drop(response)
		result, err := d.result(at)
		if errors.Is(err, errUnknown) {
			drop(result)
			return nil, errSendAgain
		}
		return result, err
	default:
		return d.whole(response, at)
	}
	result, err := d.result(at)
	if errors.Is(err, errUnknown) {
		return result, nil
	}
	return result, err
}

// resultOf gives the URL of the result that a response of the gateway names; nil where it names none.
func (d *call) resultOf(response *http.Response) *url.URL {
	if response.Header.Get(hRunID) == "" {
		return nil
	}
	reference := response.Header.Get(hResult)
	if reference == "" && (response.StatusCode == http.StatusSeeOther || response.StatusCode == http.StatusAccepted) {
		reference = response.Header.Get("Location")
	}
	if reference == "" {
		return nil
	}
	at, err := response.Request.URL.Parse(reference)
	if err != nil || !isResult(at) {
		return nil
	}
	if d.resultURL != nil && d.known == "" {
		d.resultURL(at.String())
	}
	d.known = at.String()
	return at
}

// result waits at a URL for the final response. With errUnknown it gives the 404.
func (d *call) result(at *url.URL) (*http.Response, error) {
	if d.progress != nil && !strings.Contains(d.request.Header.Get("Accept"), eventStream) {
		if err := d.watch(at); err != nil {
			return nil, err
		}
	}
	first := at
	for {
		response, err := d.get(at, nil)
		if err != nil {
			if err := d.again(err, 0); err != nil {
				return nil, err
			}
			continue
		}
		status := response.StatusCode
		switch {
		case response.Header.Get(hStatus) == "completed", response.Header.Get(hStatus) == "failed", response.Header.Get(hStatus) == "cancelled":
			d.repeats = 0
			return d.whole(response, at)
		case status == http.StatusSeeOther:
			d.repeats = 0
			next, err := at.Parse(response.Header.Get("Location"))
			drop(response)
			if err != nil {
				return nil, err
			}
			at = next
		case status == http.StatusAccepted:
			d.repeats = 0
			after := retryAfter(response)
			drop(response)
			if err := d.pause(after); err != nil {
				return nil, err
			}
			at = first
		case status == http.StatusServiceUnavailable && isTheGateways(response):
			after := retryAfter(response)
			drop(response)
			if err := d.again(fmt.Errorf("durable: the gateway answered %s", response.Status), after); err != nil {
				return nil, err
			}
		case status == http.StatusNotFound && isTheGateways(response):
			return response, errUnknown
		default:
			return d.whole(response, at)
		}
	}
}

// get asks for what is at a URL of the gateway. Headers of the request that say what the client takes, and who it is, are kept.
func (d *call) get(at *url.URL, header http.Header) (*http.Response, error) {
	sent, err := http.NewRequestWithContext(d.request.Context(), http.MethodGet, at.String(), nil)
	if err != nil {
		return nil, err
	}
	for name, values := range d.request.Header {
		switch {
		case name == hIdempotencyKey, name == "Prefer", name == "Range", strings.HasPrefix(name, "Content-"), strings.HasPrefix(name, "If-"):
		case at.Host != d.request.URL.Host && (name == "Authorization" || name == "Cookie"):
		default:
			sent.Header[name] = values
		}
	}
	for name, values := range header {
		sent.Header[name] = values
	}
	return d.http.Do(sent)
}

func (d *call) maxRepeats() int {
	if d.client.MaxRepeats > 0 {
		return d.client.MaxRepeats
	}
	return defaultMaxRepeats
}

// again waits before a call is repeated that got no answer. It gives the error back where it may not be repeated any more.
func (d *call) again(err error, after time.Duration) error {
	if d.repeats++; d.repeats > d.maxRepeats() || d.request.Context().Err() != nil || d.key == "" && d.known == "" && !d.isRepeatable() {
		return err
	}
	return d.pause(after)
}

func (d *call) isRepeatable() bool {
	return isSafe(d.request.Method) || d.request.Header.Get(hIdempotencyKey) != ""
}

// pause waits for as long as the gateway asks, or for the delay of a repetition.
func (d *call) pause(after time.Duration) error {
	delay := after
	if delay == 0 {
		n := d.repeats
		if n < 1 {
			n = 1
		}
		if d.client.Delay != nil {
			delay = d.client.Delay(n)
		} else {
			delay = delayBefore(n)
		}
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-d.request.Context().Done():
		return d.request.Context().Err()
	}
}

func delayBefore(n int) time.Duration {
	if n > 7 {
		n = 7
	}
	delay := 200 * time.Millisecond << (n - 1)
	if delay > 10*time.Second {
		delay = 10 * time.Second
	}
	return delay/2 + time.Duration(mathrand.Int63n(int64(delay))) //nolint:gosec // Jitter needs no secrecy.
}

// isResult reports whether a URL is one of a result: at the path of its own, or at that of the request.
func isResult(u *url.URL) bool {
	return strings.HasPrefix(u.Path, "/_durable/v1/results/") || strings.Contains(u.RawQuery, "durable-result=")
}

// isRefusal reports whether the gateway says that the request is not stored, and not executed.
func isRefusal(response *http.Response) bool {
	return response.StatusCode == http.StatusServiceUnavailable && isTheGateways(response) && response.Header.Get(hResult) == ""
}

// isTheGateways reports whether a response says that it is the gateway's own, and not the service's.
func isTheGateways(response *http.Response) bool {
	return response.Header.Get(hStatus) == "not-durable" || strings.HasPrefix(response.Header.Get("Content-Type"), "application/problem+json")
}

func isSafe(method string) bool {
	switch method {
	case "", http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodTrace:
		return true
	}
	return false
}

func retryAfter(response *http.Response) time.Duration {
	text := response.Header.Get("Retry-After")
	if n, err := strconv.Atoi(text); err == nil && n > 0 && n < 1e6 {
		return time.Duration(n) * time.Second
	}
	if at, err := http.ParseTime(text); err == nil && time.Until(at) > 0 {
		return time.Until(at)
	}
	return 0
}

// drop leaves a response, so that its connection can be used again.
func drop(response *http.Response) {
	if response != nil {
		_, _ = io.CopyN(io.Discard, response.Body, 64<<10)
		_ = response.Body.Close()
	}
}

func newKey() string {
	id := make([]byte, 16)
	_, _ = rand.Read(id)
	id[6], id[8] = id[6]&15|64, id[8]&63|128
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}
