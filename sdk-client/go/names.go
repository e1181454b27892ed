package durable

import (
	"strconv"
	"strings"
	"sync"
	"unicode/utf8"
)

const (
	// rollbackBegun is the step that keeps why a run is rolled back.
	rollbackBegun = "rollback begun"
	handedOut     = " handed out"
	maxIDBytes    = 256
)

// names gives the ids of an attempt's steps out.
type names struct {
	mu     sync.Mutex
	uses   map[string]int
	ids    map[string]bool
	begun  map[string]bool
	latest map[string]nameUse
	turn   int64
	closed bool
}

type nameUse struct {
	branch *branch
	turn   int64
}

func newNames() *names {
	return &names{uses: map[string]int{}, ids: map[string]bool{rollbackBegun: true}, begun: map[string]bool{}, latest: map[string]nameUse{}}
}

// handOutOf gives the step that hands the URL of a callback out. It is by the callback's id: each use of a name is handed out for itself.
func handOutOf(callback string) string { return callback + handedOut }

// callbackOf gives the callback that a step hands out; empty for other steps.
func callbackOf(id string) string {
	if callback := strings.TrimSuffix(id, handedOut); callback != id {
		return callback
	}
	return ""
}

// enter gives a step its id, and begins it. Nothing of it has happened yet where it gives an error.
func (n *names) enter(b *branch, name string) (string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	id, err := n.assign(b, name)
	if err != nil {
		return "", err
	}
	n.begun[id] = true
	return id, nil
}

// reserve gives a step its id that is begun later, or never.
func (n *names) reserve(b *branch, name string) (string, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.assign(b, name)
}

// enterHandOut begins the step that belongs to a callback.
func (n *names) enterHandOut(callback string) (string, error) {
	id := handOutOf(callback)
	if len(id) > maxIDBytes {
		return "", misuse("%q is too long for the name of a callback: with %q, it must be at most %d bytes of UTF-8", callback, handedOut,
			maxIDBytes)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ids[id] {
		return "", misuse("the name %q belongs to the step that hands out the URL of %q; give the other step with that name another name", id,
			callback)
	}
	n.ids[id], n.begun[id] = true, true
	return id, nil
}

// enterReserved begins a step that has its id already.
func (n *names) enterReserved(id string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.begun[id] = true
}

func (n *names) leave(id string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.begun, id)
}

// close gives no further name out.
func (n *names) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.closed = true
}

// fork notes that a branch begins, and join that its parent has waited for it.
func (n *names) fork(b *branch) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.turn++
	b.forked = n.turn
}

func (n *names) join(branches []*branch) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.turn++
	for _, b := range branches {
		b.joined = n.turn
	}
}

func tooLate(name string) error {
	return misuse("step %q starts after the handler has ended; wait for every step in the handler", name)
}

func (n *names) assign(b *branch, name string) (string, error) {
	switch {
	case name == "":
		return "", misuse("a step has no name; give each step its own name, because the name identifies the stored outcome")
	case name == rollbackBegun:
		return "", misuse("%q is the name of the step that stores the reason of a rollback; give the step another name", name)
	case n.closed:
		return "", tooLate(name)
	}
	uses := n.uses[name]
	if uses > 0 && n.begun[idOf(name, uses)] {
		return "", misuse("two steps named %q run at the same time, so a replay could not distinguish them; give each step its own name, such "+
			"as \"%s-\" and the item's id", name, name)
	}
	if before, ok := n.latest[name]; ok && !before.branch.precedes(before.turn, b) {
		return "", misuse("two branches that run at the same time use the name %q; a replay in which they start in another order would "+
			"confuse their outcomes; give the steps of each branch their own names, such as \"%s-\" and the item's id", name, name)
	}
	id := idOf(name, uses+1)
	if id == "." || id == ".." || strings.IndexByte(id, 0) >= 0 || len(id) > maxIDBytes || !utf8.ValidString(id) {
		return "", misuse("%q cannot be the name of a step; a name must be at most %d bytes of UTF-8 without NUL, and must not be \".\" or "+
			"\"..\"", name, maxIDBytes)
	}
	if n.ids[id] {
		return "", misuse("the name %q looks like use %d of another name; do not use names that end in \"#\" and a number, or in %q",
			name, uses+1, handedOut)
	}
	n.turn++
	n.uses[name], n.ids[id], n.latest[name] = uses+1, true, nameUse{b, n.turn}
	return id, nil
}

func idOf(name string, use int) string {
	if use == 1 {
		return name
	}
	return name + "#" + strconv.Itoa(use)
}
