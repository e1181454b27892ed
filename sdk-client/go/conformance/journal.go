package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"log"
	"os"
	"sync"
)

// entry is a line of the journal.
type entry struct {
	Case    string `json:"case"`
	Event   string `json:"event"`
	Name    string `json:"name,omitempty"`
	Value   string `json:"value,omitempty"`
	Durable *bool  `json:"durable,omitempty"`
	RunID   string `json:"runId,omitempty"`
	Attempt int    `json:"attempt,omitempty"`
}

type counted struct{ id, event, name string }

// journal is what the service has executed, on disk before it continues, so that a crash takes nothing back.
type journal struct {
	mu     sync.Mutex
	file   *os.File
	counts map[counted]int
}

func openJournal(path string) (*journal, error) {
	if path == "" {
		return nil, errors.New("JOURNAL is not set")
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	j := &journal{file: file, counts: map[counted]int{}}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e entry
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return nil, err
		}
		j.counts[counted{e.Case, e.Event, e.Name}]++
	}
	return j, lines.Err()
}

// write adds a line, and gives how many there are of that case, event and name.
func (j *journal) write(e entry) int {
	line, err := json.Marshal(e)
	if err != nil {
		log.Fatal(err)
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, err := j.file.Write(append(line, '\n')); err != nil {
		log.Fatal(err)
	}
	key := counted{e.Case, e.Event, e.Name}
	j.counts[key]++
	return j.counts[key]
}

func (j *journal) count(id, event, name string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.counts[counted{id, event, name}]
}
