package durabletest_test

import (
	"context"
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

// approval is a handler that waits for somebody else, and ships then.
var approval = durable.HandlerFunc(func(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	decision, err := durable.WaitForCallback[string](ctx, "approve", func(context.Context, string) error { return nil })
	if err != nil {
		return err
	}
	if err := durable.Sleep(ctx, "patience", 7*24*time.Hour); err != nil {
		return err
	}
	_, err = io.WriteString(w, decision)
	return err
})

// TestServe_Approval is how a test of a handler reads. What its steps wait for is said by the test.
func TestServe_Approval(t *testing.T) {
	run := durabletest.New(t)
	run.Complete("approve", "granted")
	response := run.Serve(approval, httptest.NewRequest(http.MethodPost, "/", strings.NewReader("{}")))
	body, _ := io.ReadAll(response.Body)
	if string(body) != "granted" || !reflect.DeepEqual(run.Steps(), []string{"approve handed out", "approve", "patience"}) {
		t.Error(string(body), run.Steps())
	}
}
