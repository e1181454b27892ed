package durable

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

type charge struct {
	ID     int    `json:"id"`
	secret string //nolint:unused // What JSON loses is lost at once.
}

func TestRun_FirstAttempt_StoresResultAndGivesWhatWasStored(t *testing.T) {
	g := newScriptedGateway(t)
	response := serveHTTP(g.attempt(), func(w http.ResponseWriter, r *http.Request) error {
		got, err := Run(r.Context(), "charge", giving(charge{7, "lost"}))
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "%+v", got)
		return err
	}, WithBuild("b 1"))
	equal(t, "response", described(response), `200 Build="b 1" {ID:7 secret:}`)
	put := g.of("charge")
	equal(t, "body", put.body, `{"id":7}`)
	equal(t, "token", put.header.Get(hToken), "secret-token")
	equal(t, "build", put.header.Get(hBuild), `"b 1"`)
	equal(t, "content type", put.header.Get(hContentType), jsonType)
	if put.header.Get(hStepDuration) == "" || put.header.Get(hExecution) == "" {
		t.Errorf("the call says neither duration nor execution: %v", put.header)
	}
}

func TestRun_Replay_ReturnsStoredOutcomesAndExecutesNone(t *testing.T) {
	g := newScriptedGateway(t)
	name, value := stored("charge=ok:{\"id\":1}", "charge#2=ok:{\"id\":2}", `no\"=err:{"title":"no","detail":"jammed"}`)
	value = strings.ReplaceAll(value, `no\\\"`, "no") // The third id is plain.
	response := serve(g.attempt(name, value, hStepCount, "3", hAttempt, "2"), func(ctx context.Context) error {
		if info := Info(ctx); info != (RunInfo{testRun, 2}) || !info.IsReplay() || !info.IsDurable() {
			t.Errorf("info: %+v", info)
		}
		for want := 1; want <= 2; want++ {
			got, err := Run(ctx, "charge", func(context.Context) (charge, error) {
				t.Error("a stored step was executed")
				return charge{}, nil
			})
			if err != nil || got.ID != want {
				t.Errorf("got %+v, %v", got, err)
			}
		}
		var failure *StepError
		err := Exec(ctx, "no", failing(nil))
		if !errors.As(err, &failure) || failure.Step != "no" || failure.Problem.Detail != "jammed" || failure.Err != nil {
			t.Errorf("got %#v", err)
		}
		return nil
	})
	equal(t, "response", described(response), "200")
	equal(t, "calls", g.asked(), "")
}

func TestRun_MoreOutcomesThanInlined_ReadsThemOnce(t *testing.T) {
	g := newScriptedGateway(t).on("steps", says(200,
		`[{"id":"a","type":"run","outcome":"completed","contentType":"application/json","body":"MQ=="},
		{"id":"\u00e4/","type":"run","outcome":"completed","contentType":"application/json","body":"Mg==","new":true}]`))
	name, value := stored("a=ok:1")
	response := serve(g.attempt(name, value, hStepCount, "2"), func(ctx context.Context) error {
		a, _ := Run(ctx, "a", giving(0))
		b, _ := Run(ctx, "ä/", giving(0))
		c, err := Run(ctx, "c", giving(3))
		equal(t, "results", fmt.Sprint(a, b, c, err), "1 2 3 <nil>")
		return nil
	})
	equal(t, "response", described(response), "200")
	equal(t, "calls", g.asked(), "GET steps; PUT c")
}

