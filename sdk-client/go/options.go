package durable

import (
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"time"
)

// StepOption says how one step is tried. What is not said is as the route's policy says. The gateway keeps to the options; behind it,
// no try is waited for in the handler. Without a gateway the tries are made in the handler, with the delays in between.
type StepOption interface{ applyStep(*stepConfig) }

// WaitOption says what a step waits for, or how long.
type WaitOption interface{ applyWait(*waitConfig) }

// EventOption says what an event is sent as.
type EventOption interface{ applyEvent(*eventConfig) }

// InvokeOption says how another route is called.
type InvokeOption interface{ applyInvoke(*invokeConfig) }

// DoOption says how a request is sent. Every [StepOption] is one.
type DoOption interface{ applyDo(*doConfig) }

// Backoff is how the delay before a step's next try grows.
type Backoff string

// How the delay grows: it doubles with each try, grows by the first delay, or stays.
const (
	Exponential Backoff = "exponential"
	Linear      Backoff = "linear"
	Constant    Backoff = "constant"
)

type stepConfig struct {
	maxAttempts   int
	retryDelay    *time.Duration
	maxRetryDelay *time.Duration
	backoff       Backoff
	timeout       time.Duration
	atMostOnce    bool
	err           error
}

func (c *stepConfig) refuse(err error) {
	if c.err == nil {
		c.err = err
	}
}

func stepConfigOf(options []StepOption) *stepConfig {
	c := &stepConfig{}
	for _, option := range options {
		option.applyStep(c)
	}
	return c
}

// retryHeader is the Dictionary of Durable-Step-Retry; empty where nothing is set.
func (c *stepConfig) retryHeader() string {
	if c == nil {
		return ""
	}
	var members []string
	if c.maxAttempts > 0 {
		members = append(members, fmt.Sprintf("max-attempts=%d", c.maxAttempts))
	}
	if c.retryDelay != nil {
		members = append(members, "delay="+sfDecimal(*c.retryDelay))
	}
	if c.maxRetryDelay != nil {
		members = append(members, "max-delay="+sfDecimal(*c.maxRetryDelay))
	}
	if c.backoff != "" {
		members = append(members, "backoff="+string(c.backoff))
	}
	return strings.Join(members, ", ")
}

// localAttempts is how many tries are made without a gateway.
func (c *stepConfig) localAttempts() int {
	if c.atMostOnce || c.maxAttempts < 1 {
		return 1
	}
	return c.maxAttempts
}

// localDelay is the delay after a failed try without a gateway.
func (c *stepConfig) localDelay(tries int, err error) time.Duration {
	first, max := time.Second, time.Minute
	if c.retryDelay != nil {
		first = *c.retryDelay
	}
	if c.maxRetryDelay != nil {
		max = *c.maxRetryDelay
	}
	factor := math.Pow(2, math.Min(float64(tries-1), 30))
	switch c.backoff {
	case Constant:
		factor = 1
	case Linear:
		factor = float64(tries)
	}
	delay := time.Duration(math.Min(float64(first)*factor, float64(max)))
	if after, ok := retryAfterOf(err); ok && after > delay {
		return after
	}
	return delay
}

type stepOption func(*stepConfig)

func (o stepOption) applyStep(c *stepConfig) { o(c) }
func (o stepOption) applyDo(c *doConfig)     { o(&c.step) }

// RetryOption is a [StepOption] that is good for [Do] too.
type RetryOption interface {
	StepOption
	DoOption
}

// WithMaxAttempts says how often the step is tried in all: 1 or more. The default is the policy's; without a gateway, 1.
func WithMaxAttempts(n int) RetryOption {
	return stepOption(func(c *stepConfig) {
		if c.maxAttempts = n; n < 1 {
			c.refuse(errors.New("WithMaxAttempts must be 1 or more"))
		}
	})
}

// WithRetryDelay says how long the delay before the second try is, to the millisecond. The default is the policy's;
// without a gateway, a second.
func WithRetryDelay(d time.Duration) RetryOption {
	return stepOption(func(c *stepConfig) {
		if c.retryDelay = &d; d < 0 {
			c.refuse(errors.New("WithRetryDelay must not be negative"))
		}
	})
}

