package durable

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"time"
)

// codec is how results of one type become bytes and come back.
type codec[T any] struct {
	contentType string
	// write takes in what the step's function left to be read, which is a part of the step still.
	write func(T) ([]byte, error)
	read  func([]byte) (T, error)
	// empty says that no bytes are a value: the zero one.
	empty bool
}

// codecOf gives the codec of a type: bytes, streams and responses are kept as they are, and everything else as JSON.
func codecOf[T any]() codec[T] {
	var zero *T
	switch any(zero).(type) {
	case *[]byte:
		return codec[T]{
			contentType: bytesType,
			write:       func(v T) ([]byte, error) { return append([]byte{}, any(v).([]byte)...), nil },
			read:        func(body []byte) (T, error) { return any(body).(T), nil },
		}
	case *io.Reader, *io.ReadCloser:
		return codec[T]{
			contentType: bytesType,
			write: func(v T) ([]byte, error) {
				reader, _ := any(v).(io.Reader)
				if reader == nil {
					return nil, misuse("a step returns nil instead of a stream; return an empty stream")
				}
				if closer, ok := reader.(io.Closer); ok {
					defer func() { _ = closer.Close() }()
				}
				return io.ReadAll(reader)
			},
			read: func(body []byte) (T, error) { return any(io.NopCloser(bytes.NewReader(body))).(T), nil },
		}
	case **http.Response:
		return codec[T]{
			contentType: responseType,
			write: func(v T) ([]byte, error) {
				response, _ := any(v).(*http.Response)
				if response == nil {
					return nil, misuse("a step returns nil instead of a response; return the response of the HTTP client")
				}
				return writeResponse(response)
			},
			read: func(body []byte) (T, error) {
				response, err := readResponse(body)
				return any(response).(T), err
			},
		}
	}
	return codec[T]{contentType: jsonType, write: writeJSON[T], read: readJSON[T], empty: true}
}

func writeJSON[T any](v T) ([]byte, error) {
	if lost := lostIn(reflect.TypeOf(&v).Elem()); lost != nil {
		return nil, misuse("the result is a %v, which JSON cannot store, because the fields of %v are not exported",
			reflect.TypeOf(&v).Elem(), lost)
	}
	body, err := json.Marshal(v)
	if err != nil {
		return nil, misuse("the result, a %T, cannot be serialized to JSON: %v", v, err)
	}
	if _, err := readJSON[T](body); err != nil {
		return nil, misuse("the result, a %T, cannot be deserialized from its JSON: %v", v, err)
	}
	return body, nil
}

func readJSON[T any](body []byte) (T, error) {
	var v T
	err := json.Unmarshal(body, &v)
	return v, err
}

// lostIn finds a struct of which JSON keeps nothing although it holds something; nil where there is none.
func lostIn(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Array || t.Kind() == reflect.Map {
		if writesItself(t) {
			return nil
		}
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t.NumField() == 0 || writesItself(t) {
		return nil
	}
	for i := 0; i < t.NumField(); i++ {
		if field := t.Field(i); field.IsExported() || field.Anonymous {
			return nil
		}
	}
	return t
}

func writesItself(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	for _, name := range []string{"MarshalJSON", "MarshalText"} {
		if _, ok := p.MethodByName(name); ok {
			return true
		}
	}
	return false
}

// payloadOf writes what is sent to others: []byte as it is, and everything else as JSON. Nil is nothing.
func payloadOf(v any) (payload, error) {
	switch v := v.(type) {
	case nil:
		return payload{jsonType, nil}, nil
	case []byte:
		return payload{bytesType, v}, nil
	}
	if t := reflect.TypeOf(v); lostIn(t) != nil {
		return payload{}, misuse("the data to send, a %v, has no exported fields, so JSON cannot store it", t)
	}
	body, err := json.Marshal(v)
	if err != nil {
		return payload{}, misuse("the data to send, a %T, cannot be serialized to JSON: %v", v, err)
	}
	return payload{jsonType, body}, nil
}

// hopHeaders tell of a connection that is gone.
var hopHeaders = []string{"Connection", "Keep-Alive", "Proxy-Connection", "Te", "Trailer", "Transfer-Encoding", "Upgrade"}

// response is a response as it is stored, alike in all SDKs.
type response struct {
	Status  int         `json:"status"`
	Reason  string      `json:"reason,omitempty"`
	Version string      `json:"version,omitempty"`
	Headers [][2]string `json:"headers"`
	Body    []byte      `json:"body"`
}

// writeResponse reads a response whole. Where its status says that another try may help, that is the error.
func writeResponse(r *http.Response) ([]byte, error) {
	defer func() { _ = r.Body.Close() }()
	switch r.StatusCode {
	// 408 and 429 are no failures of the other side, but it asks to be called again.
	case http.StatusRequestTimeout, http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusBadGateway,
		http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return nil, &responseError{whoAnswered(r), r.StatusCode, r.Status, retryAfter(r.Header)}
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	stored := response{
		Status: r.StatusCode, Version: fmt.Sprintf("%d.%d", r.ProtoMajor, r.ProtoMinor), Headers: [][2]string{}, Body: body,
	}
	if prefix := strconv.Itoa(r.StatusCode) + " "; len(r.Status) > len(prefix) && r.Status[:len(prefix)] == prefix {
		stored.Reason = r.Status[len(prefix):]
	}
	if stored.Body == nil {
		stored.Body = []byte{}
	}
	header := r.Header.Clone()
	for _, name := range hopHeaders {
		header.Del(name)
	}
	for _, name := range sortedKeys(header) {
		for _, value := range header[name] {
			stored.Headers = append(stored.Headers, [2]string{name, value})
		}
	}
	return json.Marshal(stored)
}

func readResponse(body []byte) (*http.Response, error) {
	var stored response
	if err := json.Unmarshal(body, &stored); err != nil {
		return nil, err
	}
	if stored.Status < 100 || stored.Status > 999 {
		return nil, fmt.Errorf("%d is not the status of a response", stored.Status)
	}
	r := &http.Response{
		StatusCode: stored.Status, Header: http.Header{}, Body: io.NopCloser(bytes.NewReader(stored.Body)),
		ContentLength: int64(len(stored.Body)),
	}
	if stored.Reason == "" {
		stored.Reason = http.StatusText(stored.Status)
	}
	r.Status = strconv.Itoa(stored.Status) + " " + stored.Reason
	if _, err := fmt.Sscanf(stored.Version, "%d.%d", &r.ProtoMajor, &r.ProtoMinor); err != nil {
		r.ProtoMajor, r.ProtoMinor = 1, 1
	}
	r.Proto = fmt.Sprintf("HTTP/%d.%d", r.ProtoMajor, r.ProtoMinor)
	for _, pair := range stored.Headers {
		r.Header.Add(pair[0], pair[1])
	}
	return r, nil
}

// whoAnswered names neither path nor query: they may hold what no log should.
func whoAnswered(r *http.Response) string {
	if r.Request != nil && r.Request.URL != nil && r.Request.URL.Host != "" {
		return r.Request.URL.Host
	}
	return "the other side"
}

// retryAfter reads Retry-After: seconds or a date.
func retryAfter(header http.Header) time.Duration {
	text := header.Get(hRetryAfter)
	if n, err := strconv.ParseFloat(text, 64); err == nil && n > 0 && n < 1e9 {
		return time.Duration(n * float64(time.Second))
	}
	if at, err := http.ParseTime(text); err == nil {
		if d := time.Until(at); d > 0 {
			return d
		}
	}
	return 0
}
