using System.Text;
using DurableGateway.Admin;
using DurableGateway.Protocol;
using DurableGateway.Runs;

namespace DurableGateway.Dashboard.Tests.Support;

/// <summary>Sample runs of a shop: most complete, some wait, some fail, and some have unexpected content.</summary>
internal static class Samples
{
    public static DateTimeOffset Now { get; } = TimeProvider.System.GetUtcNow();

    private static readonly (string Route, string Method, string Path)[] Requests =
    [
        ("orders", "POST", "/orders"),
        ("orders", "POST", "/orders/O-20418/payments"),
        ("invoices", "PUT", "/invoices/2026/11/INV-88213"),
        ("shipping-eu-west", "POST", "/shipments?carrier=northwind&service=overnight"),
        ("a-route-whose-name-was-generated-by-a-deployment-tool-eu-central-1-blue-0042", "POST",
            "/v2/tenants/0b1c6a52-7a07-4d0c-9a6b-0c9d0d6f3f55/projects/migration-of-everything/"
                + "jobs/rebuild-search-index-from-scratch?dryRun=false"),
    ];

    public static string[] Routes { get; } = [.. Requests.Select(request => request.Route).Distinct()];

    /// <summary>Adds runs to the list, and the overview.</summary>
    public static void Fill(this FakeRunAdmin admin, int count)
    {
        RunState[] states =
            [RunState.Completed, RunState.Running, RunState.Completed, RunState.Waiting, RunState.Completed, RunState.Failed,
                RunState.Completed, RunState.Cancelled, RunState.Completed];
        for (var i = 0; i < count; i++)
            admin.Put(Simple(Now.AddSeconds(-7 - (i * 13.7)), states[i % states.Length], Requests[i * 7 % Requests.Length], i));
        admin.Overview = Overview();
    }

    public static RunDetail Simple(DateTimeOffset started, RunState state, (string Route, string Method, string Path) request, int seed)
    {
        var ended = state.HasEnded() ? started.AddMilliseconds(140 + (seed * 37 % 9000)) : (DateTimeOffset?)null;
        var row = new RunRow(
            RunId.New(started), request.Route, request.Method, request.Path, state,
            state == RunState.Waiting && seed % 4 == 0, 1 + (seed % 3), started, ended,
            state == RunState.Waiting ? Now.AddSeconds(20 + (seed % 200)) : null, seed % 9, state == RunState.Failed ? 1 : 0,
            state == RunState.Waiting ? 1 : 0,
            state switch { RunState.Completed => 201, RunState.Failed => 500, RunState.Cancelled => 410, _ => null },
            state is RunState.Failed or RunState.Waiting
                ? "The service answered 503: upstream connect error or disconnect/reset before headers."
                : null, 0);
        return new RunDetail(
            row, "orders", Request(request.Method, request.Path), ended is null ? null : Response(),
            [new AttemptView(1, started, ended, "gateway-1", "http://orders-1:5000/", ended is null ? "running" : "completed", null)],
            [], [], "/_durable/v1/results/x");
    }

    public static StoredRequest Request(string method, string path, string? body = null, string type = "application/json") => new()
    {
        Method = method,
        Scheme = "https",
        Protocol = "HTTP/1.1",
        PathBase = "",
        Path = path.Split('?')[0],
        Query = "",
        RawTarget = path,
        RemoteAddress = "203.0.113.9",
        RemotePort = 50312,
        LocalAddress = "10.1.0.4",
        LocalPort = 8080,
        TraceParent = "",
        TraceState = "",
        Chunked = false,
        Headers =
        [
            new("Host", "shop.example"), new("Content-Type", type), new("Authorization", "Bearer ****"),
            new("User-Agent", "checkout/4.2 (it's here)"),
            new("Content-Length", "281"),
        ],
        RouteValues = [],
        Body = Encoding.UTF8.GetBytes(body ?? """
            {"order":"O-20418","customer":{"id":"C-77","name":"Ines Okafor","address":
             {"street":"Rue de l'Université 12","city":"Lyon","country":"FR"}},
             "lines":[{"sku":"KETTLE-1L","quantity":1,"price":39.90},{"sku":"TEA-ASSAM-250","quantity":2,"price":8.5}],
             "gift":false,"note":null}
            """),
    };

    public static StoredResponse Response(string type = "application/json", byte[]? body = null) =>
        new(201, [new("Content-Type", type), new("Location", "/orders/O-20418")],
            body ?? Encoding.UTF8.GetBytes("""{"order":"O-20418","state":"accepted"}"""));

