package durable

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"strconv"
	"sync"
)

func withFailure(ctx context.Context, f *failure) context.Context {
	return context.WithValue(ctx, failureKey{}, f)
}

// responseWriter keeps a response back until the handler has ended, as long as it is small and not flushed.
type responseWriter struct {
	attempt *attempt

	mu     sync.Mutex
	to     http.ResponseWriter
	outer  http.Header // What was set before the handler began.
	status int
	body   bytes.Buffer
	// begun says that the response has begun, and told that it says what the attempt has come to.
	begun, told bool
	closed      bool
	hijacked    bool
}

func newResponseWriter(to http.ResponseWriter, a *attempt) *responseWriter {
	return &responseWriter{attempt: a, to: to, outer: to.Header().Clone()}
}

// Header implements [http.ResponseWriter].
func (w *responseWriter) Header() http.Header {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return http.Header{}
	}
	return w.to.Header()
}

// WriteHeader implements [http.ResponseWriter].
func (w *responseWriter) WriteHeader(status int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.closed || w.status != 0:
	case status >= 100 && status < 200 && status != http.StatusSwitchingProtocols:
		w.to.WriteHeader(status)
	default:
		w.status = status
	}
}

// Write implements [http.ResponseWriter].
func (w *responseWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.closed:
		return 0, errors.New("durable: the handler has ended")
	case w.begun:
		return w.to.Write(p)
	}
	if w.status == 0 {
		w.status = http.StatusOK
	}
	if !bodyAllowed(w.status) {
		return 0, http.ErrBodyNotAllowed
	}
	w.body.Write(p)
	if w.body.Len() > w.attempt.config.bufferBytes {
		w.begin()
	}
	return len(p), nil
}

// Flush implements [http.Flusher]. The response begins with it.
func (w *responseWriter) Flush() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return
	}
	w.begin()
	if flusher, ok := w.to.(http.Flusher); ok {
		flusher.Flush()
	}
}

// Unwrap gives the writer behind this one to http.ResponseController, for deadlines.
func (w *responseWriter) Unwrap() http.ResponseWriter { return w.to }

// Hijack implements [http.Hijacker].
func (w *responseWriter) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	hijacker, ok := w.to.(http.Hijacker)
	if !ok {
		return nil, nil, errors.New("durable: the connection cannot be taken over")
	}
	conn, buffer, err := hijacker.Hijack()
	w.hijacked = err == nil
	return conn, buffer, err
}

// begin sends the head of the response, and what is kept back of it.
func (w *responseWriter) begin() {
	if w.begun || w.hijacked {
		return
	}
	w.begun = true
	// A suspended attempt says so in whatever is written; what the handler makes of it is dropped.
	if v := w.attempt.verdictSoFar(); v != nil {
		w.told = true
		w.write(v)
		w.to = discard{w.to.Header().Clone()}
		return
	}
	if w.status == 0 {
		w.status = http.StatusOK
	}
	set(w.to.Header(), w.attempt.notes(w.status < http.StatusInternalServerError))
	w.to.WriteHeader(w.status)
	_, _ = w.to.Write(w.body.Bytes())
	w.body.Reset()
}

// finish sends the response of a handler that has ended.
func (w *responseWriter) finish() {
	w.mu.Lock()
	defer w.mu.Unlock()
	header := w.to.Header()
	if !w.begun && !w.hijacked && w.body.Len() > 0 && header.Get("Content-Length") == "" && header.Get("Transfer-Encoding") == "" &&
		header.Get("Trailer") == "" {
		header.Set("Content-Length", strconv.Itoa(w.body.Len()))
	}
	w.begin()
	w.closed = true
}

// replace answers in place of the handler. It reports whether that was possible: not where another response has begun.
func (w *responseWriter) replace(v *verdict) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
	if w.begun || w.hijacked {
		return w.told
	}
	w.write(v)
	return true
}

// drop ends the writer. What is kept back is not sent.
func (w *responseWriter) drop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.closed = true
}

func (w *responseWriter) write(v *verdict) {
	header := w.to.Header()
	for name := range header {
		delete(header, name)
	}
	for name, values := range w.outer {
		header[name] = values
	}
	answerVerdict(w.to, v)
}

func answerVerdict(w http.ResponseWriter, v *verdict) {
	header := w.Header()
	set(header, v.header)
	header.Set("Content-Length", strconv.Itoa(len(v.problem)))
	if len(v.problem) > 0 {
		header.Set(hContentType, problemType)
	}
	w.WriteHeader(v.status)
	_, _ = w.Write(v.problem)
}

func set(header http.Header, values [][2]string) {
	for _, pair := range values {
		header.Set(pair[0], pair[1])
	}
}

func bodyAllowed(status int) bool {
	return status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified
}

// discard takes what a handler writes that has not noticed the end of its attempt.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}
