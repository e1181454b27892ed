package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"durable-gateway.example/durable"
)

const (
	exitStatus  = 7
	longestWait = 5 * time.Second
	longestHold = 10 * time.Second
)

// operation is one line of a program, with the members of all operations.
type operation struct {
	body
	Op       string            `json:"op"`
	Name     string            `json:"name"`
	In       []int             `json:"in"`
	Seconds  float64           `json:"seconds"`
	Until    time.Time         `json:"until"`
	Type     string            `json:"type"`
	Key      *string           `json:"key"`
	Timeout  *float64          `json:"timeout"`
	Lookback *float64          `json:"lookback"`
	Path     string            `json:"path"`
	Method   string            `json:"method"`
	Body     json.RawMessage   `json:"body"`
	Data     json.RawMessage   `json:"data"`
	URL      string            `json:"url"`
	Branches [][]operation     `json:"branches"`
	Times    *int              `json:"times"`
	Do       []operation       `json:"do"`
	Catch    []operation       `json:"catch"`
	Status   int               `json:"status"`
	Headers  map[string]string `json:"headers"`
	Inner    string            `json:"inner"`
	Events   int               `json:"events"`
	Options  options           `json:"options"`

	// Those of a failure, where the operation throws.
	Kind          string `json:"kind"`
	Message       string `json:"message"`
	ClientMessage string `json:"clientMessage"`
}

// body is what the function of a step does before it gives its result.
type body struct {
	MS     int             `json:"ms"`
	After  string          `json:"after"`
	Hold   bool            `json:"hold"`
	Exit   *times          `json:"exit"`
	Fail   *failure        `json:"fail"`
	Result json.RawMessage `json:"result"`
	Size   *int            `json:"size"`
	Bytes  []byte          `json:"bytes"`
	As     string          `json:"as"`
}

type times struct {
	Times int `json:"times"`
	After int `json:"after"`
}

type failure struct {
	Times         *int    `json:"times"`
	Kind          string  `json:"kind"`
	Message       string  `json:"message"`
	ClientMessage string  `json:"clientMessage"`
	Seconds       float64 `json:"seconds"`
}

// of gives the error of an execution; nil where it does not fail any more.
func (f *failure) of(execution int) error {
	if f == nil || f.Times != nil && execution > *f.Times {
		return nil
	}
	message := f.Message
	if message == "" {
		message = "it failed"
	}
	switch f.Kind {
	case "final":
		return &durable.NonRetryableError{Message: message, ClientMessage: f.ClientMessage}
	case "later":
		return &durable.RetryAfterError{Delay: seconds(f.Seconds), Message: message}
	}
	return errors.New(message)
}

type options struct {
	AtMostOnce  bool     `json:"atMostOnce"`
	MaxAttempts int      `json:"maxAttempts"`
	Delay       *float64 `json:"delay"`
	MaxDelay    *float64 `json:"maxDelay"`
	Backoff     string   `json:"backoff"`
	Timeout     float64  `json:"timeout"`
}

func (o options) list() (list []durable.StepOption) {
	if o.AtMostOnce {
		list = append(list, durable.AtMostOnce())
	}
	if o.MaxAttempts > 0 {
		list = append(list, durable.WithMaxAttempts(o.MaxAttempts))
	}
	if o.Delay != nil {
		list = append(list, durable.WithRetryDelay(seconds(*o.Delay)))
	}
	if o.MaxDelay != nil {
		list = append(list, durable.WithMaxRetryDelay(seconds(*o.MaxDelay)))
	}
	if o.Backoff != "" {
		list = append(list, durable.WithBackoff(durable.Backoff(o.Backoff)))
	}
	if o.Timeout > 0 {
		list = append(list, durable.WithTimeout(seconds(o.Timeout)))
	}
	return list
}

// interpreter executes the operations of a case in one execution of the handler.
type interpreter struct {
	journal   *journal
	id        string
	execution int
}

// list does operations in order, and gives their values.
func (i *interpreter) list(ctx context.Context, operations []operation) ([]any, error) {
	values := []any{}
	for _, op := range operations {
		if !i.isIn(op.In) {
			continue
		}
		value, err := i.do(ctx, op)
		if err != nil {
			return nil, err
		}
		values = append(values, value)
	}
	return values, nil
}

// last gives the value of the last operation.
func (i *interpreter) last(ctx context.Context, operations []operation) (any, error) {
	values, err := i.list(ctx, operations)
	if err != nil || len(values) == 0 {
		return nil, err
	}
	return values[len(values)-1], nil
}

func (i *interpreter) isIn(executions []int) bool {
	for _, n := range executions {
		if n == i.execution {
			return true
		}
	}
	return executions == nil
}

