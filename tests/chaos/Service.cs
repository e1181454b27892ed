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
}

/// <summary>
/// The service behind the gateways, as a process that can be killed. It records each execution of a step, and each answered
/// checkpoint, in a file that remains when it dies.
/// </summary>
internal static class Service
{
    /// <summary>The type of the event that clients send to waiting runs.</summary>
    public const string EventType = "chaos.approved";

    /// <summary>The header with the answer of an order, for methods without a body.</summary>
    public const string AnswerHeader = "X-Answer";

    /// <summary>The methods of orders. Only the first has a body.</summary>
    private static readonly string[] Methods = ["POST", "GET", "HEAD", "DELETE", "OPTIONS", "LOCK"];

    public static async Task<int> RunAsync(int port, string journal, Uri partner)
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
            file.WriteSending(run, context.Request.Headers["Durable-Attempt"].ToString(), context.Request.Method);
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
        app.MapGet(Ticker.Path, Ticker.ServeAsync);
        await app.RunAsync();
        return 0;
    }

    /// <summary>
    /// The kind of a request, by its number: an order that waits for nothing, a time, an event of its client, another run or a third party;
    /// or a stream.
    /// </summary>
    public static Kind KindOf(string request) => (Kind)(int.Parse(request.AsSpan(1), CultureInfo.InvariantCulture) % 6);

    /// <summary>The method of an order by its number, and whether it has a body.</summary>
    public static (HttpMethod Method, bool HasBody) MethodOf(string request)
    {
        var number = int.Parse(request.AsSpan(1), CultureInfo.InvariantCulture) / 6 % (Methods.Length + 1);
        return number == Methods.Length ? (HttpMethod.Post, false) : (new HttpMethod(Methods[number]), number == 0);
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
            if (line.Split(' ') is [var run, var method, var attempt, "sent", "."])
                yield return new Sending(run, int.Parse(attempt, CultureInfo.InvariantCulture), method);
        }
    }

    /// <summary>The file is written to the operating system line by line, so that SIGKILL loses no line.</summary>
    private sealed class Journal(string path) : IAsyncDisposable
    {
        private readonly FileStream _file = new(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);

        public void Write(RunInfo run, string step, bool done) =>
            Write(string.Create(CultureInfo.InvariantCulture, $"\n{run.Id} {step} {run.Attempt} {(done ? "done" : "exec")} ."));

        public void WriteSending(string run, string attempt, string method) => Write($"\n{run} {method} {attempt} sent .");

        private void Write(string line)
        {
            lock (_file) _file.Write(Encoding.ASCII.GetBytes(line));
        }

        public ValueTask DisposeAsync() => _file.DisposeAsync();
    }
}
