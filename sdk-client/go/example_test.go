package durable_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"time"

	"durable-gateway.example/durable"
)

// What follows stands for the services that a handler calls.

type order struct {
	ID    string `json:"id"`
	Total int    `json:"total"`
}

type chargeOf struct {
	ID     string `json:"id"`
	Amount int    `json:"amount"`
}

func charge(_ context.Context, o order) (chargeOf, error) {
	fmt.Println("charging", o.Total)
	return chargeOf{"c-1", o.Total}, nil
}

func refund(_ context.Context, c chargeOf) error {
	fmt.Println("refunding", c.ID)
	return nil
}

func ship(_ context.Context, o order) (string, error) {
	if o.Total > 100 {
		return "", &durable.NonRetryableError{Message: "too heavy", ClientMessage: "We cannot ship that."}
	}
	return "DG-417", nil
}

// post calls a handler as a client does that did not come through a gateway: the steps simply run.
func post(h http.Handler, body string) {
	server := httptest.NewServer(h)
	defer server.Close()
	response, err := http.Post(server.URL, "application/json", strings.NewReader(body))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer func() { _ = response.Body.Close() }()
	text, _ := io.ReadAll(response.Body)
	fmt.Println(response.StatusCode, strings.TrimSpace(string(text)))
}

func ExampleHandlerFunc() {
	checkout := durable.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		ctx := r.Context()
		var o order
		if err := json.NewDecoder(r.Body).Decode(&o); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return nil
		}
		paid, err := durable.Run(ctx, "charge", func(ctx context.Context) (chargeOf, error) { return charge(ctx, o) })
		if err != nil {
			return err
		}
		label, err := durable.Run(ctx, "label", func(ctx context.Context) (string, error) { return ship(ctx, o) })
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "%s paid, shipped as %s", paid.ID, label)
		return err
	})
	post(checkout, `{"id":"o-1","total":9}`)
	// Output:
	// charging 9
	// 200 c-1 paid, shipped as DG-417
}

func ExampleHandler() {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		greeting, err := durable.Run(r.Context(), "greet", func(context.Context) (string, error) { return "hello", nil })
		if err != nil {
			durable.Error(w, r, err)
			return
		}
		_, _ = io.WriteString(w, greeting)
	})
	post(durable.Handler(mux), "")
	// Output:
	// 200 hello
}

func ExampleStepError() {
	checkout := durable.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		ctx := r.Context()
		o := order{"o-2", 900}
		paid, err := durable.Run(ctx, "charge", func(ctx context.Context) (chargeOf, error) { return charge(ctx, o) })
		if err != nil {
			return err
		}
		_, err = durable.Run(ctx, "label", func(ctx context.Context) (string, error) { return ship(ctx, o) })
		var failure *durable.StepError
		if errors.As(err, &failure) {
			if err := durable.Exec(ctx, "refund", func(ctx context.Context) error { return refund(ctx, paid) }); err != nil {
				return err
			}
			http.Error(w, failure.Problem.ClientMessage, http.StatusConflict)
			return nil
		}
		return err
	}, durable.WithLog(nil))
	post(checkout, "")
	// Output:
	// charging 900
	// refunding c-1
	// 409 We cannot ship that.
}

func ExampleOnRollback() {
	checkout := durable.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		ctx := r.Context()
		o := order{"o-3", 900}
		paid, err := durable.Run(ctx, "charge", func(ctx context.Context) (chargeOf, error) { return charge(ctx, o) })
		if err != nil {
			return err
		}
		durable.OnRollback(ctx, "refund", func(ctx context.Context) error { return refund(ctx, paid) })
		_, err = durable.Run(ctx, "label", func(ctx context.Context) (string, error) { return ship(ctx, o) })
		return err
	}, durable.WithLog(nil))
	post(checkout, "")
	// Output:
	// charging 900
	// refunding c-1
	// 500 {"title":"A step of the request failed","detail":"We cannot ship that.","step":"label","status":500}
}

func ExampleGroup() {
	trip := durable.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		group := durable.NewGroup(r.Context())
		flight := durable.Go(group, func(ctx context.Context) (string, error) {
			return durable.Run(ctx, "flight", func(context.Context) (string, error) { return "DG 417", nil })
		})
		hotel := durable.Go(group, func(ctx context.Context) (string, error) {
			return durable.Run(ctx, "hotel", func(context.Context) (string, error) { return "Lisboa", nil })
		})
		if err := group.Wait(); err != nil {
			return err
		}
		f, _ := flight.Get()
		h, _ := hotel.Get()
		_, err := fmt.Fprintf(w, "%s, %s", f, h)
		return err
	})
	post(trip, "")
	// Output:
	// 200 DG 417, Lisboa
}

func ExampleDo() {
	rates := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"eur":1.1}`)
	}))
	defer rates.Close()
	convert := durable.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		request, err := http.NewRequest(http.MethodGet, rates.URL+"/eur", nil)
		if err != nil {
			return err
		}
		response, err := durable.Do(r.Context(), "rate", request, durable.WithMaxAttempts(3), durable.WithTimeout(20*time.Second))
		if err != nil {
			return err
		}
		_, err = io.Copy(w, response.Body)
		return err
	})
	post(convert, "")
	// Output:
	// 200 {"eur":1.1}
}

func ExampleWithMaxAttempts() {
	tries := 0
	flaky := durable.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		err := durable.Exec(r.Context(), "print", func(context.Context) error {
			if tries++; tries < 3 {
				return errors.New("the printer is jammed")
			}
			return nil
		}, durable.WithMaxAttempts(3), durable.WithRetryDelay(time.Millisecond), durable.WithBackoff(durable.Constant))
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "printed at try %d", tries)
		return err
	}, durable.WithLog(nil))
	post(flaky, "")
	// Output:
	// 200 printed at try 3
}

func ExampleSleep() {
	nap := durable.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		if err := durable.Sleep(r.Context(), "cool-down", time.Millisecond); err != nil {
			return err
		}
		_, err := io.WriteString(w, "rested")
		return err
	})
	post(nap, "")
	// Output:
	// 200 rested
}
