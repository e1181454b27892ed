package durable

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"unicode/utf8"
)

const (
	maxStackBytes      = 2048
	maxShortenedBytes  = 256
	smallProblemBytes  = 1024
	stepFailedTitle    = "The step failed"
	requestFailedTitle = "The request failed"
	misuseTitle        = "A durable step is used wrongly"
)

// Problem is a step's failure as problem details (RFC 9457).
type Problem struct {
	// Type is the kind of failure as a URI reference, such as /_durable/problems/step-timeout of the gateway, or what an invoked
	// service named. It is empty for an error of a step's function.
	Type string `json:"type,omitempty"`
	// Title is what kind of failure it is, for people.
	Title string `json:"title"`
	// Detail is what went wrong: the error's text. Not for clients.
	Detail string `json:"detail,omitempty"`
	// Status is a status that the failure stands for, where it has one; else 0.
	Status int `json:"status,omitempty"`
	// ErrorType is the Go type of the error, where the failure was one.
	ErrorType string `json:"exceptionType,omitempty"`
	// Stack is where a panic came from, shortened. For operators: clients do not see it.
	Stack string `json:"stackTrace,omitempty"`
	// ClientMessage is what the client of the run is told where the failure ends it.
	ClientMessage string `json:"clientMessage,omitempty"`

	// step is the step whose failure it is, where it is kept elsewhere.
	step string
}

func (p Problem) text() string {
	if p.Detail != "" {
		return p.Detail
	}
	return p.Title
}

// problemOf describes an error of a step's function or of the handler.
func problemOf(err error, withStack bool) Problem {
	p := Problem{Title: typeName(err), Detail: err.Error()}
	p.ErrorType = p.Title
	var panicked *PanicError
	if withStack && errors.As(err, &panicked) {
		p.Stack = cut(string(panicked.Stack), maxStackBytes)
	}
	var usage *UsageError
	if errors.As(err, &usage) {
		p.Title = misuseTitle
	}
	var response *responseError
	if errors.As(err, &response) {
		p.Status = response.status
	}
	var nonRetryable *NonRetryableError
	if errors.As(err, &nonRetryable) {
		p.ClientMessage = nonRetryable.ClientMessage
	}
	return p
}

// typeName gives the type that says most of err: what only adds words or marks is passed over.
func typeName(err error) string {
	first := fmt.Sprintf("%T", err)
	for e := err; e != nil; e = errors.Unwrap(e) {
		switch name := fmt.Sprintf("%T", e); {
		case strings.HasPrefix(name, "*fmt.wrap"), name == "*durable.RetryAfterError" && errors.Unwrap(e) != nil,
			name == "*durable.NonRetryableError" && errors.Unwrap(e) != nil:
		default:
			return name
		}
	}
	return first
}

// problemParts is what a stored problem may hold. Members of another kind are passed over: another SDK's idea of a failure is a failure.
func parseProblem(body []byte) Problem {
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return Problem{Title: stepFailedTitle}
	}
	text := func(name string) string {
		var value string
		_ = json.Unmarshal(members[name], &value)
		return value
	}
	p := Problem{
		Type: text("type"), Title: text("title"), Detail: text("detail"), ErrorType: text("exceptionType"),
		Stack: text("stackTrace"), ClientMessage: text("clientMessage"), step: text("step"),
	}
	_ = json.Unmarshal(members["status"], &p.Status)
	if p.Title == "" {
		p.Title = stepFailedTitle
	}
	return p
}

// at gives the same problem, of a step.
func (p Problem) at(step string) Problem {
	p.step = step
	return p
}

// shortened gives the same in little room.
func (p Problem) shortened() Problem {
	p.Type, p.Title, p.Detail = cut(p.Type, maxShortenedBytes), cut(p.Title, maxShortenedBytes), cut(p.Detail, maxShortenedBytes)
	p.ErrorType, p.Stack, p.ClientMessage = cut(p.ErrorType, maxShortenedBytes), "", cut(p.ClientMessage, maxShortenedBytes)
	return p
}

// json writes the problem as it is stored: all of it.
func (p Problem) json() []byte {
	type members Problem // Without the methods of Problem.
	body, _ := json.Marshal(struct {
		members
		Step string `json:"step,omitempty"`
	}{members(p), p.step})
	return body
}

// clientProblem is a failure as a client may see it: which step failed, and what the developer meant for clients.
type clientProblem struct {
	Type                 string          `json:"type,omitempty"`
	Title                string          `json:"title"`
	Detail               string          `json:"detail,omitempty"`
	ErrorType            string          `json:"exceptionType,omitempty"`
	Step                 string          `json:"step,omitempty"`
	Status               int             `json:"status,omitempty"`
	CompensationFailures []clientProblem `json:"compensationFailures,omitempty"`
}

// forClient keeps what is meant for clients. With details, the client is a developer, who may see the error.
func (p Problem) forClient(details bool) clientProblem {
	c := clientProblem{Title: requestFailedTitle, Detail: p.ClientMessage, Step: p.step}
	if p.step != "" {
		c.Title = "A step of the request failed"
	}
	// The gateway's own kinds of failure are part of the contract. What another service names is not this one's to tell.
	if details || strings.HasPrefix(p.Type, problems) {
		c.Type = p.Type
	}
	if details {
		c.Title, c.ErrorType = p.Title, p.ErrorType
		if c.Detail == "" {
			c.Detail = p.Detail
		}
	}
	return c
}

func (p Problem) clientJSON(details bool, compensations ...*StepError) []byte {
	c := p.forClient(details)
	c.Status = 500
	for _, failure := range compensations {
		c.CompensationFailures = append(c.CompensationFailures, failure.Problem.at(failure.Step).forClient(details))
	}
	body, _ := json.Marshal(c)
	return body
}

// cut shortens text to at most max bytes, at the beginning of a character.
func cut(text string, max int) string {
	if len(text) <= max {
		return text
	}
	for max > 0 && !utf8.RuneStart(text[max]) {
		max--
	}
	return text[:max]
}

func recovered(value any) *PanicError { return &PanicError{Value: value, Stack: debug.Stack()} }
