using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net;

namespace DurableGateway.Benchmarks;

/// <summary>The service behind every route. The last segment of the path says what it does.</summary>
internal static class BenchmarkService
{
    private static readonly byte[] Hello = "{\"hello\":\"world\"}"u8.ToArray();
    private static readonly byte[] Large = new byte[1 << 20];
    private static readonly HttpClient Gateway = new();

    // What the first attempts of /long took for their steps, by the URL of the run.
    private static readonly ConcurrentDictionary<string, (double Early, double Late)> Longs = new();

    private static int _replayed;
    private static long _lastReplay;

    public static async Task RunAsync(int port)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Listen(IPAddress.Loopback, port);
        });
        var app = builder.Build();
        app.Run(AnswerAsync);
        await app.RunAsync();
    }

    private static async Task AnswerAsync(HttpContext context)
    {
        var path = context.Request.Path.Value!;
        var isFirst = context.Request.Headers["Durable-Attempt"] == "1";
        await DrainAsync(context.Request);
        switch (path[(path.LastIndexOf('/') + 1)..])
        {
            case "big":
                context.Response.ContentLength = Large.Length;
                await context.Response.Body.WriteAsync(Large);
                return;
            case "steps":
                await TakeStepsAsync(context.Request, Number(context.Request, "count"), 27, null);
                break;
            case "calls":
                await context.Response.WriteAsync(await MakeCallsAsync(context.Request));
                return;
            case "flaky" when isFirst:
                Fail(context.Response, "0");
                return;
            case "flaky":
                // The client sees when the replay reached the service: both ends of the span are on one machine's clock.
                context.Response.Headers["X-Reached"] = Now().ToString(CultureInfo.InvariantCulture);
                break;
            case "park":
                Fail(context.Response, "3600");
                return;
            case "storm" when isFirst:
                Fail(context.Response, DateTimeOffset.FromUnixTimeSeconds(Number(context.Request, "at")).ToString("R"));
                return;
            case "storm":
                Interlocked.Increment(ref _replayed);
                Interlocked.Exchange(ref _lastReplay, Now());
                break;
            case "storm-progress":
                await context.Response.WriteAsync(string.Create(CultureInfo.InvariantCulture, $"{_replayed} {_lastReplay}"));
                return;
            case "storm-again":
                _replayed = 0;
                return;
            case "long":
                await LongAsync(context, isFirst);
                return;
        }

        context.Response.ContentType = "application/json";
        context.Response.ContentLength = Hello.Length;
        await context.Response.Body.WriteAsync(Hello);
    }

    /// <summary>Takes steps and fails; the replay reads them all, and answers with what both took.</summary>
    private static async Task LongAsync(HttpContext context, bool isFirst)
    {
        var run = Callback(context.Request);
        if (isFirst)
        {
            var times = new List<double>();
            await TakeStepsAsync(context.Request, Number(context.Request, "count"), 1024, times);
            Longs[run] = (Report.Median(times[5..15]), Report.Median(times[^10..]));
            Fail(context.Response, "0");
            return;
        }

        var began = Stopwatch.GetTimestamp();
        using var call = new HttpRequestMessage(HttpMethod.Get, $"{run}/steps");
        call.Headers.Add("Durable-Token", context.Request.Headers["Durable-Token"].ToString());
        using var answer = await Gateway.SendAsync(call);
        answer.EnsureSuccessStatusCode();
        var bytes = (await answer.Content.ReadAsByteArrayAsync()).Length;
        var (early, late) = Longs[run];
        await context.Response.WriteAsync(string.Create(CultureInfo.InvariantCulture,
            $"{early} {late} {Stopwatch.GetElapsedTime(began).TotalMilliseconds} {bytes}"));
    }

    /// <summary>Makes calls to two addresses in turn, and returns the median time of each in milliseconds.</summary>
    private static async Task<string> MakeCallsAsync(HttpRequest request)
    {
        const int WarmUp = 20;
        var token = request.Headers["Durable-Egress-Token"].ToString();
        string[] addresses = [request.Query["plain"].ToString(), request.Query["remembered"].ToString()];
        List<double>[] times = [[], []];
        for (var i = 0; i < Number(request, "count"); i++)
        {
            // Every other turn goes backwards: what one call leaves to do must not always be the same address's burden.
            foreach (var at in i % 2 == 0 ? new[] { 0, 1 } : [1, 0])
            {
                var began = Stopwatch.GetTimestamp();
                using var call = new HttpRequestMessage(HttpMethod.Post, addresses[at]);
                call.Content = new StringContent($$"""{"number":{{i}}}""", null, "application/json");
                call.Headers.Add("Durable-Egress-Token", token);
                using var answer = await Gateway.SendAsync(call);
                answer.EnsureSuccessStatusCode();
                if (i >= WarmUp) times[at].Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
            }
        }

        return string.Create(CultureInfo.InvariantCulture, $"{Report.Median(times[0])} {Report.Median(times[1])}");
    }

    private static async Task TakeStepsAsync(HttpRequest request, long steps, int bytes, List<double>? times)
    {
        if (Callback(request) is not { Length: > 0 } callback) return;
        var token = request.Headers["Durable-Token"].ToString();
        var body = new byte[bytes];
        for (var step = 0; step < steps; step++)
        {
            var began = Stopwatch.GetTimestamp();
            using var call = new HttpRequestMessage(HttpMethod.Put, $"{callback}/steps/step-{step}");
            call.Content = new ByteArrayContent(body);
            call.Content.Headers.ContentType = new("application/octet-stream");
            call.Headers.Add("Durable-Token", token);
            using var answer = await Gateway.SendAsync(call);
            answer.EnsureSuccessStatusCode();
            times?.Add(Stopwatch.GetElapsedTime(began).TotalMilliseconds);
        }
    }

    private static async Task DrainAsync(HttpRequest request)
    {
        if (request.ContentLength is null or 0) return;
        while (true)
        {
            var read = await request.BodyReader.ReadAsync();
            request.BodyReader.AdvanceTo(read.Buffer.End);
            if (read.IsCompleted) return;
        }
    }

    private static void Fail(HttpResponse response, string retryAfter)
    {
        response.StatusCode = StatusCodes.Status503ServiceUnavailable;
        response.Headers.RetryAfter = retryAfter;
    }

    private static string Callback(HttpRequest request) => request.Headers["Durable-Callback"].ToString();
    private static long Number(HttpRequest request, string name) =>
        long.Parse(request.Query[name].ToString(), CultureInfo.InvariantCulture);

    private static long Now() => TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
}
