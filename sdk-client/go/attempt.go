package durable

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// attempt is one request, as an attempt of a run.
type attempt struct {
	run      RunInfo
	config   *config
	gateway  *gateway // nil: the request did not come by a durable route.
	stored   *storedSteps
	names    *names
	activity *activity
	main     *branch
	isLast   bool
	// egressToken is handed on with calls to the egress listener; empty where the gateway has none.
	egressToken string

	// over is done when the request is cancelled, or the attempt abandoned; handlerOver also when it is suspended.
	over        context.Context
	abandon     context.CancelFunc
	handlerOver context.Context
	endHandler  context.CancelFunc

	mu            sync.Mutex
	override      *verdict
	handlerEnded  bool
	misused       error
	suspendedAt   time.Time
	compensations []compensation
}

// verdict is how an attempt ended, and what must be answered. A nil verdict lets the handler's own response stand.
type verdict struct {
	status  int
	header  [][2]string
	problem []byte
}

func (v *verdict) isSuspended() bool { return v.status == http.StatusAccepted }

// isFinal reports whether the verdict ends the run.
func (v *verdict) isFinal() bool { return v.header[0] == [2]string{hRetry, "?0"} }

func suspended() *verdict {
	return &verdict{status: http.StatusAccepted, header: [][2]string{{hSuspended, "?1"}}}
}

func failedForGood(problem Problem, details bool, compensations []*StepError) *verdict {
	return &verdict{http.StatusInternalServerError, [][2]string{{hRetry, "?0"}}, problem.clientJSON(details, compensations...)}
}

func failed(err *CheckpointError, details bool) *verdict {
	problem := Problem{Title: "A checkpoint failed", Detail: err.message, ClientMessage: err.clientMessage}
	return &verdict{http.StatusInternalServerError, [][2]string{{hRetry, "?1"}}, problem.clientJSON(details)}
}

func abandoned(details bool) *verdict {
	problem := Problem{Title: "The attempt is abandoned", Detail: ErrAbandoned.Error()}
	return &verdict{http.StatusServiceUnavailable, [][2]string{{hRetry, "?1"}}, problem.clientJSON(details)}
}

// newAttempt reads what the gateway says of a request. One without its headers is not durable: its steps simply run.
func newAttempt(r *http.Request, c *config) (*attempt, *CheckpointError) {
	a := &attempt{config: c, names: newNames()}
	a.main = &branch{attempt: a}
	a.over, a.abandon = context.WithCancel(r.Context())
	a.handlerOver, a.endHandler = context.WithCancel(withScope(a.over, scope{branch: a.main}))
	a.activity = newActivity(a.main, c.suspendAfter)
	a.activity.onSuspend = a.suspend
	var known []storedStep
	complete := true
	if version := r.Header.Get(hProtocol); version != "" {
		if version != protocolVersion {
			text := fmt.Sprintf("the gateway uses version %q of the contract, and this SDK uses version %s; update the SDK of this service", version,
				protocolVersion)
			return nil, &CheckpointError{message: text, clientMessage: text}
		}
		var err error
		if known, complete, err = a.read(r.Header); err != nil {
			return nil, &CheckpointError{message: "the headers of the attempt cannot be read: " + err.Error(), err: err}
		}
	}
	a.stored = newStoredSteps(known, complete, a.gateway)
	return a, nil
}

func (a *attempt) read(header http.Header) (known []storedStep, complete bool, err error) {
	number := func(name string) int {
		text := strings.TrimSpace(header.Get(name))
		n, failure := strconv.ParseUint(text, 10, 31)
		if failure != nil && err == nil {
			err = fmt.Errorf("%s has %q, which is not a number", name, text)
		}
		return int(n)
	}
	a.run = RunInfo{header.Get(hRunID), number(hAttempt)}
	count := 0
	if header.Get(hStepCount) != "" {
		count = number(hStepCount)
	}
	if err != nil {
		return nil, false, err
	}
	token := header.Get(hToken)
	if a.run.ID == "" || token == "" {
		return nil, false, fmt.Errorf("%s or %s is missing", hRunID, hToken)
	}
	var callbacks []string
	for _, text := range strings.Split(strings.Join(header.Values(hCallback), ","), ",") {
		text = strings.TrimSpace(text)
		if u, failure := url.Parse(text); failure != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return nil, false, fmt.Errorf("%s has %q, which is not an HTTP URL", hCallback, text)
		}
		callbacks = append(callbacks, text)
	}
	if known, err = parseSteps(strings.Join(header.Values(hSteps), ", ")); err != nil {
		return nil, false, err
	}
	a.egressToken = header.Get(hEgressToken)
	a.isLast = strings.TrimSpace(header.Get(hFinalAttempt)) == "?1"
	a.gateway = newGateway(a.config.client, callbacks, token, a.config.buildHeader())
	return known, count <= len(known), nil
}

// isOver reports whether the request is cancelled, or the attempt abandoned.
func (a *attempt) isOver() bool { return a.over.Err() != nil }

// verdictSoFar is what must be said of a response that begins now, whoever wrote it; nil while all is well.
func (a *attempt) verdictSoFar() *verdict {
	a.mu.Lock()
	override := a.override
	a.mu.Unlock()
	if override == nil && a.activity.isSuspended() {
		return suspended()
	}
	return override
}

// overrule sets what is answered in place of the handler's response. What is graver stands.
func (a *attempt) overrule(v *verdict) {
	a.mu.Lock()
	if a.override == nil || a.override.status < v.status {
		a.override = v
	}
	a.mu.Unlock()
	if !v.isSuspended() {
		a.activity.release()
	}
}

// fail ends the attempt: the gateway starts another one.
func (a *attempt) fail(err *CheckpointError) {
	if v := a.verdictSoFar(); v == nil || v.isSuspended() {
		a.log(LogEntry{Level: LogWarn, Message: "the attempt has failed; the gateway starts another", Err: err})
	}
	a.overrule(failed(err, a.config.errorDetails))
}

// giveUp ends the attempt whose run has ended, or belongs to a later attempt.
func (a *attempt) giveUp(why error) {
	a.log(LogEntry{Level: LogDebug, Message: "the attempt is abandoned", Err: why})
	a.overrule(abandoned(a.config.errorDetails))
	a.abandon()
}

// suspend ends what the handler waits for: it cannot continue.
func (a *attempt) suspend() {
	a.log(LogEntry{Level: LogDebug, Message: "the attempt is suspended; it waits for " + a.activity.parkedSteps()})
	a.mu.Lock()
	a.suspendedAt = time.Now()
	a.mu.Unlock()
	a.activity.release()
	a.endHandler()
}

func (a *attempt) log(e LogEntry) {
	e.Run = a.run
	a.config.log(e)
}

// notes are the headers of a response that tell of the service: the build, and how the handler differs from what is stored.
func (a *attempt) notes(finished bool) [][2]string {
	if a.gateway == nil {
		return nil
	}
	var header [][2]string
	if build := a.config.buildHeader(); build != "" {
		header = append(header, [2]string{hBuild, build})
	}
	if mismatches := a.stored.mismatches(finished && !a.activity.hasOpenBranches()); mismatches != "" {
		header = append(header, [2]string{hMismatch, mismatches})
	}
	return header
}
