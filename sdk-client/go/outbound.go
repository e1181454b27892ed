package durable

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// SendEvent sends a CloudEvent, as a step, to the runs that wait for it by [WaitForEvent], and gives how many were
// woken. The data is sent as JSON, or as it is where it is []byte; nil is none. A repetition bears the same id, and
// wakes nobody twice.
func SendEvent(ctx context.Context, name, eventType string, data any, options ...EventOption) (woken int, err error) {
	c := eventConfig{}
	for _, option := range options {
		option.applyEvent(&c)
	}
	return run(ctx, name, codecOf[int](), func(inner context.Context, id string) (int, error) {
		s, _ := scopeOf(ctx)
		a := s.branch.attempt
		switch {
		case strings.TrimSpace(eventType) == "":
			return 0, misuse("step %q sends an event without a type; steps that wait for the event name it", id)
		case c.key != nil && *c.key == "":
			return 0, misuse("step %q sends an event with an empty key; omit WithKey for an event without a key", id)
		case a.gateway == nil:
			return 0, misuse("step %q sends an event, which needs a gateway, but this request did not come through one; call the service "+
				"through the gateway, by a durable route; in a unit test, use package durabletest", id)
		}
		sent, err := payloadOf(data)
		if err != nil {
			return 0, err
		}
		return a.send(inner, id, cloudEvent(a.run.ID, id, eventType, c.key, sent), eventType)
	}, &stepConfig{})
}

func (a *attempt) send(ctx context.Context, id string, event []byte, eventType string) (int, error) {
	got, err := a.gateway.event(ctx, event)
	if err != nil {
		return 0, err
	}
	what := fmt.Sprintf("the event %q of step %q", eventType, id)
	switch got.status {
	case http.StatusOK, http.StatusAccepted:
		// The event was taken; that nobody knows how many waited for it changes nothing.
		var taken struct {
			Woken int `json:"woken"`
		}
		_ = json.Unmarshal(got.body, &taken)
		return taken.Woken, nil
	case http.StatusConflict, http.StatusGone:
		a.giveUp(got.refused(what))
		return 0, ErrAbandoned
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity:
		return 0, &NonRetryableError{Message: got.refused(what).message}
	}
	return 0, got.refused(what)
}

// cloudEvent writes a CloudEvent 1.0 in structured mode. The run is its source; with the step it is the id, so that a
// repetition is known as one.
func cloudEvent(run, step, eventType string, key *string, data payload) []byte {
	event := struct {
		SpecVersion     string          `json:"specversion"`
		ID              string          `json:"id"`
		Source          string          `json:"source"`
		Type            string          `json:"type"`
		Subject         *string         `json:"subject,omitempty"`
		DataContentType string          `json:"datacontenttype,omitempty"`
		Data            json.RawMessage `json:"data,omitempty"`
		DataBase64      []byte          `json:"data_base64,omitempty"`
	}{SpecVersion: "1.0", ID: run + "/" + step, Source: "/_durable/v1/runs/" + run, Type: eventType, Subject: key}
	if len(data.body) > 0 {
		event.DataContentType = data.contentType
		if data.contentType == jsonType {
			event.Data = data.body
		} else {
			event.DataBase64 = data.body
		}
	}
	text, _ := json.Marshal(event)
	return text
}

// Do sends a request as a step. Status, header and body of the response are kept, and each replay gets a response of its
// own made of them. The statuses 408, 429, 500, 502, 503 and 504 are failed tries, and Retry-After is kept to; every
// other status is the handler's affair. The response is stored as it is: leave large bodies and secrets to a [Run] that
// returns what is needed. A Run that returns a [*http.Response] does the same with any other way to send.
//
// If the gateway has an egress listener, the request is marked as one of a step (see [EgressTransport]).
// It is sent with the context of the step, not its own. Closing the body of the response is allowed, and not needed.
func Do(ctx context.Context, name string, request *http.Request, options ...DoOption) (*http.Response, error) {
	c := doConfig{client: http.DefaultClient}
	for _, option := range options {
		option.applyDo(&c)
	}
	return run(ctx, name, codecOf[*http.Response](), func(ctx context.Context, id string) (*http.Response, error) {
		if request == nil {
			return nil, misuse("step %q has no request", id)
		}
		sent := request.Clone(ctx)
		if sent.Header == nil {
			sent.Header = http.Header{}
		}
		if s, ok := scopeOf(ctx); ok {
			markInStep(sent, s)
		}
		if request.GetBody != nil {
			body, err := request.GetBody()
			if err != nil {
				return nil, err
			}
			sent.Body = body
		}
		return c.client.Do(sent)
	}, &c.step)
}
