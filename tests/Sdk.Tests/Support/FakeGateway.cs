using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text;

namespace DurableGateway.Client.Tests.Support;

/// <summary>A call of the SDK, as a gateway receives it.</summary>
internal sealed record Call(string Method, string Url, IReadOnlyDictionary<string, string> Headers, byte[] Body)
{
    public string? this[string header] => Headers.GetValueOrDefault(header);
    public string Text => Encoding.UTF8.GetString(Body);

    /// <summary>The step's id, as in the path.</summary>
    public string Step =>
        Url.Contains("/steps/", StringComparison.Ordinal) ? Url[(Url.LastIndexOf("/steps/", StringComparison.Ordinal) + 7)..] : "";
}

/// <summary>An answer of the gateway.</summary>
internal sealed record Answer(
    int Status, string Body = "", string ContentType = "application/json", params (string Name, string Value)[] Headers)
{
    public static Answer Stored { get; } = new(201);
    public static Answer Later { get; } = new(202, Headers: ("Retry-After", "1"));

    public static Answer Problem(int status, string title) =>
        new(status, $$"""{"title":"{{title}}","status":{{status}}}""", "application/problem+json");
    public static Answer Already(string body, string contentType = "application/json") =>
        new(200, body, contentType, ("Durable-Step-Outcome", "completed"));

    public static Answer AlreadyFailed(string problem) => new(200, problem, "application/problem+json", ("Durable-Step-Outcome", "failed"));
}

/// <summary>A gateway that answers as the test specifies, and records the calls. It stores everything that is not scripted.</summary>
internal sealed class FakeGateway : HttpMessageHandler
{
    public const string Run = "01a20679-cce6-73be-b275-852ca4b597ac";
    public const string Url = "http://gw1:8081/_durable/v1/runs/" + Run;
    public const string OtherUrl = "http://gw2:8081/_durable/v1/runs/" + Run;
    public const string Token = "AAAAAAAAAAFUrFDRfs1QrlVZzpX5p1Ww";

    private readonly ConcurrentDictionary<string, TaskCompletionSource<Call>> _seen = new();

    public ConcurrentQueue<Call> Calls { get; } = new();
    public IEnumerable<Call> Puts => Calls.Where(call => call.Method == "PUT");
    public IEnumerable<Call> Gets => Calls.Where(call => call.Method == "GET");

    /// <summary>Answers a call; <see langword="null"/> for the answer of a gateway that stores everything.</summary>
    public Func<Call, Task<Answer?>> Script { get; set; } = _ => Task.FromResult<Answer?>(null);

    /// <summary>Gives every call the same answer.</summary>
    public static FakeGateway That(Answer answer) => With(_ => answer);

    public static FakeGateway With(Func<Call, Answer?> script) => new() { Script = call => Task.FromResult(script(call)) };

    /// <summary>Completes when the step is reported for the first time.</summary>
    public Task<Call> ReportOf(string step) => Seen(step).Task.WaitAsync(TimeSpan.FromSeconds(60));

    /// <summary>The headers of an attempt.</summary>
    public static Dictionary<string, string> Headers(string? steps = null, int? count = null, string callback = Url, int attempt = 1)
    {
        var headers = new Dictionary<string, string>
        {
            ["Durable-Protocol"] = "1",
            ["Durable-Run-Id"] = Run,
            ["Durable-Attempt"] = attempt.ToString(CultureInfo.InvariantCulture),
            ["Durable-Callback"] = callback,
            ["Durable-Token"] = Token,
        };
        if (steps is not null) headers["Durable-Steps"] = steps;
        if (count is not null) headers["Durable-Step-Count"] = count.Value.ToString(CultureInfo.InvariantCulture);
        return headers;
    }

    public DurableAttempt Begin(string? steps = null, int? count = null, string callback = Url, DurableStepsOptions? options = null,
        CancellationToken aborted = default) =>
        Begin(Headers(steps, count ?? (steps is null ? null : StepsHeader.Parse(steps).Count), callback), options, aborted);

    public DurableAttempt Begin(
        Dictionary<string, string> headers, DurableStepsOptions? options = null, CancellationToken aborted = default) =>
        DurableAttempt.Begin(headers.GetValueOrDefault, new HttpClient(this, disposeHandler: false), options ?? Options(), aborted);

    /// <summary>An attempt that cannot continue ends soon, and its problem contains the exception.</summary>
    public static DurableStepsOptions Options() => new() { SuspendAfter = TimeSpan.FromMilliseconds(50), ErrorDetails = true };

    /// <summary>Executes a handler as an attempt.</summary>
    public async Task<AttemptVerdict> RunAsync(
        Func<IStep, Task> handler, string? steps = null, int? count = null, string callback = Url, DurableStepsOptions? options = null)
    {
        using var attempt = Begin(steps, count, callback, options);
        return await attempt.RunAsync(_ => handler(attempt.Step)).WaitAsync(TimeSpan.FromSeconds(60));
    }

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        var body = request.Content is null ? [] : await request.Content.ReadAsByteArrayAsync(cancellationToken);
        var headers = request.Headers.Concat(request.Content?.Headers.AsEnumerable() ?? [])
            .ToDictionary(header => header.Key, header => string.Join(",", header.Value), StringComparer.OrdinalIgnoreCase);
        var call = new Call(request.Method.Method, request.RequestUri!.AbsoluteUri, headers, body);
        Calls.Enqueue(call);
        Seen(call.Step).TrySetResult(call);
        var answer = await Script(call) ?? (call.Method == "GET" ? new Answer(200, "[]") : Answer.Stored);
        var response = new HttpResponseMessage((HttpStatusCode)answer.Status)
        {
            Content = new ByteArrayContent(Encoding.UTF8.GetBytes(answer.Body)),
            RequestMessage = request,
        };
        response.Content.Headers.TryAddWithoutValidation("Content-Type", answer.ContentType);
        foreach (var (name, value) in answer.Headers) response.Headers.TryAddWithoutValidation(name, value);
        return response;
    }

    private TaskCompletionSource<Call> Seen(string step) =>
        _seen.GetOrAdd(step, _ => new TaskCompletionSource<Call>(TaskCreationOptions.RunContinuationsAsynchronously));
}

internal static class Verdicts
{
    public static string? Header(this AttemptVerdict verdict, string name) =>
        verdict.Headers.Where(header => header.Key == name).Select(header => header.Value).SingleOrDefault();

    public static void AssertFailed(this AttemptVerdict verdict, string retry)
    {
        Assert.False(verdict.IsCompleted);
        Assert.Equal(500, verdict.StatusCode);
        Assert.Equal(retry, verdict.Header("Durable-Retry"));
        Assert.NotNull(verdict.Problem);
    }

    public static void AssertSuspended(this AttemptVerdict verdict)
    {
        Assert.False(verdict.IsCompleted);
        Assert.Equal(202, verdict.StatusCode);
        Assert.Equal("?1", verdict.Header("Durable-Suspended"));
        Assert.Null(verdict.Problem);
    }
}
