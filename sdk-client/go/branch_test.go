package durable

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// long is a time of quiet that no test waits for.
const long = time.Hour

func TestNames_SecondUse_IsNumberedAndEncoded(t *testing.T) {
	g := newScriptedGateway(t)
	names := []string{"a", "a", "a/b", "ä ö", "a%2Fb", "a", "~-._", strings.Repeat("x", 256)}
	response := serve(g.attempt(), func(ctx context.Context) error {
		for _, name := range names {
			if err := Exec(ctx, name, failing(nil)); err != nil {
				return err
			}
		}
		return nil
	})
	equal(t, "response", described(response), "200")
	equal(t, "calls", g.asked(), "PUT a; PUT a#2; PUT a/b; PUT ä ö; PUT a%2Fb; PUT a#3; PUT ~-._; PUT "+strings.Repeat("x", 256))
}

func TestNames_Impossible_AreRefused(t *testing.T) {
	g := newScriptedGateway(t)
	serve(g.attempt(), func(ctx context.Context) error {
		_ = Exec(ctx, "used#2", failing(nil))
		_ = Exec(ctx, "used", failing(nil))
		for _, name := range []string{"", ".", "..", "a\x00b", "\xff", strings.Repeat("x", 257), "rollback begun", "used"} {
			var usage *UsageError
			if err := Exec(ctx, name, failing(nil)); !errors.As(err, &usage) {
				t.Errorf("%q: %v", name, err)
			}
		}
		return nil
	})
	equal(t, "calls", g.asked(), "PUT used#2; PUT used")
}

func TestNames_OfBranches_AreJudgedByWhatIsCertainToComeBefore(t *testing.T) {
	for _, test := range []struct {
		name    string
		f       func(ctx context.Context) error
		refused bool
	}{
		{"two branches", func(ctx context.Context) error {
			g := NewGroup(ctx)
			first := make(chan struct{})
			g.Go(func(ctx context.Context) error { defer close(first); return Exec(ctx, "n", failing(nil)) })
			g.Go(func(ctx context.Context) error { <-first; return Exec(ctx, "n", failing(nil)) })
			return g.Wait()
		}, true},
		{"a branch after the handler", func(ctx context.Context) error {
			_ = Exec(ctx, "n", failing(nil))
			g := NewGroup(ctx)
			g.Go(func(ctx context.Context) error { return Exec(ctx, "n", failing(nil)) })
			return g.Wait()
		}, false},
		{"the handler after a branch", func(ctx context.Context) error {
			g := NewGroup(ctx)
			g.Go(func(ctx context.Context) error { return Exec(ctx, "n", failing(nil)) })
			_ = g.Wait()
			return Exec(ctx, "n", failing(nil))
		}, false},
		{"the handler while a branch is under way", func(ctx context.Context) error {
			g := NewGroup(ctx)
			branch := Go(g, func(ctx context.Context) (int, error) { return Run(ctx, "n", giving(1)) })
			<-branch.Done()
			return Exec(ctx, "n", failing(nil))
		}, true},
		{"a branch after the handler went on", func(ctx context.Context) error {
			g := NewGroup(ctx)
			ready := make(chan struct{})
			g.Go(func(ctx context.Context) error { <-ready; return Exec(ctx, "n", failing(nil)) })
			_ = Exec(ctx, "n", failing(nil))
			close(ready)
			return g.Wait()
		}, true},
		{"groups one after the other", func(ctx context.Context) error {
			for i := 0; i < 2; i++ {
				g := NewGroup(ctx)
				g.Go(func(ctx context.Context) error {
					inner := NewGroup(ctx)
					inner.Go(func(ctx context.Context) error { return Exec(ctx, "n", failing(nil)) })
					return inner.Wait()
				})
				if err := g.Wait(); err != nil {
					return err
				}
			}
			return nil
		}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			text := described(serve(newScriptedGateway(t).attempt(), test.f, WithErrorDetails()))
			if refused := strings.Contains(text, "use the name"); refused != test.refused {
				t.Error(text)
			}
		})
	}
}

func TestNames_OfStepsThatRunAtTheSameTime_AreRefused(t *testing.T) {
	g := newScriptedGateway(t)
	text := described(serve(g.attempt(), func(ctx context.Context) error {
		return Exec(ctx, "n", func(context.Context) error {
			// The handler's own context: the SDK cannot tell that it is the step.
			return Exec(ctx, "n", failing(nil))
		})
	}, WithErrorDetails()))
	if !strings.Contains(text, "run at the same time") {
		t.Error(text)
	}
}