func TestRun_OutcomesCannotBeRead_FailsAttemptAndExecutesNothing(t *testing.T) {
	for name, answer := range map[string]func(http.ResponseWriter){
		"cut off": cutOff, "503": problem(503, "store-unavailable"), "502": problem(502, "record-unreadable"), "401": problem(401,
			"token-invalid"),
		"no JSON": says(200, "<html>"),
	} {
		t.Run(name, func(t *testing.T) {
			g := newScriptedGateway(t).on("steps", answer)
			response := serve(g.attempt(hStepCount, "1"), func(ctx context.Context) error {
				_, err := Run(ctx, "a", func(context.Context) (int, error) {
					t.Error("executed")
					return 0, nil
				})
				var checkpoint *CheckpointError
				if !errors.As(err, &checkpoint) {
					t.Errorf("got %v", err)
				}
				return nil // A handler that passes over it does not end the run.
			})
			equal(t, "response", described(response), `500 Retry=?1 {"title":"The request failed","status":500}`)
		})
	}
}

func TestRun_EveryAnswer_IsActedOn(t *testing.T) {
	interrupted := `{"type":"/_durable/problems/step-interrupted","title":"gone"}`
	for _, test := range []struct {
		name     string
		answers  []func(http.ResponseWriter)
		err      error // What the step's function gives.
		want     string
		response string
		calls    string
	}{
		{"200 completed", []func(http.ResponseWriter){says(200, "9", hStepOutcome, "completed", hContentType, jsonType)}, nil, "9 <nil>", "200",
			"PUT s"},
		{"200 failed", []func(http.ResponseWriter){says(200, interrupted, hStepOutcome, "failed", hContentType, problemType)}, nil,
			`0 durable: step "s" failed: gone`,
			`500 Retry=?0 {"type":"/_durable/problems/step-interrupted","title":"A step of the request failed","step":"s","status":500}`, "PUT s"},
		{"201 failed", []func(http.ResponseWriter){says(201, "")}, errors.New("boom"), `0 durable: step "s" failed: boom`,
			`500 Retry=?0 {"title":"A step of the request failed","step":"s","status":500}`, "PUT s failed"},
		{"202", []func(http.ResponseWriter){says(202, "")}, errors.New("boom"), "0 " + ErrSuspended.Error(), "202 Suspended=?1", "PUT s failed"},
		{"400", []func(http.ResponseWriter){problem(400, "step-malformed")}, nil, "", `500 Retry=?1`, "PUT s"},
		{"401", []func(http.ResponseWriter){problem(401, "token-invalid")}, nil, "", `500 Retry=?1`, "PUT s"},
		{"404", []func(http.ResponseWriter){problem(404, "run-unknown")}, nil, "", `500 Retry=?1`, "PUT s"},
		{"409", []func(http.ResponseWriter){problem(409, "attempt-superseded")}, nil, "0 " + ErrAbandoned.Error(), `503 Retry=?1`, "PUT s"},
		{"410", []func(http.ResponseWriter){problem(410, "run-ended")}, nil, "0 " + ErrAbandoned.Error(), `503 Retry=?1`, "PUT s"},
		{"413", []func(http.ResponseWriter){problem(413, "step-too-large"), says(201, "")}, nil,
			`0 durable: step "s" failed: The result has 1 bytes, more than the route's policy allows (MaxStepBytes).`,
			`500 Retry=?0 {"title":"A step of the request failed","step":"s","status":500}`, "PUT s; PUT s failed ?0"},
		{"413 of a failure", []func(http.ResponseWriter){problem(413, "step-too-large"), says(201, "")}, errors.New(strings.Repeat("x", 2000)),
			"", `500 Retry=?0 {"title":"A step of the request failed","step":"s","status":500}`, "PUT s failed; PUT s failed ?0"},
		{"422 unsupported", []func(http.ResponseWriter){problem(422, "step-unsupported")}, nil, "", `500 Retry=?1`, "PUT s"},
		{"422 too many", []func(http.ResponseWriter){problem(422, "too-many-steps")}, nil, "", `500 Retry=?1`, "PUT s"},
		{"422 beyond", []func(http.ResponseWriter){problem(422, "beyond-run-timeout")}, nil, `0 durable: step "s" failed: beyond-run-timeout`,
			`500 Retry=?0 {"type":"/_durable/problems/beyond-run-timeout","title":"A step of the request failed","step":"s","status":500}`, "PUT s"},
		{"502", []func(http.ResponseWriter){problem(502, "record-unreadable")}, nil, "", `500 Retry=?1`, "PUT s"},
		{"503 at last", []func(http.ResponseWriter){problem(503, "store-unavailable"), problem(503, "store-full"), says(201, "")}, nil,
			"1 <nil>", "200",
			"PUT s; PUT s; PUT s"},
		{"503 for ever", []func(http.ResponseWriter){problem(503, "store-unavailable")}, nil, "", `500 Retry=?1`,
			"PUT s; PUT s; PUT s; PUT s; PUT s"},
		{"lost answers", []func(http.ResponseWriter){cutOff, cutOff, says(201, "")}, nil, "1 <nil>", "200", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newScriptedGateway(t).on("s", test.answers...)
			var got string
			executed := 0
			response := serve(g.attempt(), func(ctx context.Context) error {
				v, err := Run(ctx, "s", func(context.Context) (int, error) {
					executed++
					return 1, test.err
				})
				got = fmt.Sprint(v, " ", err)
				if err == nil {
					return nil
				}
				if test.response == "500 Retry=?1" || strings.HasPrefix(test.response, "503") {
					// Nothing begins after it, and what the handler makes of it does not count.
					if err := Exec(ctx, "next", failing(nil)); err == nil {
						t.Error("a step began in an attempt that is over")
					}
					return nil
				}
				return fmt.Errorf("wrapped: %w", err)
			})
			if text := described(response); test.response == "500 Retry=?1" || strings.HasPrefix(test.response, "503") {
				if !strings.HasPrefix(text, test.response) {
					t.Errorf("response %s", text)
				}
			} else {
				equal(t, "response", text, test.response)
			}
			if test.want != "" {
				equal(t, "result", got, test.want)
			}
			if test.calls != "" {
				equal(t, "calls", g.asked(), test.calls)
			}
			equal(t, "executions", executed, 1)
		})
	}
}

