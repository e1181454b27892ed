package client

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
)

// CutOffError says that a response was cut off after more of it had been given out than the client keeps. The run goes
// on, and its result can be had by [Client.Resume].
type CutOffError struct {
	// ResultURL is where the whole response will be.
	ResultURL string
	err       error
}

// Error implements error.
func (e *CutOffError) Error() string { return "durable: the response was cut off: " + e.err.Error() }

// Unwrap gives what the connection said.
func (e *CutOffError) Unwrap() error { return e.err }

// whole gives a response that is not cut off, as far as that can be done: what is small is read before it is given out,
// and what is cut off is had from the URL of the result. A stream of events continues after the last one that came.
func (d *call) whole(response *http.Response, at *url.URL) (*http.Response, error) {
	if at == nil && !d.isRepeatable() && d.key == "" || response.Request.Method == http.MethodHead {
		return response, nil
	}
	resultURL := ""
	if at != nil {
		resultURL = at.String()
	}
	if strings.HasPrefix(response.Header.Get("Content-Type"), eventStream) {
		if at == nil {
			return response, nil
		}
		response.Body = &events{call: d, at: at, body: response.Body}
		return response, nil
	}
	max := d.client.MaxBuffer
	if max <= 0 {
		max = defaultMaxBuffer
	}
	if response.ContentLength > int64(max) {
		response.Body = &rest{body: response.Body, at: resultURL}
		return response, nil
	}
	begun, err := io.ReadAll(io.LimitReader(response.Body, int64(max)+1))
	switch {
	case err != nil && d.request.Context().Err() != nil:
		_ = response.Body.Close()
		return nil, err
	case err != nil:
		_ = response.Body.Close()
		if err := d.again(err, 0); err != nil {
			return nil, &CutOffError{resultURL, err}
		}
		if at == nil {
			return nil, errSendAgain
		}
		result, failure := d.result(at)
		if !errors.Is(failure, errUnknown) {
			return result, failure
		}
		// A run that simply succeeded was never stored.
		drop(result)
		if d.key != "" || d.isRepeatable() {
			return nil, errSendAgain
		}
		return nil, &CutOffError{resultURL, err}
	case len(begun) <= max:
		_ = response.Body.Close()
		response.Body = io.NopCloser(bytes.NewReader(begun))
		return response, nil
	}
	response.Body = &rest{begun: begun, body: response.Body, at: resultURL}
	return response, nil
}

// rest is a response that is too long to be kept: it passes as it comes.
type rest struct {
	begun []byte
	body  io.ReadCloser
	at    string
}

// Read implements [io.Reader].
func (r *rest) Read(p []byte) (int, error) {
	if len(r.begun) > 0 {
		n := copy(p, r.begun)
		r.begun = r.begun[n:]
		return n, nil
	}
	n, err := r.body.Read(p)
	if err != nil && err != io.EOF {
		err = &CutOffError{r.at, err}
	}
	return n, err
}

// Close implements [io.Closer].
func (r *rest) Close() error { return r.body.Close() }

// events is a stream of events that continues where its connection is lost. It gives whole events only, so that none is torn.
type events struct {
	call  *call
	at    *url.URL
	part  []byte // What has come of the next event.
	ready []byte // Whole events that are not read yet.
	last  string
	ended error

	mu     sync.Mutex
	body   io.ReadCloser
	closed bool
}

// Read implements [io.Reader].
func (e *events) Read(p []byte) (int, error) {
	for len(e.ready) == 0 {
		if e.ended != nil {
			return 0, e.ended
		}
		buffer := make([]byte, 4096)
		n, err := e.current().Read(buffer)
		e.take(buffer[:n])
		switch {
		case err == io.EOF:
			e.ready, e.part, e.ended = append(e.ready, e.part...), nil, io.EOF
		case err != nil:
			if err := e.reconnect(err); err != nil {
				e.ended = err
			}
		}
	}
	n := copy(p, e.ready)
	e.ready = e.ready[n:]
	return n, nil
}

// take keeps what has come, and makes whole events ready.
func (e *events) take(bytesRead []byte) {
	e.part = append(e.part, bytesRead...)
	for {
		end := endOfEvent(e.part)
		if end < 0 {
			return
		}
		event := e.part[:end]
		for _, line := range strings.FieldsFunc(string(event), func(c rune) bool { return c == '\r' || c == '\n' }) {
			if id := strings.TrimPrefix(line, "id:"); id != line {
				e.last = strings.TrimPrefix(id, " ")
			}
		}
		e.ready = append(e.ready, event...)
		e.part = append([]byte{}, e.part[end:]...)
	}
}

// endOfEvent gives where the first event ends, behind its blank line; -1 where it has not come whole.
func endOfEvent(text []byte) int {
	end := -1
	for _, blank := range []string{"\n\n", "\r\n\r\n", "\r\r"} {
		if i := bytes.Index(text, []byte(blank)); i >= 0 && (end < 0 || i+len(blank) < end) {
			end = i + len(blank)
		}
	}
	return end
}

// reconnect continues behind the last event, at the URL of the result.
func (e *events) reconnect(err error) error {
	_ = e.current().Close()
	e.part = nil
	for e.swap(nil) {
		if failure := e.call.again(err, 0); failure != nil {
			return &CutOffError{e.at.String(), failure}
		}
		header := http.Header{"Accept": {eventStream}}
		if e.last != "" {
			header.Set("Last-Event-ID", e.last)
		}
		response, failure := e.call.get(e.at, header)
		switch {
		case failure != nil:
			err = failure
		case response.StatusCode == http.StatusNoContent:
			drop(response)
			return io.EOF
		case response.StatusCode == http.StatusOK && strings.HasPrefix(response.Header.Get("Content-Type"), eventStream):
			e.call.repeats = 0
			if !e.swap(response.Body) {
				_ = response.Body.Close()
			}
			return nil
		case response.StatusCode == http.StatusServiceUnavailable:
			drop(response)
		default:
			drop(response)
			return &CutOffError{e.at.String(), errors.New("the run has another response: " + response.Status)}
		}
	}
	return err
}

func (e *events) current() io.ReadCloser {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.body
}

// swap takes another connection, if one is given. It reports whether the stream is still wanted.
func (e *events) swap(body io.ReadCloser) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if body != nil && !e.closed {
		e.body = body
	}
	return !e.closed
}

// Close implements [io.Closer].
func (e *events) Close() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.closed = true
	return e.body.Close()
}
