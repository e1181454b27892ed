package durable

// Names of the wire contract.
const (
	hProtocol      = "Durable-Protocol"
	hRunID         = "Durable-Run-Id"
	hAttempt       = "Durable-Attempt"
	hCallback      = "Durable-Callback"
	hToken         = "Durable-Token"
	hExecution     = "Durable-Execution"
	hStepCount     = "Durable-Step-Count"
	hSteps         = "Durable-Steps"
	hStepOutcome   = "Durable-Step-Outcome"
	hStepType      = "Durable-Step-Type"
	hStepFor       = "Durable-Step-For"
	hStepUntil     = "Durable-Step-Until"
	hStepDuration  = "Durable-Step-Duration"
	hRetry         = "Durable-Retry"
	hSuspended     = "Durable-Suspended"
	hFinalAttempt  = "Durable-Final-Attempt"
	hBuild         = "Durable-Build"
	hMismatch      = "Durable-Mismatch"
	hStepRetry     = "Durable-Step-Retry"
	hStepTimeout   = "Durable-Step-Timeout"
	hEventType     = "Durable-Event-Type"
	hEventKey      = "Durable-Event-Key"
	hEventLookback = "Durable-Event-Lookback"
	hCallbackURL   = "Durable-Callback-Url"
	hInvokePath    = "Durable-Invoke-Path"
	hInvokeMethod  = "Durable-Invoke-Method"
	hContentType   = "Content-Type"
	hRetryAfter    = "Retry-After"

	protocolVersion = "1"

	typeRun      = "run"
	typeSleep    = "sleep"
	typeWait     = "wait"
	typeCallback = "callback"
	typeInvoke   = "invoke"

	jsonType     = "application/json"
	problemType  = "application/problem+json"
	bytesType    = "application/octet-stream"
	responseType = "application/vnd.durable.http-response+json"
	// modelType is a model call: {"result":…,"attributes":{…}}.
	modelType = "application/vnd.durable.ai+json"

	problems                = "/_durable/problems/"
	stepTimeoutProblem      = problems + "step-timeout"
	stepInterruptedProblem  = problems + "step-interrupted"
	beyondRunTimeoutProblem = problems + "beyond-run-timeout"
)