func TestCalls_404And503_GoToTheNextAddressAndStayThere(t *testing.T) {
	for name, answer := range map[string]func(http.ResponseWriter){"404": problem(404, "run-unknown"), "503": problem(503,
		"store-unavailable"), "cut": cutOff} {
		t.Run(name, func(t *testing.T) {
			first := newScriptedGateway(t).on("a", answer)
			second := newScriptedGateway(t)
			callbacks := first.server.URL + "/_durable/v1/runs/" + testRun + " ,  " + second.server.URL + "/_durable/v1/runs/" + testRun
			response := serve(first.attempt(hCallback, callbacks), func(ctx context.Context) error {
				_, err := Run(ctx, "a", giving(1))
				if err != nil {
					return err
				}
				_, err = Run(ctx, "b", giving(2))
				return err
			})
			equal(t, "response", described(response), "200")
			equal(t, "the second", second.asked(), "PUT a; PUT b")
			if name == "404" {
				equal(t, "the first", first.asked(), "PUT a")
			}
		})
	}
}

func TestRun_ErrorsOfTheFunction_SayHowToGoOn(t *testing.T) {
	for _, test := range []struct {
		name, want string
		err        error
		options    []StepOption
	}{
		{"plain", "PUT s failed", errors.New("x"), nil},
		{"non-retryable, wrapped", "PUT s failed ?0", fmt.Errorf("w: %w", NonRetryable(errors.New("x"))), nil},
		{"retry after", "PUT s failed 1.5", RetryAfter(1500*time.Millisecond, errors.New("x")), nil},
		{"at most once", "PUT s started; PUT s failed ?0", errors.New("x"), []StepOption{AtMostOnce()}},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newScriptedGateway(t)
			if test.name == "at most once" {
				g.on("s", says(201, ""))
			}
			serve(g.attempt(), func(ctx context.Context) error { return Exec(ctx, "s", failing(test.err), test.options...) })
			equal(t, "calls", g.asked(), test.want)
		})
	}
}