    /// <summary>A run with three attempts, parallel steps, retries, a sleep, a wait for an event and a failure with a stack.</summary>
    public static RunDetail Rich(RunState state = RunState.Waiting)
    {
        var start = Now.AddSeconds(-95);
        DateTimeOffset At(double seconds) => start.AddSeconds(seconds);
        StepView Step(string id, double from, double? to, string stepState = "completed", int tries = 1, int attempt = 1,
            string type = "run", double? until = null, string? body = null) =>
            new(id, type, stepState, tries, stepState is "completed" or "failed" ? attempt : 0, At(from), to is { } end ? At(end) : null,
                until is { } at ? At(at) : null,
                stepState == "failed" ? "application/problem+json" : "application/json",
                Encoding.UTF8.GetBytes(body ?? """{"ok":true,"reservation":"R-5512"}"""));
        var steps = new[]
        {
            Step("reserve-stock", 0.4, 3.1),
            Step("authorise-payment", 3.2, 36.2, tries: 2, attempt: 2),
            Step("quote-shipping:northwind", 3.2, 7.0),
            Step("quote-shipping:contoso", 3.3, 9.4),
            Step("quote-shipping:a-carrier-with-a-very-long-name-that-somebody-put-a-guid-into-0b1c6a52-7a07-4d0c-9a6b-0c9d0d6f3f55", 3.3,
                8.1),
            Step("fraud-check", 36.4, 41.0, "failed", 1, 2, body: """
                {"title":"FraudServiceException","detail":"The score could not be computed: the model is being replaced.",
                 "exceptionType":"Shop.Fraud.FraudServiceException","stackTrace":"
                """
                + @"   at Shop.Fraud.Scorer.ScoreAsync(Order order, CancellationToken token) in /src/Fraud/Scorer.cs:line 88\n"
                + @"   at Shop.Orders.Handler.<>c__DisplayClass4_0.<<PlaceAsync>b__2>d.MoveNext() in /src/Orders/Handler.cs:line 61\n"
                + @"--- End of stack trace from previous location ---\n"
                + @"   at DurableGateway.Client.StepRunner.RunAsync[T](String name, Func`2 step)" + "\"}"),
            Step("cool-down", 41.2, 61.2, type: "sleep", attempt: 3),
            Step("payment-settled", 61.5, null, "waiting", type: "wait", until: 4000),
        };
        steps[1] = steps[1] with
        {
            FailedTries =
            [
                new StepTry(At(6), 1, At(26), new FailureText("The bank is closed", "application/problem+json",
                    """
                    {"title":"The bank is closed","detail":"It opens on Monday.","exceptionType":"Shop.BankClosedException",
                    """
                    + @"""stackTrace"":""   at Shop.Bank.PayAsync() in /src/Bank.cs:line 12\n   at Shop.Orders.PlaceAsync()""}",
                    Took: TimeSpan.FromSeconds(2.8))),
            ],
        };
        var attempts = new[]
        {
            new AttemptView(1, At(0.1), At(14), "gateway-1", "http://orders-1:5000/", "failed", "status 503: upstream connect error")
            {
                Failure = new FailureText("upstream connect error", "text/html",
                    "<html><head><title>503</title></head>\n<body>upstream connect error or disconnect/reset before headers</body></html>"),
            },
            new AttemptView(2, At(30.5), At(41.3), "gateway-2", "http://orders-2:5000/", "suspended", null),
            new AttemptView(3, At(61.3), At(61.9), "gateway-1", "http://orders-2:5000/", "suspended", null),
        };
        var history = new[]
        {
            new HistoryEntry(1, At(0), HistoryKind.Accepted, 1, null, ""),
            new HistoryEntry(2, At(0.1), HistoryKind.AttemptBegan, 1, null, "gateway-1"),
            new HistoryEntry(3, At(3.1), HistoryKind.StepCompleted, 1, null, "reserve-stock"),
            new HistoryEntry(4, At(6), HistoryKind.StepTryFailed, 1, At(26), "authorise-payment"),
            new HistoryEntry(5, At(14), HistoryKind.AttemptFailed, 1, At(26), "The service answered 503."),
            new HistoryEntry(6, At(30.5), HistoryKind.AttemptBegan, 2, null, "gateway-2"),
            new HistoryEntry(7, At(36.2), HistoryKind.StepCompleted, 2, null, "authorise-payment"),
            new HistoryEntry(8, At(41), HistoryKind.StepFailed, 2, null, "fraud-check"),
            new HistoryEntry(9, At(41.3), HistoryKind.Suspended, 2, At(61.2), ""),
            new HistoryEntry(10, At(61.3), HistoryKind.AttemptBegan, 3, null, "gateway-1"),
            new HistoryEntry(11, At(61.5), HistoryKind.StepWaits, 3, At(4000), "payment-settled"),
            new HistoryEntry(12, At(61.9), HistoryKind.Suspended, 3, At(4000), ""),
        };
        var row = new RunRow(
            RunId.New(start), "orders", "POST", "/orders/O-20418/payments", state, false, 3, start, state.HasEnded() ? At(94) : null,
            state == RunState.Waiting ? At(4000) : null, 6, 1, state == RunState.Waiting ? 1 : 0, state == RunState.Failed ? 500 : null,
            state.HasEnded() ? null : "The service answered 503: upstream connect error.", 0);
        return new RunDetail(row, "orders", Request("POST", "/orders/O-20418/payments"), state.HasEnded() ? Response() : null, attempts,
            steps, history, "/_durable/v1/results/x");
    }

    /// <summary>A run whose second attempt makes a call with another body.</summary>
    public static RunDetail Drifted()
    {
        var run = Rich(RunState.Failed);
        var drift = new CallDrift("fail", CallDrift.Json,
        [
            new ValueDifference(["requestedAt"], "\"2026-11-23T04:18:27Z\"", "\"2026-11-23T04:18:41Z\""),
            new ValueDifference(["card", "number"], "\"***\"", "\"***\""),
            new ValueDifference(["lines", "[0]", "discount"], null, "{\"percent\":10,\"code\":\"WINTER\"}"),
        ], 0);
        var entry = new HistoryEntry(13, run.Run.StartedAt.AddSeconds(31), HistoryKind.Mismatch, 2, null,
            "payments POST /charges differs from step 'payments POST /charges' in $.requestedAt, $.card.number, $.lines[0].discount.");
        return run with { Run = run.Run with { Mismatches = 1 }, History = [.. run.History, entry with { Drift = drift }] };
    }

    public static RunDetail WithSteps(int count)
    {
        var start = Now.AddMinutes(-30);
        var run = Rich(RunState.Completed);
        var steps = Enumerable.Range(0, count).Select(i => new StepView(
            $"row-{i:00000}", "run", "completed", 1, 1, start.AddMilliseconds(i * 120), start.AddMilliseconds((i * 120) + 100), null,
            "application/json", "1"u8.ToArray()));
        return run with
        {
            Run = run.Run with
            {
                Id = RunId.New(start),
                StartedAt = start,
                EndedAt = start.AddMinutes(20),
                CompletedSteps = count,
                FailedSteps = 0
            },
            Attempts = [new AttemptView(1, start, start.AddMinutes(20), "gateway-1", "http://orders-1:5000/", "completed", null)],
            Steps = [.. steps],
            History = [],
        };
    }

    public static Overview Overview()
    {
        var minute = new DateTimeOffset(Now.Year, Now.Month, Now.Day, Now.Hour, Now.Minute, 0, TimeSpan.Zero).AddMinutes(-59);
        var routes = Routes.Select((route, r) => new RouteOverview(
            route, r == 2 ? null : "default", "cluster-" + (r + 1), r == 1
                ? [("http://invoices-1:5000/", "Unhealthy"), ("http://invoices-2:5000/", "Unknown")]
                : [("http://orders-1:5000/", "Healthy"), ("http://orders-2:5000/", "Healthy")],
            [.. Enumerable.Range(0, 60).Select(i =>
            {
                var started = (long)((r + 2) * (26 + (11 * Math.Sin((i + r) / 7.0)) + (i * 31 % 7)));
                var failed = i is > 37 and < 44 ? started / (6 + r) : i % 17 == 0 ? 1 : 0;
                return new MinuteCounts(minute.AddMinutes(i), started, started - failed, failed,
                    Latency(85 + (20 * r) + (i is > 36 and < 46 ? 190 : i * 13 % 31), started));
            })]));
        var calls = routes.First() with { Route = "payments", Policy = null, Calls = CallTreatment.Remember };
        calls = calls with { Minutes = [.. calls.Minutes.Select((one, i) => one with { Unbound = i % 20 == 0 ? 4 : 0 })] };
        return new Overview([.. routes, calls], 42, Now.AddMinutes(-83));
    }

    public static LatencyHistogram Latency(double milliseconds, long count)
    {
        var latency = new LatencyHistogram();
        latency.Add(LatencyHistogram.BucketOf(TimeSpan.FromMilliseconds(milliseconds)), count);
        return latency;
    }

    /// <summary>A run with markup and script in every untrusted value.</summary>
    public static RunDetail Hostile()
    {
        const string Evil = "<script>window.pwned=1</script><img src=x onerror=\"window.pwned=2\">'\"`{{1}}</textarea></title>";
        var run = Rich(RunState.Failed);
        var body = Encoding.UTF8
            .GetBytes($$"""{"{{Evil.Replace("\"", "\\\"", StringComparison.Ordinal)}}":"<svg onload=window.pwned=3>"}""");
        return run with
        {
            Run = run.Run with
            {
                Id = RunId.New(Now.AddSeconds(-3)),
                Route = Evil,
                Method = "<B>",
                Path = "/" + Evil,
                LastError = Evil,
                State = RunState.Failed
            },
            Policy = Evil,
            Request = run.Request with
            {
                Method = "<B>",
                RawTarget = "/" + Evil,
                Body = body,
                Headers = [new("Content-Type", "application/json"), new("Host", Evil), new("X-" + Evil, Evil), new("Content-Type", Evil)],
            },
            Response = new StoredResponse(500, [new("Content-Type", "text/html"), new(Evil, Evil)], Encoding.UTF8.GetBytes(Evil)),
            Attempts = [.. run.Attempts.Select(attempt =>
                attempt with { Node = Evil, Destination = "javascript:" + Evil, Reason = Evil, Outcome = "failed" })],
            Steps = [.. run.Steps.Select((step, i) =>
                step with { Id = Evil + i, ContentType = "image/svg+xml", Body = "<svg onload='window.pwned=4'/>"u8.ToArray() })],
            History = [.. run.History.Select(entry => entry with { Text = Evil })],
        };
    }
}