func (i *interpreter) do(ctx context.Context, op operation) (any, error) {
	switch op.Op {
	case "run":
		return i.run(ctx, op)
	case "nested":
		return durable.Run(ctx, op.Name, func(ctx context.Context) (any, error) {
			i.step(op.Name)
			return durable.Run(ctx, op.Inner, func(context.Context) (any, error) {
				i.step(op.Inner)
				return nil, nil
			})
		})
	case "sleep":
		return nil, durable.Sleep(ctx, op.Name, seconds(op.Seconds))
	case "sleepUntil":
		return nil, durable.SleepUntil(ctx, op.Name, op.Until)
	case "event":
		value, err := durable.WaitForEvent[any](ctx, op.Name, op.Type, i.waitOptions(op)...)
		if errors.Is(err, durable.ErrStepTimeout) {
			return nil, nil // No data came.
		}
		return value, err
	case "callback":
		return durable.WaitForCallback[any](ctx, op.Name, func(_ context.Context, url string) error {
			return op.Fail.of(i.journal.write(entry{Case: i.id, Event: "url", Name: op.Name, Value: url}))
		}, i.waitOptions(op)...)
	case "invoke":
		var list []durable.InvokeOption
		if op.Method != "" {
			list = append(list, durable.WithMethod(op.Method))
		}
		return durable.Invoke[any](ctx, op.Name, op.Path, payload(op.Body), list...)
	case "send":
		var list []durable.EventOption
		if op.Key != nil {
			list = append(list, durable.WithKey(*op.Key))
		}
		_, err := durable.SendEvent(ctx, op.Name, op.Type, payload(op.Data), list...)
		return nil, err
	case "fetch":
		return i.fetch(ctx, op)
	case "egress":
		return i.egress(ctx, op)
	case "rollback":
		durable.OnRollback(ctx, op.Name, func(ctx context.Context) error { return i.execute(ctx, op) }, op.Options.list()...)
		return nil, nil
	case "parallel":
		return i.parallel(ctx, op.Branches)
	case "first":
		ended := i.begin(durable.NewGroup(ctx), op.Branches)
		first := <-ended
		return first.value, first.err
	case "repeat":
		var value any
		for round := 0; op.Times != nil && round < *op.Times; round++ {
			var err error
			if value, err = i.last(ctx, op.Do); err != nil {
				return nil, err
			}
		}
		return value, nil
	case "try":
		return i.try(ctx, op)
	case "throw":
		f := failure{op.Times, op.Kind, op.Message, op.ClientMessage, op.Seconds}
		return nil, f.of(i.execution)
	case "work":
		return nil, pause(ctx, milliseconds(op.MS))
	case "respond":
		if op.Body == nil {
			op.Body = json.RawMessage("null")
		}
		return nil, &responded{status: op.Status, body: op.Body, header: op.Headers}
	case "stream":
		response := &responded{status: http.StatusOK, events: op.Events}
		if op.Exit != nil && i.execution <= op.Exit.Times {
			response.exitAfter = op.Exit.After
		}
		return nil, response
	case "exit":
		os.Exit(exitStatus)
	}
	return nil, &responded{status: http.StatusNotImplemented, body: json.RawMessage(fmt.Sprintf("%q", "unknown operation "+op.Op))}
}

type item struct {
	ID   int    `json:"id"`
	Name string `json:"name,omitempty"`
}

func (i *interpreter) run(ctx context.Context, op operation) (any, error) {
	list := op.Options.list()
	switch {
	case op.Bytes != nil && op.As == "stream":
		stream, err := durable.Run(ctx, op.Name, func(ctx context.Context) (io.Reader, error) {
			return strings.NewReader(string(op.Bytes)), i.execute(ctx, op)
		}, list...)
		if err != nil {
			return nil, err
		}
		content, err := io.ReadAll(stream)
		return map[string]any{"bytes": content}, err
	case op.Bytes != nil:
		content, err := durable.Run(ctx, op.Name, func(ctx context.Context) ([]byte, error) { return op.Bytes, i.execute(ctx, op) }, list...)
		return map[string]any{"bytes": content}, err
	case op.As == "object":
		return durable.Run(ctx, op.Name, func(ctx context.Context) (item, error) {
			if err := i.execute(ctx, op); err != nil {
				return item{}, err
			}
			var result item
			return result, json.Unmarshal(op.Result, &result)
		}, list...)
	}
	return durable.Run(ctx, op.Name, func(ctx context.Context) (any, error) {
		if err := i.execute(ctx, op); err != nil || op.Result == nil && op.Size == nil {
			return nil, err
		}
		if op.Size != nil {
			return strings.Repeat("x", *op.Size), nil
		}
		var result any
		err := json.Unmarshal(op.Result, &result)
		return result, err
	}, list...)
}

func (i *interpreter) step(name string) int {
	return i.journal.write(entry{Case: i.id, Event: "step", Name: name})
}