func TestRun_Options_AreToldToTheGateway(t *testing.T) {
	g := newScriptedGateway(t)
	serve(g.attempt(), func(ctx context.Context) error {
		return Exec(ctx, "s", failing(errors.New("x")),
			WithMaxAttempts(3), WithRetryDelay(1500*time.Millisecond), WithMaxRetryDelay(time.Minute), WithBackoff(Linear))
	})
	equal(t, "header", g.of("s").header.Get(hStepRetry), "max-attempts=3, delay=1.5, max-delay=60.0, backoff=linear")
}

func TestRun_Timeout_IsAFailedTry(t *testing.T) {
	g := newScriptedGateway(t)
	response := serve(g.attempt(), func(ctx context.Context) error {
		return Exec(ctx, "s", func(ctx context.Context) error {
			<-ctx.Done()
			return ctx.Err()
		}, WithTimeout(time.Millisecond))
	})
	equal(t, "response", described(response), "202 Suspended=?1")
	if body := g.of("s").body; !strings.Contains(body, "did not finish within its timeout of 0.001 s") {
		t.Error(body)
	}
}

func TestRun_Panic_IsAFailedTryWithItsStack(t *testing.T) {
	g := newScriptedGateway(t)
	response := serve(g.attempt(), func(ctx context.Context) error {
		return Exec(ctx, "s", func(context.Context) error {
			var order *charge
			_ = order.ID //nolint:staticcheck // It panics.
			return nil
		})
	})
	equal(t, "response", described(response), "202 Suspended=?1")
	stored := parseProblem([]byte(g.of("s").body))
	if !strings.Contains(stored.Detail, "nil pointer") || !strings.Contains(stored.Stack, "step_test.go") ||
		len(stored.Stack) > maxStackBytes {
		t.Errorf("%+v", stored)
	}
}

func TestAtMostOnce_EarlierAttemptBeganIt_IsNotExecuted(t *testing.T) {
	g := newScriptedGateway(t).on("s", says(200, `{"type":"/_durable/problems/step-interrupted","title":"x"}`, hStepOutcome, "failed"))
	serve(g.attempt(), func(ctx context.Context) error {
		err := Exec(ctx, "s", func(context.Context) error {
			t.Error("executed")
			return nil
		}, AtMostOnce())
		if !errors.Is(err, ErrStepInterrupted) || errors.Is(err, ErrStepTimeout) {
			t.Error(err)
		}
		return nil
	})
}

func TestHandler_FailureForGood_TellsClientsOnlyWhatIsMeantForThem(t *testing.T) {
	declined := &NonRetryableError{Message: "acquirer says 51", ClientMessage: "Your card was declined."}
	for _, test := range []struct {
		name    string
		f       func(ctx context.Context) error
		options []HandlerOption
		want    string
	}{
		{"of a step", func(ctx context.Context) error { return Exec(ctx, "charge", failing(declined)) }, nil,
			`500 Retry=?0 {"title":"A step of the request failed","detail":"Your card was declined.","step":"charge","status":500}`},
		{"of the handler", func(context.Context) error { return declined }, nil,
			`500 Retry=?0 {"title":"The request failed","detail":"Your card was declined.","status":500}`},
		{"for developers", func(ctx context.Context) error {
			return Exec(ctx, "charge", failing(NonRetryable(io.ErrUnexpectedEOF)))
		},
			[]HandlerOption{WithErrorDetails()},
			`500 Retry=?0 {"title":"*errors.errorString","detail":"unexpected EOF","exceptionType":"*errors.errorString","step":"charge",` +
				`"status":500}`},
		{"that panics", func(ctx context.Context) error { panic(Exec(ctx, "charge", failing(declined))) }, nil,
			`500 Retry=?0 {"title":"A step of the request failed","detail":"Your card was declined.","step":"charge","status":500}`},
		{"of another service", func(ctx context.Context) error {
			return &StepError{Step: "bill", Problem: Problem{Type: "https://bank.example/broke", Title: "x", Detail: "secret"}}
		}, nil, `500 Retry=?0 {"title":"A step of the request failed","step":"bill","status":500}`},
		{"any other", func(context.Context) error { return errors.New("secret") }, nil, `500 {"title":"The request failed","status":500}`},
		{"misuse", func(ctx context.Context) error { return Exec(ctx, "", failing(nil)) }, nil,
			`500 Retry=?0 {"title":"The request failed","status":500}`},
		{"misuse, for developers", func(ctx context.Context) error { return Exec(ctx, "", failing(nil)) }, []HandlerOption{WithErrorDetails()},
			`500 Retry=?0 {"title":"A durable step is used wrongly","detail":"durable: a step has no name; give each step its own name, ` +
				`because the name identifies the stored outcome","exceptionType":"*durable.UsageError","status":500}`},
		{"that is handled", func(ctx context.Context) error { _ = Exec(ctx, "charge", failing(declined)); return nil }, nil, "200"},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newScriptedGateway(t)
			equal(t, "response", described(serve(g.attempt(), test.f, test.options...)), test.want)
		})
	}
}

