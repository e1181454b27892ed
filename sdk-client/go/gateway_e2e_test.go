package durable_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"durable-gateway.example/durable"
	"durable-gateway.example/durable/client"
)

// realGateway starts the gateway of the environment variable GATEWAY in front of a handler, and gives its public and its control address.
func realGateway(t *testing.T, h http.Handler) (public, control string) {
	t.Helper()
	program := os.Getenv("GATEWAY")
	if program == "" {
		if strings.Contains(os.Getenv("DURABLE_TESTS_REQUIRE"), "go") {
			t.Fatal("GATEWAY names no gateway.dll, and DURABLE_TESTS_REQUIRE asks for one")
		}
		t.Skip("GATEWAY names no gateway.dll: not tried against a real gateway")
	}
	service := httptest.NewServer(h)
	t.Cleanup(service.Close)
	public, control = freeURL(t), freeURL(t)
	log := &strings.Builder{}
	gateway := exec.Command("dotnet", program, "--upstream", service.URL, "--Durable:Listeners:Public="+public,
		"--Durable:Listeners:Control="+control,
		"--Durable:Store:DataDirectory="+t.TempDir(), "--Durable:Policies:default:Retry:Delay=00:00:00.100",
		"--Durable:Policies:default:AllowCancel=true")
	gateway.Stdout, gateway.Stderr = log, log
	if err := gateway.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = gateway.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = gateway.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			_ = gateway.Process.Kill()
			<-ended
		}
		if t.Failed() {
			t.Log(log)
		}
	})
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(50 * time.Millisecond) {
		if response, err := http.Get(control + "/readyz"); err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return public, control
			}
		}
		select {
		case <-ended:
			t.Fatalf("the gateway has ended:\n%s", log)
		default:
		}
		if time.Now().After(deadline) {
			t.Fatal("the gateway is not ready")
		}
	}
}

func freeURL(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	return "http://" + listener.Addr().String()
}