func TestSuspend_GroupOfBranchesThatWait_IsSuspendedAtOnce(t *testing.T) {
	g := newScriptedGateway(t)
	ended := make(chan string, 3)
	response := serve(g.attempt(), func(ctx context.Context) error {
		group := NewGroup(ctx)
		for _, name := range []string{"a", "b"} {
			name := name
			group.Go(func(ctx context.Context) error {
				err := Sleep(ctx, name, time.Hour)
				ended <- fmt.Sprint(name, errors.Is(err, ErrSuspended), errors.Is(err, context.Canceled), ctx.Err() != nil)
				return err
			})
		}
		group.Go(func(ctx context.Context) error {
			// It waits for a group itself.
			inner := NewGroup(ctx)
			inner.Go(func(ctx context.Context) error { return SleepUntil(ctx, "c", time.Now().Add(time.Hour)) })
			return inner.Wait()
		})
		return group.Wait()
	}, WithSuspendAfter(long))
	equal(t, "response", described(response), "202 Suspended=?1")
	for i := 0; i < 2; i++ {
		if text := <-ended; !strings.HasSuffix(text, "true true true") {
			t.Error(text)
		}
	}
}

// untilAttempt polls, in code of a handler, until something holds of its attempt.
func untilAttempt(t *testing.T, ctx context.Context, holds func(a *attempt) bool) {
	s, ok := scopeOf(ctx)
	if !ok {
		t.Error("the context is of no handler")
		return
	}
	for deadline := time.Now().Add(10 * time.Second); !holds(s.branch.attempt); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Error("it did not come in time")
			return
		}
	}
}

func TestSuspend_OneBranchWaits_OthersGoOn(t *testing.T) {
	g := newScriptedGateway(t)
	response := serve(g.attempt(), func(ctx context.Context) error {
		group := NewGroup(ctx)
		group.Go(func(ctx context.Context) error { return Sleep(ctx, "nap", time.Hour) })
		group.Go(func(ctx context.Context) error {
			// Work outside of steps, of a branch that the SDK knows, while the other is parked.
			untilAttempt(t, ctx, func(a *attempt) bool { return a.activity.parkedSteps() == "nap" })
			for i := 0; i < 3; i++ {
				if err := Exec(ctx, "work", failing(nil)); err != nil {
					return err
				}
			}
			return nil
		})
		return group.Wait()
	}, WithSuspendAfter(long))
	equal(t, "response", described(response), "202 Suspended=?1")
	equal(t, "calls", g.asked(), "PUT nap sleep; PUT work; PUT work#2; PUT work#3")
}

func TestSuspend_HandlerHasWaitedForAGroup_GoesOnThoughAnotherBranchWaits(t *testing.T) {
	g := newScriptedGateway(t)
	parked := make(chan struct{})
	g.on("nap", func(w http.ResponseWriter) {
		w.WriteHeader(http.StatusAccepted)
		close(parked)
	})
	response := serve(g.attempt(), func(ctx context.Context) error {
		left := NewGroup(ctx)
		left.Go(func(ctx context.Context) error { return Sleep(ctx, "nap", time.Hour) })
		<-parked
		group := NewGroup(ctx)
		group.Go(func(ctx context.Context) error { return Exec(ctx, "a", failing(nil)) })
		if err := group.Wait(); err != nil {
			return err
		}
		return Exec(ctx, "b", failing(nil))
	}, WithSuspendAfter(long))
	equal(t, "response", described(response), "200")
	equal(t, "calls", g.asked(), "PUT nap sleep; PUT a; PUT b")
}

func TestSuspend_GoroutinesOfTheHandlersOwn_GetTime(t *testing.T) {
	g := newScriptedGateway(t)
	response := serve(g.attempt(), func(ctx context.Context) error {
		go func() {
			// The handler waits already, and the time after which it is suspended has begun.
			untilAttempt(t, ctx, func(a *attempt) bool { return a.activity.parkedSteps() == "nap" })
			_ = Exec(ctx, "work", failing(nil))
		}()
		return Sleep(ctx, "nap", time.Hour)
	}, WithSuspendAfter(500*time.Millisecond))
	equal(t, "response", described(response), "202 Suspended=?1")
	equal(t, "calls", g.asked(), "PUT nap sleep; PUT work")
}