func TestHandler_UnknownVersionOrHeaders_Answers500AndSaysSo(t *testing.T) {
	g := newScriptedGateway(t)
	never := func(context.Context) error {
		t.Error("the handler was executed")
		return nil
	}
	if text := described(serve(g.attempt(hProtocol, "2"), never)); !strings.HasPrefix(text, "500 Retry=?1") || !strings.Contains(text,
		`version \"2\"`) {
		t.Error(text)
	}
	for _, header := range [][]string{
		{hAttempt, "x"}, {hAttempt, "-1"}, {hRunID, ""}, {hToken, ""}, {hCallback, "ftp://x"}, {hCallback, ""}, {hSteps, `"a`}, {hSteps,
			`a;ok=:MQ==:`},
		{hSteps, `"a";ok=:M:`}, {hStepCount, "many"},
	} {
		if text := described(serve(g.attempt(header...), never)); !strings.HasPrefix(text, "500 Retry=?1") {
			t.Error(header, text)
		}
	}
}

func TestHandler_Panic_ReachesTheServer(t *testing.T) {
	g := newScriptedGateway(t)
	defer func() {
		equal(t, "panic", fmt.Sprint(recover()), "boom")
	}()
	serve(g.attempt(), func(context.Context) error { panic("boom") })
}

func TestHandler_ResponseBeforeSuspension_IsReplaced(t *testing.T) {
	g := newScriptedGateway(t)
	response := serveHTTP(g.attempt(), func(w http.ResponseWriter, r *http.Request) error {
		w.Header().Set("X-Half", "done")
		if err := Sleep(r.Context(), "nap", time.Hour); err != nil {
			http.Error(w, err.Error(), http.StatusTeapot)
		}
		return nil
	})
	equal(t, "response", described(response), "202 Suspended=?1")
	equal(t, "header", response.Header.Get("X-Half"), "")
}

func TestHandler_FlushedResponse_StreamsAndIsCutWhereTheAttemptIsSuspended(t *testing.T) {
	g := newScriptedGateway(t)
	first := make(chan struct{})
	server := httptest.NewServer(HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
		_, _ = io.WriteString(w, "first,")
		w.(http.Flusher).Flush()
		<-first
		if r.Header.Get("X-Ends") != "" {
			_, err := io.WriteString(w, "last")
			return err
		}
		return Sleep(r.Context(), "nap", time.Hour)
	}, WithLog(nil), WithBuild("b"), WithSuspendAfter(time.Millisecond)))
	defer server.Close()
	go func() { first <- struct{}{}; first <- struct{}{} }()
	for _, ends := range []bool{true, false} {
		r := g.attempt()
		request, _ := http.NewRequest(http.MethodPost, server.URL, nil)
		request.Header = r.Header
		if ends {
			request.Header.Set("X-Ends", "1")
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		begun := make([]byte, 6)
		_, _ = io.ReadFull(response.Body, begun)
		rest, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		equal(t, "begun", string(begun), "first,")
		equal(t, "build", response.Header.Get(hBuild), `"b"`)
		if ends {
			equal(t, "rest", fmt.Sprint(string(rest), err), "last<nil>")
		} else if err == nil {
			t.Error("a response that does not end the run was not cut off")
		}
	}
}

