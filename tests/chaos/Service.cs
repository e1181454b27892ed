using System.Globalization;
using System.Net;
using System.Net.Http.Json;
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
/// The service behind the gateways, as a process that can be killed. It writes down each real execution of a step, and each
/// checkpoint that was answered, in a file that outlives it.
/// </summary>
internal static class Service
{
    /// <summary>What clients send to runs that wait for them.</summary>
    public const string EventType = "chaos.approved";

    public static async Task<int> RunAsync(int port, string journal, Uri partner)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, port));
        builder.Services.AddDurableSteps();
        await using var app = builder.Build();
        await using var file = new Journal(journal);
        using var http = new HttpClient { BaseAddress = partner };
        app.MapGet("/up", () => "up");
        app.MapPost("/order", async (HttpContext context, IStep step) =>
        {
            using var reader = new StreamReader(context.Request.Body);
            var request = await reader.ReadToEndAsync();
            Task<string> StepAsync(string name) => ExecuteAsync(file, step, name);

            // What the steps made is part of the answer, so an answer tells which executions it is made of.
            var first = await StepAsync("first");
            var both = await Task.WhenAll(StepAsync("left"), StepAsync("right"));
            if (Random.Shared.Next(10) == 0) return Microsoft.AspNetCore.Http.Results.StatusCode(503);
            if (await WaitAsync(step, request, http) is { } wrong) return Microsoft.AspNetCore.Http.Results.Text(wrong, statusCode: StatusCodes.Status409Conflict);
            var last = await StepAsync("last");
            return Microsoft.AspNetCore.Http.Results.Text($"{request}:{first}.{both[0]}.{both[1]}.{last}");
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
    /// What requests are, by their number: orders that wait for nothing, a time, an event that their client sends, a run of its own, a third
    /// party; and streams.
    /// </summary>
    public static Kind KindOf(string request) => (Kind)(int.Parse(request.AsSpan(1), CultureInfo.InvariantCulture) % 6);

    /// <returns>What came instead of what was waited for; <see langword="null"/> where that came.</returns>
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
        // The last line may be torn: the service is killed in mid-write.
        foreach (var line in File.ReadAllText(journal).Split('\n'))
        {
            if (line.Split(' ') is [var run, var step, var attempt, "exec" or "done", "."])
                yield return new StepEvent(run, step, int.Parse(attempt, CultureInfo.InvariantCulture), line.EndsWith("done .", StringComparison.Ordinal));
        }
    }

    /// <summary>Written through to the operating system line by line, so that SIGKILL takes nothing back.</summary>
    private sealed class Journal(string path) : IAsyncDisposable
    {
        private readonly FileStream _file = new(path, FileMode.Append, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);

        public void Write(RunInfo run, string step, bool done)
        {
            var line = Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"\n{run.Id} {step} {run.Attempt} {(done ? "done" : "exec")} ."));
            lock (_file) _file.Write(line);
        }

        public ValueTask DisposeAsync() => _file.DisposeAsync();
    }
}
