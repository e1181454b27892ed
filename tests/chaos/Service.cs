using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text;
using DurableGateway.Client;

namespace DurableGateway.Chaos;

/// <summary>See <see cref="Service.KindOf"/>.</summary>
internal enum Kind
{
    Plain,
    Sleep,
    Event,
    Invoke,
    Callback,
    Stream,
    Calls,
}

/// <summary>
/// The service behind the gateways, as a process that can be killed. It records each execution of a step, and each answered
/// checkpoint, in a file that remains when it dies.
/// </summary>
internal static class Service
{
    /// <summary>The type of the event that clients send to waiting runs.</summary>
    public const string EventType = "chaos.approved";

    /// <summary>In place of the id of a run, for a request that is not durable.</summary>
    public const string NoRun = "none";

    /// <summary>The header with the answer of an order, for methods without a body.</summary>
    public const string AnswerHeader = "X-Answer";

    /// <summary>The methods of orders. Only the first has a body.</summary>
    private static readonly string[] Methods = ["POST", "GET", "HEAD", "DELETE", "OPTIONS", "LOCK"];

    public static async Task<int> RunAsync(int port, string journal, Uri partner, Uri[] egress)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port));
        builder.Services.AddDurableSteps();
        await using var app = builder.Build();
        await using var file = new Journal(journal);
        using var http = new HttpClient { BaseAddress = partner };
        app.Use((context, next) =>
        {
            if (context.Request.Headers["Durable-Run-Id"] is not [{ } run]) return next(context);
            file.WriteSending(run, AttemptOf(context), context.Request.Method);
            if (Random.Shared.Next(15) != 0) return next(context);

            // The request is read but not answered: the connection ends, as if the process died.
            context.Abort();
            return Task.CompletedTask;
        });
        app.MapGet("/up", () => "up");
        app.MapMethods("/order", Methods, async (HttpContext context, IStep step) =>
        {
            using var reader = new StreamReader(context.Request.Body);
            var request = context.Request.Query["request"] is [{ } named] ? named : await reader.ReadToEndAsync();
            Task<string> StepAsync(string name) => ExecuteAsync(file, step, name);

            // The results of the steps are part of the answer, so the answer shows which executions it contains.
            var first = await StepAsync("first");
            var both = await Task.WhenAll(StepAsync("left"), StepAsync("right"));
            if (Random.Shared.Next(10) == 0) return Microsoft.AspNetCore.Http.Results.StatusCode(503);
            if (await WaitAsync(step, request, http) is { } wrong)
                return Microsoft.AspNetCore.Http.Results.Text(wrong, statusCode: StatusCodes.Status409Conflict);
            var last = await StepAsync("last");
            var answer = $"{request}:{first}.{both[0]}.{both[1]}.{last}";
            context.Response.Headers[AnswerHeader] = answer;
            return Microsoft.AspNetCore.Http.Results.Text(answer);
        }).WithDurableSteps();
        app.MapPost("/child", async (HttpContext context, IStep step) =>
        {
            using var reader = new StreamReader(context.Request.Body);
            var request = await reader.ReadToEndAsync();
            await ExecuteAsync(file, step, "only");
            return Microsoft.AspNetCore.Http.Results.Text(request, "application/json");
        }).WithDurableSteps();
        app.MapPost("/checkout", context => CheckoutAsync(context, egress[Random.Shared.Next(egress.Length)], http));
        app.MapGet(Ticker.Path, Ticker.ServeAsync);
        await app.RunAsync();
        return 0;
    }

    /// <summary>
    /// The kind of a request, by its number: an order that waits for nothing, a time, an event of its client, another run or a third party;
    /// a stream; or, two of eight, a checkout without an SDK, whose calls go through the egress listener.
    /// </summary>
    public static Kind KindOf(string request) =>
        (Kind)Math.Min((int)Kind.Calls, int.Parse(request.AsSpan(1), CultureInfo.InvariantCulture) % 8);

    /// <summary>The method of an order by its number, and whether it has a body.</summary>
    public static (HttpMethod Method, bool HasBody) MethodOf(string request)
    {
        var number = int.Parse(request.AsSpan(1), CultureInfo.InvariantCulture) / 8 % (Methods.Length + 1);
        return number == Methods.Length ? (HttpMethod.Post, false) : (new HttpMethod(Methods[number]), number == 0);
    }

    private static string AttemptOf(HttpContext context) => context.Request.Headers["Durable-Attempt"].ToString();

    /// <summary>
    /// A checkout as an unmodified program makes it, except for one copied header. It goes on when its connection breaks, as handlers do
    /// that do not look for that.
    /// </summary>
    private static async Task CheckoutAsync(HttpContext context, Uri egress, HttpClient http)
    {
        using var reader = new StreamReader(context.Request.Body);
        var request = await reader.ReadToEndAsync();
        var headers = context.Request.Headers;
        var (run, attempt, token) = (headers["Durable-Run-Id"].ToString(), AttemptOf(context), headers["Durable-Egress-Token"].ToString());
        var receipts = new List<string>();
        foreach (var kind in Downstream.Kinds)
        {
            await Task.Delay(Random.Shared.Next(40));
            if (Random.Shared.Next(12) == 0)
            {
                // The gateway sees a broken connection and begins the next attempt, while this one goes on.
                context.Abort();
                await Task.Delay(Random.Shared.Next(1500));
            }

            using var call = new HttpRequestMessage(HttpMethod.Post, new Uri(egress, $"/partners/{kind}"))
            {
                Content = new StringContent(request),
            };
            if (token.Length > 0) call.Headers.Add("Durable-Egress-Token", token);
            call.Headers.Add(Downstream.RunHeader, run.Length > 0 ? run : NoRun);
            call.Headers.Add(Downstream.AttemptHeader, attempt.Length > 0 ? attempt : "0");
            try
            {
                using var answer = await http.SendAsync(call, CancellationToken.None);
                if (answer.IsSuccessStatusCode) receipts.Add(await answer.Content.ReadAsStringAsync());
            }
            catch (HttpRequestException)
            {
                // That gateway is down, or the call has failed.
            }

            if (receipts.Count > 0 && receipts.Count == Array.IndexOf(Downstream.Kinds, kind) + 1 && Random.Shared.Next(10) > 0) continue;
            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            return;
        }

        if (!context.RequestAborted.IsCancellationRequested) await context.Response.WriteAsync($"{request}:{string.Join('.', receipts)}");
    }

    /// <returns>The unexpected result of the wait; <see langword="null"/> if the result is as expected.</returns>
    private static async Task<string?> WaitAsync(IStep step, string request, HttpClient partner)
    {
        switch (KindOf(request))
        {
            case Kind.Sleep:
                await step.SleepAsync("nap", TimeSpan.FromMilliseconds(Random.Shared.Next(200)));
                return null;
            case Kind.Event:
                var approved = await step.WaitForEventAsync<string>("approval", EventType, key: request);
                return approved == request ? null : $"the event of {approved} came to {request}";
            case Kind.Invoke:
                var child = await step.InvokeAsync<string>("child", "/child", request);
                return child == request ? null : $"the child of {child} came to {request}";
            case Kind.Callback:
                var called = await step.CallbackAsync<string>("answer", async (url, cancellation) =>
                {
                    using var told = await partner.PostAsJsonAsync("/calls", new Partner.Handed(request, url.OriginalString), cancellation);
                    told.EnsureSuccessStatusCode();
                });
                return called == request ? null : $"the answer for {called} came to {request}";
            default:
                return null;
        }
    }

    private static async Task<string> ExecuteAsync(Journal journal, IStep step, string name)
    {
        var executed = false;
        var result = await step.RunAsync(name, async cancellation =>
        {
            executed = true;
            journal.Write(step.Run, name, done: false);
            await Task.Delay(Random.Shared.Next(30), cancellation);
            if (Random.Shared.Next(12) == 0) throw new InvalidOperationException("It fails now and then.");
            return Guid.NewGuid().ToString("N")[..8];
        });
        if (executed) journal.Write(step.Run, name, done: true);
        return result;
    }

    public static IEnumerable<StepEvent> Read(string journal)
    {
        // The last line may be incomplete, because the service is killed while it writes.
        foreach (var line in File.ReadAllText(journal).Split('\n'))
        {
            if (line.Split(' ') is [var run, var step, var attempt, "exec" or "done", "."])
                yield return new StepEvent(run, step, int.Parse(attempt, CultureInfo.InvariantCulture),
                    line.EndsWith("done .", StringComparison.Ordinal));
        }
    }

    public static IEnumerable<Sending> ReadSendings(string journal)
    {
        foreach (var line in File.ReadAllText(journal).Split('\n'))
        {
            if (line.Split(' ') is [var run, var method, var attempt, var at, "sent", "."])
            {
                yield return new Sending(run, int.Parse(attempt, CultureInfo.InvariantCulture), method,
                    long.Parse(at, CultureInfo.InvariantCulture));
            }
        }
    }

    /// <summary>The file is written to the operating system line by line, so that SIGKILL loses no line.</summary>
    private sealed class Journal(string path) : IAsyncDisposable
    {
        private readonly FileStream _file = new(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);

        public void Write(RunInfo run, string step, bool done) =>
            Write(string.Create(CultureInfo.InvariantCulture, $"\n{run.Id} {step} {run.Attempt} {(done ? "done" : "exec")} ."));

        public void WriteSending(string run, string attempt, string method) =>
            Write(string.Create(CultureInfo.InvariantCulture, $"\n{run} {method} {attempt} {Stopwatch.GetTimestamp()} sent ."));

        private void Write(string line)
        {
            lock (_file) _file.Write(Encoding.ASCII.GetBytes(line));
        }

        public ValueTask DisposeAsync() => _file.DisposeAsync();
    }
}