// execute does what the function of a step does.
func (i *interpreter) execute(ctx context.Context, op operation) error {
	execution := i.step(op.Name)
	if op.Exit != nil && execution <= op.Exit.Times {
		os.Exit(exitStatus)
	}
	if op.MS > 0 {
		if err := pause(ctx, milliseconds(op.MS)); err != nil {
			return err
		}
	}
	isWaiting := func() bool { return op.After != "" && i.journal.count(i.id, "step", op.After) == 0 }
	for deadline := time.Now().Add(longestWait); isWaiting() && time.Now().Before(deadline); {
		if err := pause(ctx, 5*time.Millisecond); err != nil {
			return err
		}
	}
	if op.Hold {
		if err := pause(ctx, longestHold); err != nil {
			i.journal.write(entry{Case: i.id, Event: "released", Name: op.Name})
			return err
		}
	}
	return op.Fail.of(execution)
}

// nowhere sends nothing, and records the headers.
type nowhere struct{ sent http.Header }

func (n *nowhere) RoundTrip(r *http.Request) (*http.Response, error) {
	n.sent = r.Header
	return &http.Response{StatusCode: http.StatusNoContent, Body: http.NoBody, Request: r}, nil
}

// egress gives what calls to the egress listener bear, of the handler and of a step.
func (i *interpreter) egress(ctx context.Context, op operation) (any, error) {
	headers := func(ctx context.Context) (map[string]string, error) {
		sent, values := &nowhere{}, map[string]string{}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://egress.invalid/", nil)
		if err == nil {
			_, err = durable.EgressTransport(sent).RoundTrip(request)
		}
		for name := range sent.sent {
			values[strings.ToLower(name)] = sent.sent.Get(name)
		}
		return values, err
	}
	handler, err := headers(ctx)
	if err != nil {
		return nil, err
	}
	inStep, err := durable.Run(ctx, op.Name, headers)
	return map[string]any{"handler": handler, "step": inStep}, err
}

func (i *interpreter) fetch(ctx context.Context, op operation) (any, error) {
	request, err := http.NewRequest(http.MethodGet, op.URL, nil)
	if err != nil {
		return nil, err
	}
	counting := &http.Client{Transport: counter(func(r *http.Request) (*http.Response, error) {
		i.step(op.Name)
		return http.DefaultTransport.RoundTrip(r)
	})}
	list := []durable.DoOption{durable.WithClient(counting)}
	for _, option := range op.Options.list() {
		if option, ok := option.(durable.DoOption); ok {
			list = append(list, option)
		}
	}
	response, err := durable.Do(ctx, op.Name, request, list...)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(response.Body)
	return map[string]any{"status": response.StatusCode, "body": string(text)}, err
}

type counter func(*http.Request) (*http.Response, error)

func (f counter) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// ended is a branch that has ended.
type ended struct {
	index int
	value any
	err   error
}

// begin begins branches, and tells of each when it has ended.
func (i *interpreter) begin(group *durable.Group, branches [][]operation) <-chan ended {
	all := make(chan ended, len(branches))
	for index, operations := range branches {
		index, operations := index, operations
		group.Go(func(ctx context.Context) error {
			value, err := i.last(ctx, operations)
			all <- ended{index, value, err}
			return err
		})
	}
	return all
}

// parallel gives the values of all branches, or the error of the one that fails first, at once.
func (i *interpreter) parallel(ctx context.Context, branches [][]operation) (any, error) {
	group := durable.NewGroup(ctx)
	all := i.begin(group, branches)
	values := make([]any, len(branches))
	for range branches {
		branch := <-all
		if branch.err != nil {
			return nil, branch.err
		}
		values[branch.index] = branch.value
	}
	return values, group.Wait()
}

func (i *interpreter) try(ctx context.Context, op operation) (any, error) {
	value, err := i.last(ctx, op.Do)
	var failed *durable.StepError
	if !errors.As(err, &failed) {
		return value, err
	}
	then, err := i.last(ctx, op.Catch)
	caught := map[string]any{"failed": failed.Step, "type": nil, "then": then}
	if failed.Problem.Type != "" {
		caught["type"] = failed.Problem.Type
	}
	return caught, err
}

func (i *interpreter) waitOptions(op operation) (list []durable.WaitOption) {
	if op.Key != nil {
		list = append(list, durable.WithKey(*op.Key))
	}
	if op.Timeout != nil {
		list = append(list, durable.WithTimeout(seconds(*op.Timeout)))
	}
	if op.Lookback != nil {
		list = append(list, durable.WithLookback(seconds(*op.Lookback)))
	}
	return list
}

// payload gives JSON as something to send; nil where there is none.
func payload(text json.RawMessage) any {
	if text == nil {
		return nil
	}
	return text
}

func seconds(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }

func milliseconds(n int) time.Duration { return time.Duration(n) * time.Millisecond }