// WithMaxRetryDelay says how long a delay between tries may become. A [RetryAfterError] may ask for more. The default is
// the policy's; without a gateway, a minute.
func WithMaxRetryDelay(d time.Duration) RetryOption {
	return stepOption(func(c *stepConfig) {
		if c.maxRetryDelay = &d; d < 0 {
			c.refuse(errors.New("WithMaxRetryDelay must not be negative"))
		}
	})
}

// WithBackoff says how the delay grows from try to try. The default is the policy's; without a gateway, [Exponential].
func WithBackoff(b Backoff) RetryOption {
	return stepOption(func(c *stepConfig) {
		if c.backoff = b; b != Exponential && b != Linear && b != Constant {
			c.refuse(fmt.Errorf("WithBackoff must be exponential, linear or constant, and not %q", b))
		}
	})
}

// AtMostOnce never executes the step's function twice, for effects that cannot be made idempotent. The gateway notes
// first that the step begins. If nobody can tell how it ended (a crash, a lost connection), the step has failed with
// [ErrStepInterrupted]. A failure of the function is final at once, whatever the other options say.
func AtMostOnce() RetryOption {
	return stepOption(func(c *stepConfig) { c.atMostOnce = true })
}

// TimeoutOption is what [WithTimeout] gives.
type TimeoutOption time.Duration

// WithTimeout says how long one try of a step may take: then the context of its function is done, and the try has failed if the function
// returns an error of that. A function that ignores its context is waited for.
//
// For [WaitForEvent] and [WaitForCallback] it says when the step gives up: it has failed with [ErrStepTimeout] then. The
// default is to wait for as long as the run may take.
func WithTimeout(d time.Duration) TimeoutOption { return TimeoutOption(d) }

func (o TimeoutOption) applyStep(c *stepConfig) {
	if c.timeout = time.Duration(o); o <= 0 {
		c.refuse(errors.New("WithTimeout must be more than zero; omit it for no timeout"))
	}
}

func (o TimeoutOption) applyDo(c *doConfig) { o.applyStep(&c.step) }

func (o TimeoutOption) applyWait(c *waitConfig) {
	d := time.Duration(o)
	if c.timeout = &d; d < 0 {
		c.refuse(errors.New("WithTimeout must not be negative; omit it to wait for as long as the run may take"))
	}
}

type waitConfig struct {
	key      *string
	timeout  *time.Duration
	lookback *time.Duration
	err      error
}

func (c *waitConfig) refuse(err error) {
	if c.err == nil {
		c.err = err
	}
}

type eventConfig struct{ key *string }

// KeyOption is what [WithKey] gives.
type KeyOption string

// WithKey names the subject of an event. A step that waits without one takes the next event of its type, whatever its key.
func WithKey(key string) KeyOption { return KeyOption(key) }

func (o KeyOption) applyWait(c *waitConfig) {
	key := string(o)
	if c.key = &key; key == "" {
		c.refuse(errors.New("the key must not be empty; omit WithKey to accept the next event of the type with any key"))
	}
}

func (o KeyOption) applyEvent(c *eventConfig) {
	key := string(o)
	c.key = &key
}

type waitOption func(*waitConfig)

func (o waitOption) applyWait(c *waitConfig) { o(c) }

// WithLookback says how far back events count, from when the step begins. The default is to the beginning of the run; zero is from now on.
func WithLookback(d time.Duration) WaitOption {
	return waitOption(func(c *waitConfig) {
		if c.lookback = &d; d < 0 {
			c.refuse(errors.New("WithLookback must not be negative; omit it to accept events since the start of the run"))
		}
	})
}

type invokeConfig struct{ method string }

type invokeOption func(*invokeConfig)

func (o invokeOption) applyInvoke(c *invokeConfig) { o(c) }

// WithMethod says by which method another route is called. The default is POST.
func WithMethod(method string) InvokeOption {
	return invokeOption(func(c *invokeConfig) { c.method = method })
}

type doConfig struct {
	step   stepConfig
	client *http.Client
}

type doOption func(*doConfig)

func (o doOption) applyDo(c *doConfig) { o(c) }

// WithClient says which client sends a request. The default is [http.DefaultClient].
func WithClient(client *http.Client) DoOption {
	return doOption(func(c *doConfig) { c.client = client })
}
