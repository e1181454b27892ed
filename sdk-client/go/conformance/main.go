// Command conformance is the scenario service of the Go SDK. It executes programs that are given as JSON: see tests/conformance/PROGRAM.md.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"durable-gateway.example/durable"
)

// program is a handler as JSON.
type program struct {
	Case string      `json:"case"`
	Do   []operation `json:"do"`
}

// responded ends a handler with a response of the program.
type responded struct {
	status int
	body   json.RawMessage
	header map[string]string

	// Of a stream: how many events it has, and after which of them the process ends.
	events, exitAfter int
}

func (r *responded) Error() string { return fmt.Sprintf("the program responds with %d", r.status) }

func main() {
	journal, err := openJournal(os.Getenv("JOURNAL"))
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/ready", func(w http.ResponseWriter, _ *http.Request) {
		writeJSON(w, http.StatusOK, map[string]any{"language": "go", "lacks": []string{}})
	})
	mux.Handle("/program", durable.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error { return serve(w, r, journal) },
		durable.WithSuspendAfter(200*time.Millisecond), durable.WithBuild("conformance"), durable.WithLog(nil)))
	listener, err := net.Listen("tcp", "127.0.0.1:"+os.Getenv("PORT"))
	if err != nil {
		log.Fatal(err)
	}
	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, syscall.SIGTERM)
	go func() {
		<-terminated
		os.Exit(0)
	}()
	fmt.Println("listening")
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	log.Fatal(server.Serve(listener))
}

// serve executes the program of a request.
func serve(w http.ResponseWriter, r *http.Request, j *journal) error {
	var p program
	if err := json.NewDecoder(r.Body).Decode(&p); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return nil
	}
	ctx := r.Context()
	info := durable.Info(ctx)
	begun := entry{Case: p.Case, Event: "handler", Durable: new(bool)}
	if *begun.Durable = info.IsDurable(); info.IsDurable() {
		begun.RunID, begun.Attempt = info.ID, info.Attempt
	}
	i := &interpreter{journal: j, id: p.Case, execution: j.write(begun)}
	defer j.write(entry{Case: p.Case, Event: "end"})
	values, err := i.list(ctx, p.Do)
	var response *responded
	switch {
	case errors.As(err, &response) && response.events > 0:
		return stream(w, r, response)
	case errors.As(err, &response):
		for name, value := range response.header {
			w.Header().Set(name, value)
		}
		writeJSON(w, response.status, response.body)
		return nil
	case err != nil:
		return err
	}
	writeJSON(w, http.StatusOK, values)
	return nil
}

// stream sends the events that the client does not have.
func stream(w http.ResponseWriter, r *http.Request, response *responded) error {
	last, _ := strconv.Atoi(r.Header.Get("Last-Event-ID"))
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Durable-Stream", "resume")
	for id := last + 1; id <= response.events; id++ {
		if _, err := fmt.Fprintf(w, "id: %d\ndata: part %d\n\n", id, id); err != nil {
			return err
		}
		w.(http.Flusher).Flush()
		if id == response.exitAfter {
			os.Exit(exitStatus)
		}
	}
	return nil
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// pause waits, or until the context is done.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
