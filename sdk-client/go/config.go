package durable

import (
	"fmt"
	"log"
	"net/http"
	"runtime/debug"
	"time"
)

// HandlerOption says how a handler's steps are kept.
type HandlerOption func(*config)

type config struct {
	client       *http.Client
	build        string
	log          func(LogEntry)
	suspendAfter time.Duration
	errorDetails bool
	stacks       bool
	bufferBytes  int
	prices       map[string]ModelPrice
}

func newConfig(options []HandlerOption) *config {
	c := &config{build: buildOfBinary(), log: logWarnings, suspendAfter: 500 * time.Millisecond, stacks: true, bufferBytes: 64 << 10}
	for _, option := range options {
		option(c)
	}
	return c
}

func (c *config) buildHeader() string {
	if c.build == "" {
		return ""
	}
	return sfString(c.build)
}

// WithHTTPClient names the client that sends checkpoints, for certificates and transports of your own. Calls are repeated by the SDK, and
// given 10 seconds each.
func WithHTTPClient(client *http.Client) HandlerOption {
	return func(c *config) { c.client = client }
}

// WithBuild says which build of the service this is. The gateway is told with every answer and every step, so that an operator sees which
// builds have worked on a run. The default is the version control revision that the binary was built from, where Go noted it; an empty
// build tells nothing.
func WithBuild(build string) HandlerOption {
	return func(c *config) { c.build = build }
}

// WithSuspendAfter says how long an attempt continues in which a step is parked and no other is executing. When no step
// has begun in that time, the handler cannot continue: its context is cancelled, parked steps return [ErrSuspended], and
// the attempt is suspended. The default is half a second.
//
// It leaves time for what a goroutine does between two of its steps while another one waits. A handler that waits for a [Group] of branches
// that all wait themselves is suspended at once, because the SDK knows all of them. A time that is not more than zero suspends every
// handler at once; it is right where no goroutine but those of groups begins steps.
func WithSuspendAfter(d time.Duration) HandlerOption {
	return func(c *config) {
		if d <= 0 {
			d = quietPieces // Nanoseconds.
		}
		c.suspendAfter = d
	}
}

// WithErrorDetails tells clients of failed runs the type and text of the error. For development: a text may hold what no client should see.
// [NonRetryableError.ClientMessage] is always told.
func WithErrorDetails() HandlerOption {
	return func(c *config) { c.errorDetails = true }
}

// WithoutStacks keeps the stack of a panic out of the run's record.
func WithoutStacks() HandlerOption {
	return func(c *config) { c.stacks = false }
}

// WithResponseBuffer says how many bytes of a response are kept back until the handler has ended. The default is 64 KiB. A response that is
// longer, or flushed, begins before: it can no longer be replaced where the attempt is suspended or has failed, and its connection
// is cut then.
func WithResponseBuffer(bytes int) HandlerOption {
	return func(c *config) { c.bufferBytes = bytes }
}

// WithLog gets what the SDK notes of steps and attempts. The default prints warnings and errors by the standard logger. The function may be
// called by several goroutines at a time.
func WithLog(log func(LogEntry)) HandlerOption {
	return func(c *config) {
		if log == nil {
			log = func(LogEntry) {}
		}
		c.log = log
	}
}

// LogLevel is how much a [LogEntry] matters. The values are those of log/slog.
type LogLevel int

// The levels.
const (
	LogDebug LogLevel = -4
	LogWarn  LogLevel = 4
	LogError LogLevel = 8
)

// LogEntry is what the SDK notes of an attempt.
type LogEntry struct {
	// Level is how much it matters, and Message what it is.
	Level   LogLevel
	Message string
	// Run is the attempt; zero without a gateway.
	Run RunInfo
	// Step is the id of the step that the entry is of; empty where it is of the attempt.
	Step string
	// Elapsed is how long it took, where that is known.
	Elapsed time.Duration
	// Err is the cause, if there is one.
	Err error
}

func logWarnings(e LogEntry) {
	if e.Level < LogWarn {
		return
	}
	text := "durable: " + e.Message
	if e.Step != "" {
		text += ", step " + e.Step
	}
	if e.Run.IsDurable() {
		text += fmt.Sprintf(" (attempt %d of run %s)", e.Run.Attempt, e.Run.ID)
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	log.Print(text)
}

func buildOfBinary() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return ""
	}
	revision, modified := "", ""
	for _, setting := range info.Settings {
		switch {
		case setting.Key == "vcs.revision":
			revision = setting.Value
		case setting.Key == "vcs.modified" && setting.Value == "true":
			modified = "+modified"
		}
	}
	switch {
	case revision != "":
		return revision + modified
	case info.Main.Version != "(devel)":
		return info.Main.Version
	}
	return ""
}
