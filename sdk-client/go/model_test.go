package durable

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"
)

type modelRequest struct {
	Model  string `json:"model"`
	Prompt string // Without a tag.
}

type modelResult struct {
	Text  string         `json:"text"`
	Model string         `json:"model,omitempty"`
	Usage map[string]int `json:"usage"`
}

func summing(context.Context, modelRequest) (*modelResult, error) {
	return &modelResult{"short", "gpt-4o-2024-08-06", map[string]int{"input_tokens": 1000, "output_tokens": 500}}, nil
}

var prices = WithModelPrices(map[string]ModelPrice{"gpt": {100, 100}, "gpt-4o": {2.5, 10}})

func TestCallModel_KeepsPromptUsageAndCostBesideTheResult(t *testing.T) {
	g := newScriptedGateway(t)
	request := modelRequest{"gpt-4o", "Sum it up"}
	handler := func(ctx context.Context) error {
		got, err := CallModel(ctx, "summary", request, summing)
		if err != nil || got.Text != "short" || got.Usage["output_tokens"] != 500 {
			t.Errorf("got %+v, %v", got, err)
		}
		return nil
	}
	equal(t, "response", described(serve(g.attempt(), handler, prices)), "200")
	put := g.of("summary")
	equal(t, "content type", put.header.Get(hContentType), modelType)
	var kept struct {
		Result     modelResult
		Attributes map[string]any
	}
	if err := json.Unmarshal([]byte(put.body), &kept); err != nil {
		t.Fatal(err)
	}
	if want := map[string]any{
		"gen_ai.request.model":       "gpt-4o",
		"gen_ai.response.model":      "gpt-4o-2024-08-06",
		"gen_ai.input.messages":      "Sum it up",
		"gen_ai.usage.input_tokens":  1000.0,
		"gen_ai.usage.output_tokens": 500.0,
		"gen_ai.usage.cost":          0.0075,
	}; !reflect.DeepEqual(kept.Attributes, want) {
		t.Errorf("attributes %v, not %v", kept.Attributes, want)
	}
	equal(t, "result", kept.Result.Text, "short")

	_, value := stored("summary=ok:" + put.body)
	replay := serve(g.attempt(hSteps, value+`;ct="`+modelType+`"`, hStepCount, "1"), handler, prices)
	equal(t, "replay", described(replay), "200")
	equal(t, "calls", g.asked(), "PUT summary")
}

func TestCallModel_NothingIsKnownOfTheCall_KeepsTheResult(t *testing.T) {
	g := newScriptedGateway(t)
	response := serve(g.attempt(), func(ctx context.Context) error {
		got, err := CallModel(ctx, "a", make(chan int), func(context.Context, chan int) (string, error) { return "plain", nil })
		equal(t, "result", fmt.Sprintf("%s %v", got, err), "plain <nil>")
		return nil
	}, prices)
	equal(t, "response", described(response), "200")
	equal(t, "stored", g.of("a").body, `{"result":"plain"}`)
}

func TestCallModel_OptionsAndFailuresAreThoseOfSteps(t *testing.T) {
	g := newScriptedGateway(t).on("a", says(202, ""))
	response := serve(g.attempt(), func(ctx context.Context) error {
		_, err := CallModel(ctx, "a", modelRequest{}, func(context.Context, modelRequest) (string, error) {
			return "", errors.New("overloaded")
		}, WithMaxAttempts(2), WithRetryDelay(time.Second))
		return err
	})
	equal(t, "response", described(response), "202 Suspended=?1")
	equal(t, "retry", g.of("a").header.Get(hStepRetry), "max-attempts=2, delay=1.0")
}

func TestCallModel_AStreamIsRefused(t *testing.T) {
	g := newScriptedGateway(t)
	serve(g.attempt(), func(ctx context.Context) error {
		_, err := CallModel(ctx, "a", modelRequest{}, func(context.Context, modelRequest) (io.Reader, error) {
			return strings.NewReader("tokens"), nil
		})
		var usage *UsageError
		if !errors.As(err, &usage) {
			t.Errorf("got %v", err)
		}
		return nil
	})
	equal(t, "calls", g.asked(), "")
}

func TestRun_AndCallModelReadWhatTheOtherHasStored(t *testing.T) {
	g := newScriptedGateway(t)
	_, model := stored(`model=ok:{"result":7,"attributes":{}}`)
	_, plain := stored("plain=ok:8")
	response := serve(g.attempt(hSteps, model+`;ct="`+modelType+`", `+plain, hStepCount, "2"), func(ctx context.Context) error {
		a, err := Run(ctx, "model", giving(0))
		b, err2 := CallModel(ctx, "plain", 0, func(context.Context, int) (int, error) { return 0, nil })
		equal(t, "results", fmt.Sprint(a, b, err, err2), "7 8 <nil> <nil>")
		return nil
	})
	equal(t, "response", described(response), "200")
}