func TestHandler_EndsWhileABranchWaits_ItsAnswerCounts(t *testing.T) {
	g := newScriptedGateway(t)
	left := make(chan error, 1)
	response := serveHTTP(g.attempt(), func(w http.ResponseWriter, r *http.Request) error {
		group := NewGroup(r.Context())
		late := Go(group, func(ctx context.Context) (int, error) {
			err := Sleep(ctx, "patience", time.Hour)
			left <- err
			return 0, err
		})
		paid := Go(group, func(ctx context.Context) (int, error) {
			// Otherwise the handler may end before the other branch has asked for its step.
			untilAttempt(t, ctx, func(a *attempt) bool { return a.activity.parkedSteps() == "patience" })
			return Run(ctx, "paid", giving(9))
		})
		select {
		case <-late.Done():
			t.Error("a step that waits is no result")
		case <-paid.Done():
		}
		value, err := paid.Get()
		if err != nil {
			return err
		}
		_, err = fmt.Fprint(w, value)
		return err
	}, WithSuspendAfter(long))
	equal(t, "response", described(response), "200 9")
	if err := <-left; !errors.Is(err, ErrSuspended) {
		t.Error(err)
	}
}

func TestSuspend_StoredStepsAreStillReturnedAndNoneBegins(t *testing.T) {
	g := newScriptedGateway(t)
	name, value := stored("kept=ok:5")
	response := serve(g.attempt(name, value), func(ctx context.Context) error {
		err := Sleep(ctx, "nap", time.Hour)
		kept, failure := Run(ctx, "kept", giving(0))
		equal(t, "kept", fmt.Sprint(kept, failure), "5 <nil>")
		if failure := Exec(ctx, "cleanup", failing(nil)); !errors.Is(failure, ErrSuspended) {
			t.Error(failure)
		}
		return err
	})
	equal(t, "response", described(response), "202 Suspended=?1")
	equal(t, "calls", g.asked(), "PUT nap sleep")
}

func TestSuspend_FailureForGoodOfABranch_EndsTheRun(t *testing.T) {
	g := newScriptedGateway(t)
	response := serve(g.attempt(), func(ctx context.Context) error {
		group := NewGroup(ctx)
		group.Go(func(ctx context.Context) error { return Sleep(ctx, "nap", time.Hour) })
		group.Go(func(ctx context.Context) error { return Exec(ctx, "pay", failing(NonRetryable(errors.New("no")))) })
		return group.Wait()
	}, WithSuspendAfter(long))
	equal(t, "response", described(response), `500 Retry=?0 {"title":"A step of the request failed","step":"pay","status":500}`)
}

func TestGroup_Wait_GivesTheFirstErrorInTheOrderOfTheBranches(t *testing.T) {
	first, second := errors.New("first"), errors.New("second")
	group := NewGroup(context.Background())
	ready := make(chan struct{})
	group.Go(func(context.Context) error { <-ready; return first })
	group.Go(func(context.Context) error { defer close(ready); return second })
	if err := group.Wait(); err != first {
		t.Error(err)
	}
}

func TestGroup_Wait_FailureForGoodComesBeforeAnother(t *testing.T) {
	forGood := NonRetryable(errors.New("no"))
	group := NewGroup(context.Background())
	for _, err := range []error{ErrSuspended, errors.New("busy"), forGood} {
		err := err
		group.Go(func(context.Context) error { return err })
	}
	if err := group.Wait(); err != forGood {
		t.Error(err)
	}
}

func TestGroup_PanicOfABranch_GoesOnInTheHandler(t *testing.T) {
	defer func() {
		if err, ok := recover().(*PanicError); !ok || err.Value != "boom" {
			t.Error(err)
		}
	}()
	serve(newScriptedGateway(t).attempt(), func(ctx context.Context) error {
		group := NewGroup(ctx)
		group.Go(func(context.Context) error { panic("boom") })
		return group.Wait()
	})
}

func TestStep_ParkedWithAContextOfItsOwn_EndsWithIt(t *testing.T) {
	g := newScriptedGateway(t)
	response := serve(g.attempt(), func(ctx context.Context) error {
		short, cancel := context.WithTimeout(ctx, time.Millisecond)
		defer cancel()
		if err := Sleep(short, "nap", time.Hour); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		return nil
	}, WithSuspendAfter(long))
	equal(t, "response", described(response), "200")
}

func TestRollback_Compensations_AreExecutedInReverseOnce(t *testing.T) {
	g := newScriptedGateway(t)
	var undone []string
	book := func(ctx context.Context, name string, err error) error {
		OnRollback(ctx, "cancel "+name, func(context.Context) error {
			undone = append(undone, name)
			return err
		})
		return Exec(ctx, name, failing(nil))
	}
	handler := func(ctx context.Context) error {
		for _, name := range []string{"flight", "hotel", "car"} {
			var err error
			if name == "hotel" {
				err = &NonRetryableError{Message: "x", ClientMessage: "Call the hotel."}
			}
			if err := book(ctx, name, err); err != nil {
				return err
			}
		}
		return Exec(ctx, "pay", failing(NonRetryable(errors.New("refused"))))
	}
	response := serve(g.attempt(), handler)
	equal(t, "undone", strings.Join(undone, ","), "car,hotel,flight")
	equal(t, "response", described(response),
		`500 Retry=?0 {"title":"A step of the request failed","step":"pay","status":500,"compensationFailures":`+
			`[{"title":"A step of the request failed","detail":"Call the hotel.","step":"cancel hotel"}]}`)
	equal(t, "calls", g.asked(),
		"PUT flight; PUT hotel; PUT car; PUT pay failed ?0; PUT cancel car; PUT cancel hotel failed ?0; PUT cancel flight")
}

