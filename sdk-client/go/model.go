package durable

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
)

// ModelPrice is what a model costs for a million tokens, in any currency.
type ModelPrice struct {
	// Input is the price of what the model reads, and Output of what it writes.
	Input  float64
	Output float64
}

// WithModelPrices says what models cost, by the model's name, or how it begins, for [CallModel]. Without it no cost is kept.
func WithModelPrices(prices map[string]ModelPrice) HandlerOption {
	return func(c *config) { c.prices = prices }
}

// CallModel calls a model as a step: it is [Run] with the request apart. What went in and what it cost is kept beside the result, by the
// names of OpenTelemetry's semantic conventions, and shown with the step in the dashboard. It is found in the JSON of the request and
// of the result, whatever their types are; those of the APIs of OpenAI, Anthropic and Google are understood.
//
// The result is kept as JSON. A stream of tokens cannot be: use the form of the call that returns the complete response.
func CallModel[Q, R any](
	ctx context.Context, name string, request Q, call func(ctx context.Context, request Q) (R, error), options ...StepOption,
) (R, error) {
	c := codec[R]{contentType: modelType, read: readJSON[R], empty: true}
	c.write = func(result R) ([]byte, error) {
		body, err := writeJSON(result)
		if err != nil {
			return nil, err
		}
		var prices map[string]ModelPrice
		if s, ok := scopeOf(ctx); ok {
			prices = s.branch.attempt.config.prices
		}
		return json.Marshal(modelCall{body, attributesOf(request, body, prices)})
	}
	return run(ctx, name, c, func(ctx context.Context, _ string) (R, error) { return call(ctx, request) }, stepConfigOf(options))
}

type modelCall struct {
	Result     json.RawMessage `json:"result"`
	Attributes map[string]any  `json:"attributes,omitempty"`
}

// resultIn gives the result of a step without what a model call keeps beside it.
func resultIn(contentType string, body []byte) ([]byte, error) {
	if mediaTypeOf(contentType) != modelType {
		return body, nil
	}
	var kept modelCall
	if err := json.Unmarshal(body, &kept); err != nil {
		return nil, err
	}
	if kept.Result == nil {
		return nil, errors.New("a model call has no result")
	}
	return kept.Result, nil
}

// mediaTypeOf gives a content type without its parameters.
func mediaTypeOf(contentType string) string {
	return strings.ToLower(strings.TrimSpace(strings.Split(contentType, ";")[0]))
}

// attributesOf tells what a call was asked and what it used, as far as it can be told.
func attributesOf(request any, result []byte, prices map[string]ModelPrice) map[string]any {
	asked, given := map[string]any{}, map[string]any{}
	// A request without a form in JSON does not fail the step: what is told of it is for people.
	if body, err := json.Marshal(request); err == nil {
		_ = json.Unmarshal(body, &asked)
	}
	_ = json.Unmarshal(result, &given)
	usage, _ := firstOf(given, "usage", "usageMetadata", "usage_metadata").(map[string]any)
	wanted, _ := firstOf(asked, "model").(string)
	model, _ := firstOf(given, "model", "modelVersion", "model_version").(string)
	if model == "" {
		model = wanted
	}
	if wanted == "" {
		wanted = model
	}
	input := firstOf(usage, "input_tokens", "prompt_tokens", "promptTokenCount", "inputTokens", "promptTokens")
	output := firstOf(usage, "output_tokens", "completion_tokens", "candidatesTokenCount", "outputTokens", "completionTokens")
	attributes := map[string]any{}
	for name, value := range map[string]any{
		"gen_ai.system_instructions": firstOf(asked, "system", "instructions", "systemInstruction", "system_instruction"),
		"gen_ai.input.messages":      firstOf(asked, "messages", "prompt", "input", "contents"),
		"gen_ai.usage.input_tokens":  input,
		"gen_ai.usage.output_tokens": output,
	} {
		if value != nil {
			attributes[name] = value
		}
	}
	if model == "" {
		return attributes
	}
	attributes["gen_ai.request.model"], attributes["gen_ai.response.model"] = wanted, model
	if price, ok := priceOf(model, prices); ok {
		read, _ := input.(float64)
		written, _ := output.(float64)
		attributes["gen_ai.usage.cost"] = (read*price.Input + written*price.Output) / 1e6
	}
	return attributes
}

// firstOf gives the first member that is there, by its name in any case: structs without tags have theirs in upper case.
func firstOf(members map[string]any, names ...string) any {
	for _, name := range names {
		if value := members[name]; value != nil {
			return value
		}
		for key, value := range members {
			if value != nil && strings.EqualFold(key, name) {
				return value
			}
		}
	}
	return nil
}

// priceOf gives the price of the model, or of the longest name that it begins with: gpt-4o is also gpt-4o-2024-08-06.
func priceOf(model string, prices map[string]ModelPrice) (ModelPrice, bool) {
	longest, found := "", false
	for name := range prices {
		if strings.HasPrefix(model, name) && (!found || len(name) > len(longest)) {
			longest, found = name, true
		}
	}
	return prices[longest], found
}