func TestHandler_LargeResponse_PassesWhole(t *testing.T) {
	g := newScriptedGateway(t)
	response := serveHTTP(g.attempt(), func(w http.ResponseWriter, _ *http.Request) error {
		for i := 0; i < 10; i++ {
			if _, err := w.Write(make([]byte, 10_000)); err != nil {
				return err
			}
		}
		return nil
	})
	body, _ := io.ReadAll(response.Body)
	equal(t, "bytes", len(body), 100_000)
}

func TestHandler_Mismatch_IsToldWhereTheHandlerFinished(t *testing.T) {
	g := newScriptedGateway(t)
	steps := hSteps
	value := `"old";ok=:MQ==:, "nap";ok=::;t=sleep, "kept";ok=:MQ==:`
	handler := func(err error) func(context.Context) error {
		return func(ctx context.Context) error {
			_, _ = Run(ctx, "kept", giving(0))
			_ = Exec(ctx, "nap", failing(nil))
			return err
		}
	}
	equal(t, "finished", described(serve(g.attempt(steps, value), handler(nil))), `200 Mismatch="old";unused, "nap";stored=sleep;asked=run`)
	equal(t, "failed", described(serve(g.attempt(steps, value), handler(errors.New("x")))),
		`500 Mismatch="nap";stored=sleep;asked=run {"title":"The request failed","status":500}`)
}

func TestHandler_Cancelled_WritesNothingAndRollsNothingBack(t *testing.T) {
	for _, test := range []struct {
		name, calls string
		err         func(cause error) error
	}{
		{"what a library gives", "", func(cause error) error { return fmt.Errorf("db: %v", cause) }},
		{"a wrapped failure", "", NonRetryable},
		{"a stated failure", "PUT pay failed ?0; PUT undo", func(error) error { return &NonRetryableError{Message: "declined"} }},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := newScriptedGateway(t)
			ctx, cancel := context.WithCancel(context.Background())
			serve(g.attempt(hFinalAttempt, "?1").WithContext(ctx), func(ctx context.Context) error {
				OnRollback(ctx, "undo", failing(nil))
				return Exec(ctx, "pay", func(ctx context.Context) error {
					cancel()
					<-ctx.Done()
					return test.err(ctx.Err())
				})
			})
			// The compensation of a cancelled request is left to the next attempt, which fails by the same step.
			equal(t, "calls", g.asked(), strings.Split(test.calls, ";")[0])
		})
	}
}

func TestRun_WithoutGateway_JustExecutes(t *testing.T) {
	tries := 0
	request := httptest.NewRequest(http.MethodPost, "/", nil)
	response := serveHTTP(request, func(w http.ResponseWriter, r *http.Request) error {
		ctx := r.Context()
		if Info(ctx).IsDurable() {
			t.Error("durable without a gateway")
		}
		got, err := Run(ctx, "flaky", func(context.Context) (int, error) {
			if tries++; tries < 3 {
				return 0, errors.New("busy")
			}
			return tries, nil
		}, WithMaxAttempts(3), WithRetryDelay(0))
		if err != nil {
			return err
		}
		if err := Sleep(ctx, "nap", time.Millisecond); err != nil {
			return err
		}
		_, err = WaitForEvent[int](ctx, "paid", "order.paid")
		var usage *UsageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), "did not come through one") {
			t.Error(err)
		}
		_, err = fmt.Fprint(w, got)
		return err
	})
	equal(t, "response", described(response), "200 3")
}