func TestRollback_LastAttempt_KeepsTheFailureFirst(t *testing.T) {
	g := newScriptedGateway(t)
	handler := func(ctx context.Context) error {
		OnRollback(ctx, "undo", failing(nil))
		return errors.New("boom")
	}
	equal(t, "an attempt", described(serve(g.attempt(), handler)), `500 {"title":"The request failed","status":500}`)
	equal(t, "the last", described(serve(g.attempt(hFinalAttempt, "?1"), handler)), `500 Retry=?0 {"title":"The request failed","status":500}`)
	equal(t, "calls", g.asked(), "PUT rollback begun failed ?0; PUT undo")
}

func TestRollback_HadBegun_GoesOnAndExecutesNothingElse(t *testing.T) {
	g := newScriptedGateway(t)
	name, value := stored("flight=ok:1", `rollback begun=err:{"title":"x","step":"pay","clientMessage":"Declined."}`, "cancel hotel=ok:")
	response := serve(g.attempt(name, value), func(ctx context.Context) error {
		for _, step := range []string{"flight", "hotel"} {
			if err := Exec(ctx, step, func(context.Context) error {
				t.Error("executed " + step)
				return nil
			}); err != nil && step == "flight" {
				return err
			}
			OnRollback(ctx, "cancel "+step, failing(nil))
		}
		return nil // What failed would succeed now.
	})
	equal(t, "response", described(response),
		`500 Retry=?0 {"title":"A step of the request failed","detail":"Declined.","step":"pay","status":500}`)
	equal(t, "calls", g.asked(), "PUT cancel flight")
}

func TestRollback_AnotherBranchIsBooking_IsUndoneToo(t *testing.T) {
	g := newScriptedGateway(t)
	booking, refused := make(chan struct{}), make(chan struct{})
	response := serve(g.attempt(), func(ctx context.Context) error {
		group := NewGroup(ctx)
		group.Go(func(ctx context.Context) error {
			err := Exec(ctx, "hotel", func(context.Context) error {
				close(booking)
				<-refused
				untilAttempt(t, ctx, func(a *attempt) bool {
					a.activity.mu.Lock()
					defer a.activity.mu.Unlock()
					return a.activity.ended
				})
				return nil
			})
			if err == nil {
				// It may do something before it registers: here until no step is executing, and the handler's end waits for it alone.
				untilAttempt(t, ctx, func(a *attempt) bool {
					a.activity.mu.Lock()
					defer a.activity.mu.Unlock()
					return a.activity.isReleased
				})
				OnRollback(ctx, "cancel hotel", failing(nil))
			}
			return err
		})
		// Otherwise the handler may fail before the other branch has begun.
		<-booking
		err := Exec(ctx, "flight", failing(NonRetryable(errors.New("full"))))
		close(refused)
		return err // It does not wait for the group.
	}, WithSuspendAfter(300*time.Millisecond))
	equal(t, "response", described(response), `500 Retry=?0 {"title":"A step of the request failed","step":"flight","status":500}`)
	equal(t, "calls", g.asked(), "PUT flight failed ?0; PUT hotel; PUT rollback begun failed ?0; PUT cancel hotel")
}

func TestRollback_CompensationIsTriedAgainLater(t *testing.T) {
	g := newScriptedGateway(t)
	response := serve(g.attempt(), func(ctx context.Context) error {
		OnRollback(ctx, "undo", failing(errors.New("busy")))
		return NonRetryable(errors.New("no"))
	})
	equal(t, "response", described(response), "202 Suspended=?1")
	equal(t, "calls", g.asked(), "PUT rollback begun failed ?0; PUT undo failed")
}

func TestOnRollback_Misuse_EndsTheRun(t *testing.T) {
	g := newScriptedGateway(t)
	text := described(serve(g.attempt(), func(ctx context.Context) error {
		return Exec(ctx, "s", func(ctx context.Context) error {
			OnRollback(ctx, "undo", failing(nil))
			return nil
		})
	}, WithErrorDetails()))
	if !strings.HasPrefix(text, "500 Retry=?0") || !strings.Contains(text, "registered inside step") {
		t.Error(text)
	}
}