// TestRealGateway has one gateway for what is tried against it: its start takes longer than the rest.
func TestRealGateway(t *testing.T) {
	mux := http.NewServeMux()
	route := func(path string, f func(w http.ResponseWriter, r *http.Request) error) {
		mux.Handle(path, durable.HandlerFunc(f, durable.WithLog(nil)))
	}
	var searches, reservations, undone int32
	route("/booking", func(w http.ResponseWriter, r *http.Request) error {
		order, _ := io.ReadAll(r.Body)
		flight, err := durable.Run(r.Context(), "search ä/1", func(context.Context) (string, error) {
			atomic.AddInt32(&searches, 1)
			return "DG 417", nil
		})
		if err != nil {
			return err
		}
		group := durable.NewGroup(r.Context())
		group.Go(func(ctx context.Context) error {
			return durable.Exec(ctx, "reserve", func(context.Context) error {
				if atomic.AddInt32(&reservations, 1) < 3 {
					return errors.New("the airline is busy")
				}
				return nil
			})
		})
		group.Go(func(ctx context.Context) error { return durable.Sleep(ctx, "nap", 50*time.Millisecond) })
		if err := group.Wait(); err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "%s on %s", order, flight)
		return err
	})
	route("/refused", func(_ http.ResponseWriter, r *http.Request) error {
		durable.OnRollback(r.Context(), "undo", func(context.Context) error {
			atomic.AddInt32(&undone, 1)
			return nil
		})
		return durable.Exec(r.Context(), "pay", func(context.Context) error {
			return &durable.NonRetryableError{Message: "code 51", ClientMessage: "Your card was declined."}
		})
	})
	route("/waits", func(w http.ResponseWriter, r *http.Request) error {
		paid, err := durable.WaitForEvent[string](r.Context(), "paid", "order.paid", durable.WithKey("o-1"), durable.WithTimeout(time.Minute))
		if err != nil {
			return err
		}
		_, err = io.WriteString(w, paid)
		return err
	})
	route("/pays", func(w http.ResponseWriter, r *http.Request) error {
		woken, err := durable.SendEvent(r.Context(), "tell", "order.paid", "nine", durable.WithKey("o-1"))
		if err != nil {
			return err
		}
		_, err = fmt.Fprint(w, woken)
		return err
	})
	route("/asks", func(w http.ResponseWriter, r *http.Request) error {
		answer, err := durable.WaitForCallback[[]byte](r.Context(), "approve", func(ctx context.Context, url string) error {
			request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader("yes"))
			if err != nil {
				return err
			}
			response, err := http.DefaultClient.Do(request)
			if err != nil {
				return err
			}
			return response.Body.Close()
		}, durable.WithTimeout(time.Minute))
		if err != nil {
			return err
		}
		woken, err := durable.Invoke[int](r.Context(), "invoke", "/pays?x=1", nil)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(w, "%s %d", answer, woken)
		return err
	})
	route("/many", func(w http.ResponseWriter, r *http.Request) error {
		sum := 0
		for i := 0; i < 200; i++ {
			n, err := durable.Run(r.Context(), "n", func(context.Context) ([]byte, error) { return make([]byte, 100), nil })
			if err != nil {
				return err
			}
			sum += len(n)
		}
		if durable.Info(r.Context()).Attempt == 1 {
			return errors.New("once more")
		}
		_, err := fmt.Fprint(w, sum)
		return err
	})
	route("/sleeps", func(_ http.ResponseWriter, r *http.Request) error {
		return durable.Sleep(r.Context(), "nap", time.Hour)
	})
	public, _ := realGateway(t, mux)

	post := func(t *testing.T, path string, options ...client.Option) (int, string) {
		t.Helper()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		t.Cleanup(cancel)
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, public+path, strings.NewReader("order 7"))
		if err != nil {
			t.Fatal(err)
		}
		var c client.Client
		response, err := c.Do(request, options...)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = response.Body.Close() }()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response.StatusCode, string(body)
	}
	t.Run("steps are executed once, and failed ones again", func(t *testing.T) {
		var steps []string
		status, body := post(t, "/booking", client.OnProgress(func(p client.Progress) {
			if p.Event == "step" && p.State == "completed" {
				steps = append(steps, p.Step)
			}
		}))
		if status != 200 || body != "order 7 on DG 417" || searches != 1 || reservations != 3 {
			t.Error(status, body, searches, reservations)
		}
		if len(steps) != 3 || steps[0] != "search ä/1" {
			t.Error(steps)
		}
	})
	t.Run("a final failure is undone and told", func(t *testing.T) {
		status, body := post(t, "/refused")
		if status != 500 || undone != 1 ||
			body != `{"title":"A step of the request failed","detail":"Your card was declined.","step":"pay","status":500}` {
			t.Error(status, body, undone)
		}
	})
	t.Run("an event comes", func(t *testing.T) {
		waited := make(chan string)
		go func() {
			_, body := post(t, "/waits")
			waited <- body
		}()
		if _, body := post(t, "/pays"); body != "0" && body != "1" {
			t.Error(body)
		}
		if body := <-waited; body != "nine" {
			t.Error(body)
		}
	})
	t.Run("a callback is called, and another route", func(t *testing.T) {
		if status, body := post(t, "/asks"); status != 200 || !strings.HasPrefix(body, "yes ") {
			t.Error(status, body)
		}
	})
	t.Run("outcomes beyond the header are read", func(t *testing.T) {
		if status, body := post(t, "/many"); status != 200 || body != "20000" {
			t.Error(status, body)
		}
	})
	t.Run("a run is cancelled", func(t *testing.T) {
		var c client.Client
		known := make(chan string, 1)
		ended := make(chan int)
		go func() {
			status, _ := post(t, "/sleeps", client.OnResultURL(func(u string) { known <- u }))
			ended <- status
		}()
		if err := c.Cancel(context.Background(), <-known); err != nil {
			t.Error(err)
		}
		if status := <-ended; status != http.StatusGone {
			t.Error(status)
		}
	})
}