func TestOnRollback_WithoutGateway_UndoesAfterAnyError(t *testing.T) {
	var undone []string
	response := serve(httptest.NewRequest(http.MethodPost, "/", nil), func(ctx context.Context) error {
		for _, name := range []string{"a", "b"} {
			name := name
			OnRollback(ctx, name, func(context.Context) error {
				undone = append(undone, name)
				return nil
			})
		}
		return errors.New("boom")
	})
	equal(t, "undone", strings.Join(undone, ","), "b,a")
	equal(t, "response", described(response), `500 {"title":"The request failed","status":500}`)
}

func TestSteps_ContextOfNoHandler_SaysWhatToDo(t *testing.T) {
	_, err := Run(context.Background(), "a", giving(1))
	var usage *UsageError
	if !errors.As(err, &usage) || !strings.Contains(err.Error(), "durable.Handler") {
		t.Error(err)
	}
}

func TestSteps_Nested_AreRefused(t *testing.T) {
	g := newScriptedGateway(t)
	serve(g.attempt(), func(ctx context.Context) error {
		return Exec(ctx, "outer", func(ctx context.Context) error {
			err := Exec(ctx, "inner", failing(nil))
			if err == nil || !strings.Contains(err.Error(), "do not nest") {
				t.Error(err)
			}
			return nil
		})
	})
}

func TestRun_Results_AreKeptAsTheirTypeSays(t *testing.T) {
	g := newScriptedGateway(t)
	serve(g.attempt(), func(ctx context.Context) error {
		bytes, err := Run(ctx, "bytes", giving([]byte{0, 1, 255}))
		equal(t, "bytes", fmt.Sprint(bytes, err), "[0 1 255] <nil>")
		stream, err := Run(ctx, "stream", func(context.Context) (io.Reader, error) { return strings.NewReader("abc"), nil })
		text, _ := io.ReadAll(stream)
		equal(t, "stream", fmt.Sprint(string(text), err), "abc<nil>")
		nothing, err := Run(ctx, "nothing", giving[[]byte](nil))
		equal(t, "nothing", fmt.Sprint(nothing, err), "[] <nil>")
		number, err := Run(ctx, "any", giving[any](map[string]int{"n": 1}))
		equal(t, "any", fmt.Sprintf("%v %T %v", number, number.(map[string]any)["n"], err), "map[n:1] float64 <nil>")
		pointer, err := Run(ctx, "nil", giving[*charge](nil))
		equal(t, "nil", fmt.Sprint(pointer, err), "<nil> <nil>")
		_, err = Run(ctx, "lost", giving(struct{ a, b int }{1, 2}))
		if err == nil || !strings.Contains(err.Error(), "JSON cannot store") {
			t.Error(err)
		}
		_, err = Run(ctx, "chan", giving(make(chan int)))
		if err == nil || !strings.Contains(err.Error(), "cannot be serialized to JSON") {
			t.Error(err)
		}
		when, err := Run(ctx, "time", giving(time.Unix(1, 5).UTC()))
		equal(t, "time", fmt.Sprint(when.Nanosecond(), err), "5 <nil>")
		return nil
	})
	equal(t, "type of bytes", g.of("bytes").header.Get(hContentType), bytesType)
	equal(t, "bytes on the wire", g.of("bytes").body, "\x00\x01\xff")
	equal(t, "stream on the wire", g.of("stream").body, "abc")
}

func TestRun_StoredResultOfAnotherShape_FailsTheAttempt(t *testing.T) {
	g := newScriptedGateway(t)
	name, value := stored(`s=ok:"text"`)
	text := described(serve(g.attempt(name, value), func(ctx context.Context) error {
		_, err := Run(ctx, "s", giving(1))
		return err
	}, WithErrorDetails()))
	if !strings.HasPrefix(text, "500 Retry=?1") || !strings.Contains(text, "cannot be read as int") {
		t.Error(text)
	}
}
