package client

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Progress is what happens in a run.
type Progress struct {
	// Event is what happened: "attempt", "step" or "suspended".
	Event string `json:"-"`
	// Attempt is the number of the attempt in which it happened.
	Attempt int `json:"attempt"`
	// Step is the id of the step, of the event "step".
	Step string `json:"step"`
	// State is the state of the step: "completed", "failed", "retrying", "running", "sleeping" or "waiting".
	State string `json:"state"`
	// Failed says that the attempt failed, of the event "suspended".
	Failed bool `json:"-"`
	// Until is when the run continues, where that is known.
	Until time.Time `json:"until"`
	// Time is when it happened.
	Time time.Time `json:"time"`
}

// watch tells of the progress until the result is there, or cannot be watched.
func (d *call) watch(at *url.URL) error {
	last := ""
	for {
		header := http.Header{"Accept": {eventStream}}
		if last != "" {
			header.Set("Last-Event-ID", last)
		}
		response, err := d.get(at, header)
		if err == nil {
			isStream := response.StatusCode == http.StatusOK && strings.HasPrefix(response.Header.Get("Content-Type"), eventStream)
			if !isStream {
				// The result is there, or is asked for in the other way, which acts on every answer.
				drop(response)
				return nil
			}
			var ended bool
			if last, ended, err = d.tell(response.Body, last); ended {
				return nil
			}
		}
		if err == nil {
			err = io.ErrUnexpectedEOF
		}
		if err := d.again(err, 0); err != nil {
			return err
		}
	}
}

// tell reads events, and gives the id of the last one and whether it was the result.
func (d *call) tell(body io.ReadCloser, last string) (string, bool, error) {
	defer func() { _ = body.Close() }()
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, 64<<20) // The result is one of the events.
	var event, id, data string
	for lines.Scan() {
		line := lines.Text()
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			if event == "result" {
				return id, true, nil
			}
			if data != "" && event != "" {
				d.repeats, last = 0, id
				d.progress(progressOf(event, data))
			}
			event, data = "", ""
		case name == "event":
			event = value
		case name == "id":
			id = value
		case name == "data":
			data += value
		}
	}
	return last, false, lines.Err()
}

func progressOf(event, data string) Progress {
	p := Progress{Event: event}
	// What a later version adds, or forms in another way, is passed over.
	_ = json.Unmarshal([]byte(data), &p)
	var more struct {
		Failed bool `json:"failed"`
	}
	p.Failed = json.Unmarshal([]byte(data), &more) == nil && more.Failed
	return p
}
