package durable

import (
	"context"
	"strings"
	"sync"
)

// maxMismatchBytes bounds Durable-Mismatch: a header that is too long would cost the answer.
const maxMismatchBytes = 4096

// storedStep is a step's outcome.
type storedStep struct {
	id          string
	stepType    string
	failed      bool
	contentType string
	body        []byte
}

func (s storedStep) withDefaultType(contentType string) storedStep {
	if s.contentType == "" {
		s.contentType = contentType
	}
	return s
}

// storedSteps are the outcomes that earlier attempts left, and what the handler has asked for of them.
type storedSteps struct {
	gateway *gateway

	mu       sync.Mutex
	order    []string
	known    map[string]storedStep
	complete bool
	asked    map[string]string
	optional map[string]bool

	readOnce sync.Once
	readErr  error
}

func newStoredSteps(known []storedStep, complete bool, to *gateway) *storedSteps {
	s := &storedSteps{gateway: to, complete: complete, asked: map[string]string{}, optional: map[string]bool{}}
	s.fill(known)
	return s
}

func (s *storedSteps) fill(steps []storedStep) {
	s.known = make(map[string]storedStep, len(steps))
	s.order = s.order[:0]
	for _, step := range steps {
		if _, ok := s.known[step.id]; !ok {
			s.order = append(s.order, step.id)
		}
		s.known[step.id] = step
	}
}

// find gives the stored outcome of a step, if there is one. Those that did not fit into the header are read once.
func (s *storedSteps) find(ctx context.Context, id, stepType string) (storedStep, bool, error) {
	s.mu.Lock()
	s.asked[id] = stepType
	step, ok := s.known[id]
	complete := s.complete
	s.mu.Unlock()
	// A callback's outcome is not all that is known of it: it may have failed to be handed out.
	if ok && stepType != typeCallback || complete {
		return step, ok, nil
	}
	s.readOnce.Do(func() {
		steps, err := s.gateway.steps(ctx)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.readErr = err; err == nil {
			s.fill(steps)
			s.complete = true
		}
	})
	if s.readErr != nil {
		return storedStep{}, false, s.readErr
	}
	step, ok = s.peek(id)
	return step, ok, nil
}

// peek gives the same, of what has been read so far. It is nothing that the handler asks for.
func (s *storedSteps) peek(id string) (storedStep, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	step, ok := s.known[id]
	return step, ok
}

// hasUnasked reports whether outcomes are stored that the handler has not asked for, those of unregistered compensations included.
func (s *storedSteps) hasUnasked() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id := range s.known {
		if _, asked := s.asked[id]; !asked && !s.isOptional(id) {
			return true
		}
	}
	return false
}

// makeOptional notes a step that the handler need not reach.
func (s *storedSteps) makeOptional(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.optional[id] = true
}

// mismatches tells how the handler differs from what is stored, as the value of Durable-Mismatch; empty where it does not. Finished says
// that the handler has asked for all that it ever will.
func (s *storedSteps) mismatches(finished bool) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var items []string
	length := 0
	for _, id := range s.order {
		stored := s.known[id]
		item := ""
		if asked, ok := s.asked[id]; ok && stored.stepType != "" && stored.stepType != asked {
			item = ";stored=" + stored.stepType + ";asked=" + asked
		} else if !ok && finished && !s.isOptional(id) {
			item = ";unused"
		}
		if item == "" {
			continue
		}
		item = sfString(id) + item
		if length += len(item) + 2; length > maxMismatchBytes {
			break
		}
		items = append(items, item)
	}
	return strings.Join(items, ", ")
}

// isOptional: a callback that is complete is not handed out again.
func (s *storedSteps) isOptional(id string) bool {
	if s.optional[id] || id == rollbackBegun {
		return true
	}
	callback := callbackOf(id)
	return callback != "" && (s.asked[callback] == typeCallback || s.known[callback].stepType == typeCallback)
}
