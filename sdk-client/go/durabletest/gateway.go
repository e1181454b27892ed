package durabletest

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
)

const (
	runID  = "00000000-0000-7000-8000-000000000001"
	prefix = "/_durable/v1/runs/" + runID

	problemType = "application/problem+json"
	timedOut    = `{"type":"/_durable/problems/step-timeout","title":"The step timed out","status":504}`
	interrupted = `{"type":"/_durable/problems/step-interrupted","title":"The step was interrupted","status":500}`
)

// outcome is a step's outcome as the gateway lists it.
type outcome struct {
	ID          string `json:"id"`
	Type        string `json:"type"`
	Outcome     string `json:"outcome"`
	ContentType string `json:"contentType"`
	Body        []byte `json:"body"`
}

// gateway answers checkpoints as a gateway does, for one run, from memory.
type gateway struct {
	mu          sync.Mutex
	attempt     int
	maxAttempts int
	stored      []outcome
	scripted    map[string]outcome
	order       []string
	pending     map[string]string
	tries       map[string]int
	started     map[string]string
	events      []Event
}

func newGateway() *gateway {
	return &gateway{
		maxAttempts: 3, scripted: map[string]outcome{}, pending: map[string]string{}, tries: map[string]int{}, started: map[string]string{},
	}
}

// ServeHTTP answers the calls of the SDK.
func (g *gateway) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	switch path := r.URL.EscapedPath(); {
	case r.Method == http.MethodPost && path == "/_durable/v1/events":
		g.take(w, body)
	case r.Method == http.MethodGet && path == prefix+"/steps":
		rows := append([]outcome{}, g.stored...)
		text, _ := json.Marshal(rows)
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(text)
	case r.Method == http.MethodPut && strings.HasPrefix(path, prefix+"/steps/"):
		step, _ := url.PathUnescape(strings.TrimPrefix(path, prefix+"/steps/"))
		g.put(w, r, step, body)
	default:
		http.NotFound(w, r)
	}
}

func (g *gateway) take(w http.ResponseWriter, body []byte) {
	var event struct {
		Type    string
		Subject string
		Data    json.RawMessage
		Base64  []byte `json:"data_base64"`
	}
	if err := json.Unmarshal(body, &event); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	data := []byte(event.Data)
	if data == nil {
		data = event.Base64
	}
	g.events = append(g.events, Event{event.Type, event.Subject, data})
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"woken":0}`)
}

func (g *gateway) put(w http.ResponseWriter, r *http.Request, step string, body []byte) {
	if g.answerStored(w, step) {
		return
	}
	stepType, said := r.Header.Get("Durable-Step-Type"), r.Header.Get("Durable-Step-Outcome")
	switch {
	case stepType != "" && stepType != "run":
		// A callback is handed out, and comes in the next attempt.
		scripted, ok := g.scripted[step]
		if _, isHandedOut := g.pending[step]; ok && (stepType != "callback" || isHandedOut) {
			scripted.Type = stepType
			g.keep(scripted)
			g.answerStored(w, step)
			return
		}
		g.park(step, stepType)
		if stepType == "callback" {
			w.Header().Set("Durable-Callback-Url", "http://gateway.test/_durable/v1/callbacks/"+url.PathEscape(step))
		}
		w.WriteHeader(http.StatusAccepted)
	case said == "started":
		if by, ok := g.started[step]; ok && by != r.Header.Get("Durable-Execution") {
			g.keep(outcome{step, "run", "failed", problemType, []byte(interrupted)})
			g.answerStored(w, step)
			return
		}
		g.started[step] = r.Header.Get("Durable-Execution")
		w.WriteHeader(http.StatusCreated)
	default:
		g.tries[step]++
		if said == "failed" && r.Header.Get("Durable-Retry") != "?0" && g.tries[step] < g.triesOf(r) {
			g.park(step, "run")
			w.WriteHeader(http.StatusAccepted)
			return
		}
		if said == "" {
			said = "completed"
		}
		g.keep(outcome{step, "run", said, r.Header.Get("Content-Type"), body})
		w.WriteHeader(http.StatusCreated)
	}
}

func (g *gateway) park(step, stepType string) {
	if _, ok := g.pending[step]; !ok {
		g.order = append(g.order, step)
	}
	g.pending[step] = stepType
}

func (g *gateway) keep(o outcome) {
	delete(g.pending, o.ID)
	for i, id := range g.order {
		if id == o.ID {
			g.order = append(g.order[:i], g.order[i+1:]...)
			break
		}
	}
	g.stored = append(g.stored, o)
}

func (g *gateway) answerStored(w http.ResponseWriter, step string) bool {
	for _, o := range g.stored {
		if o.ID == step {
			w.Header().Set("Durable-Step-Outcome", o.Outcome)
			w.Header().Set("Content-Type", o.ContentType)
			_, _ = w.Write(o.Body)
			return true
		}
	}
	return false
}

func (g *gateway) triesOf(r *http.Request) int {
	for _, member := range strings.Split(r.Header.Get("Durable-Step-Retry"), ",") {
		if value := strings.TrimPrefix(strings.TrimSpace(member), "max-attempts="); value != strings.TrimSpace(member) {
			if n, err := strconv.Atoi(value); err == nil {
				return n
			}
		}
	}
	return g.maxAttempts
}

// pass lets the time of what sleeps be over, and reports whether another attempt can continue; else what it waits for.
func (g *gateway) pass() (goesOn bool, waitsFor string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var waits []string
	for _, step := range g.order {
		switch g.pending[step] {
		case "sleep":
			g.scripted[step] = outcome{ID: step, Outcome: "completed", ContentType: "application/json"}
			goesOn = true
		case "run":
			goesOn = true
		default:
			if _, ok := g.scripted[step]; ok {
				goesOn = true
			} else {
				waits = append(waits, fmt.Sprintf("%q (%s)", step, g.pending[step]))
			}
		}
	}
	return goesOn, strings.Join(waits, ", ")
}
