package durabletest_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"durable-gateway.example/durable"
	"durable-gateway.example/durable/durabletest"
)

type payment struct {
	Order  string `json:"order"`
	Amount int    `json:"amount"`
}

// checkOut is the example of the README.
func checkOut(ctx context.Context, order string, captured func(payment)) (string, error) {
	if err := durable.Exec(ctx, "hold", func(context.Context) error { return nil }); err != nil {
		return "", err
	}
	paid, err := durable.WaitForEvent[payment](ctx, "paid", "order.paid", durable.WithKey(order), durable.WithTimeout(72*time.Hour))
	if errors.Is(err, durable.ErrStepTimeout) {
		return "nobody has paid " + order, nil
	}
	if err != nil {
		return "", err
	}
	if err := durable.Sleep(ctx, "patience", time.Hour); err != nil {
		return "", err
	}
	tries := 0
	err = durable.Exec(ctx, "capture", func(context.Context) error {
		if tries++; durable.Info(ctx).Attempt < 4 {
			return errors.New("the bank is busy")
		}
		captured(paid)
		return nil
	})
	if err != nil {
		return "", err
	}
	if _, err := durable.SendEvent(ctx, "tell", "order.shipped", paid, durable.WithKey(order)); err != nil {
		return "", err
	}
	return fmt.Sprintf("shipped %s for %d", order, paid.Amount), nil
}

func TestExecute_HandlerThatWaits_GoesFromAttemptToAttempt(t *testing.T) {
	run := durabletest.New(t)
	run.Complete("paid", payment{"o-1", 9})
	captures := 0
	result, err := durabletest.Execute(run, func(ctx context.Context) (string, error) {
		return checkOut(ctx, "o-1", func(payment) { captures++ })
	})
	if err != nil || result != "shipped o-1 for 9" {
		t.Fatal(result, err)
	}
	if want := []string{"hold", "paid", "patience", "capture", "tell"}; !reflect.DeepEqual(run.Steps(), want) {
		t.Error(run.Steps())
	}
	if want := []durabletest.Event{{Type: "order.shipped", Key: "o-1",
		Data: []byte(`{"order":"o-1","amount":9}`)}}; !reflect.DeepEqual(run.SentEvents(), want) {
		t.Errorf("%+v", run.SentEvents())
	}
	if run.Attempts() != 4 || captures != 1 || len(run.Pending()) != 0 {
		t.Error(run.Attempts(), captures, run.Pending())
	}
}

func TestExecute_EventDoesNotCome_IsTheTimeout(t *testing.T) {
	run := durabletest.New(t)
	run.TimeOut("paid")
	result, err := durabletest.Execute(run, func(ctx context.Context) (string, error) { return checkOut(ctx, "o-1", nil) })
	if result != "nobody has paid o-1" || err != nil {
		t.Error(result, err)
	}
}

func TestServe_FailureForGood_IsTheResponseAfterTheCompensations(t *testing.T) {
	run := durabletest.New(t)
	run.Fail("bill", durable.Problem{Title: "No such customer", Status: 404})
	var undone []string
	h := durable.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error {
		durable.OnRollback(r.Context(), "cancel", func(context.Context) error {
			undone = append(undone, "cancel")
			return nil
		})
		_, err := durable.Invoke[string](r.Context(), "bill", "/invoices", payment{"o-1", 9})
		return err
	})
	response := run.Serve(h, httptest.NewRequest(http.MethodPost, "/", strings.NewReader("body")))
	var problem struct {
		Step, Title string
	}
	if err := json.NewDecoder(response.Body).Decode(&problem); err != nil || response.StatusCode != 500 || problem.Step != "bill" {
		t.Error(response.StatusCode, problem, err)
	}
	if !reflect.DeepEqual(undone, []string{"cancel"}) || !reflect.DeepEqual(run.Steps(), []string{"bill", "cancel"}) {
		t.Error(undone, run.Steps())
	}
}

func TestServe_StepFailsAlways_IsFinalAfterItsTries(t *testing.T) {
	run := durabletest.New(t)
	run.SetMaxAttempts(2)
	tries := 0
	h := durable.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		body, _ := io.ReadAll(r.Body)
		err := durable.Exec(r.Context(), "flaky", func(context.Context) error {
			tries++
			return errors.New("busy")
		})
		var failure *durable.StepError
		if errors.As(err, &failure) {
			_, err = fmt.Fprintf(w, "gave up %s", body)
		}
		return err
	}, durable.WithLog(nil))
	response := run.Serve(h, httptest.NewRequest(http.MethodPost, "/", strings.NewReader("order")))
	body, _ := io.ReadAll(response.Body)
	if string(body) != "gave up order" || tries != 2 {
		t.Error(string(body), tries)
	}
}

func TestServe_HandlerFails_IsTriedAgainAndThenRolledBack(t *testing.T) {
	run := durabletest.New(t)
	attempts := 0
	h := durable.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) error {
		durable.OnRollback(r.Context(), "undo", func(context.Context) error { return nil })
		attempts++
		return errors.New("boom")
	}, durable.WithLog(nil))
	response := run.Serve(h, httptest.NewRequest(http.MethodPost, "/", nil))
	if response.StatusCode != 500 || response.Header.Get("Durable-Retry") != "?0" || attempts != 3 {
		t.Error(response.StatusCode, response.Header, attempts)
	}
	if !reflect.DeepEqual(run.Steps(), []string{"rollback begun", "undo"}) {
		t.Error(run.Steps())
	}
}

func TestAttempt_AtMostOnce_IsInterruptedInTheNext(t *testing.T) {
	run := durabletest.New(t)
	ctx, cancel := context.WithCancel(context.Background())
	h := durable.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		err := durable.Exec(r.Context(), "charge", func(ctx context.Context) error {
			cancel()
			<-ctx.Done()
			return ctx.Err()
		}, durable.AtMostOnce())
		if errors.Is(err, durable.ErrStepInterrupted) {
			_, err = io.WriteString(w, "look at it")
		}
		return err
	}, durable.WithLog(nil))
	run.Attempt(h, httptest.NewRequest(http.MethodPost, "/", nil).WithContext(ctx), false)
	response := run.Attempt(h, httptest.NewRequest(http.MethodPost, "/", nil), false)
	if body, _ := io.ReadAll(response.Body); string(body) != "look at it" {
		t.Error(string(body))
	}
}

// failing is a test that keeps what would have failed it.
type failing struct {
	testing.TB
	message string
}

func (f *failing) Helper() {}
func (f *failing) Fatalf(format string, args ...any) {
	f.message = fmt.Sprintf(format, args...)
	panic(f)
}

func TestServe_WaitsForWhatWasNotSaid_FailsTheTest(t *testing.T) {
	tb := &failing{TB: t}
	run := durabletest.New(tb)
	defer func() {
		if recover() != any(tb) || !strings.Contains(tb.message, `the handler waits for "paid" (wait)`) {
			t.Error(tb.message)
		}
	}()
	_, _ = durabletest.Execute(run, func(ctx context.Context) (string, error) { return checkOut(ctx, "o-1", nil) })
}
