using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Text;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Telemetry;

internal sealed record OtlpSpan(
    string TraceId, string SpanId, string ParentId, string Name, string Scope, ulong Start, ulong End, bool Failed,
    IReadOnlyDictionary<string, string> Attributes, IReadOnlyList<IReadOnlyDictionary<string, string>> Exceptions)
{
    public TimeSpan Duration => TimeSpan.FromTicks((long)(End - Start) / 100);
    public string? this[string attribute] => Attributes.GetValueOrDefault(attribute);
}

internal sealed record OtlpMetric(string Name, string Unit, string Scope, IReadOnlyList<IReadOnlyDictionary<string, string>> Points);

internal sealed record OtlpLog(string TraceId, string Body, IReadOnlyDictionary<string, string> Attributes);

/// <summary>A collector: takes OTLP over HTTP in protobuf, and keeps what it is told.</summary>
internal sealed class OtlpReceiver : IAsyncDisposable
{
    private readonly WebApplication _app;

    private OtlpReceiver(WebApplication app) => _app = app;

    public Uri Url => new(_app.Urls.First());
    public ConcurrentQueue<OtlpSpan> Spans { get; } = [];
    public ConcurrentDictionary<string, OtlpMetric> Metrics { get; } = [];
    public ConcurrentQueue<OtlpLog> Logs { get; } = [];

    /// <summary>All that was received, to look for what must not be in it.</summary>
    public ConcurrentQueue<byte[]> Raw { get; } = [];

    public HashSet<string> Services { get; } = [];

    /// <summary>What to add to a gateway's settings so that it tells everything to this receiver, soon.</summary>
    public string[] Settings =>
    [
        $"OTEL_EXPORTER_OTLP_ENDPOINT={Url.AbsoluteUri.TrimEnd('/')}", "OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf",
        "OTEL_BSP_SCHEDULE_DELAY=50", "OTEL_BLRP_SCHEDULE_DELAY=50", "OTEL_METRIC_EXPORT_INTERVAL=200",
    ];

    public static async Task<OtlpReceiver> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var app = builder.Build();
        var receiver = new OtlpReceiver(app);
        app.MapPost("/v1/traces", context => receiver.TakeAsync(context, receiver.TakeSpans));
        app.MapPost("/v1/metrics", context => receiver.TakeAsync(context, receiver.TakeMetrics));
        app.MapPost("/v1/logs", context => receiver.TakeAsync(context, receiver.TakeLogs));
        await app.StartAsync();
        return receiver;
    }

    /// <summary>The spans of a trace, as soon as they are what is waited for.</summary>
    public async Task<List<OtlpSpan>> TraceAsync(string traceId, Func<List<OtlpSpan>, bool> complete)
    {
        List<OtlpSpan> Trace() => [.. Spans.Where(span => span.TraceId == traceId)];
        try
        {
            await Eventually.TrueAsync(() => complete(Trace()), "the trace has arrived");
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException($"{e.Message}; there is {string.Join(", ", Spans.Select(span => $"{span.Name} ({span.TraceId})"))}",
                e);
        }

        return Trace();
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task TakeAsync(HttpContext context, Action<List<Proto>> take)
    {
        using var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body);
        Raw.Enqueue(body.ToArray());
        take(Proto.Read(body.ToArray()));
        context.Response.ContentType = "application/x-protobuf";
    }

    private void TakeSpans(List<Proto> request)
    {
        foreach (var resource in Proto.All(request, 1))
        {
            Keep(resource);
            foreach (var (scope, span) in Items(resource))
            {
                Spans.Enqueue(new OtlpSpan(
                    Proto.Of(span, 1).Hex, Proto.Of(span, 2).Hex, Proto.Of(span, 4).Hex, Proto.Of(span, 5).Text, scope,
                    Proto.Of(span, 7).Value, Proto.Of(span, 8).Value,
                    Proto.All(span, 15).Any(status => Proto.Of(status, 3).Value == 2), Attributes(span, 9),
                    [.. Proto.All(span, 11).Where(item => Proto.Of(item, 2).Text == "exception").Select(item => Attributes(item, 3))]));
            }
        }
    }

    private void TakeMetrics(List<Proto> request)
    {
        foreach (var (scope, metric) in Proto.All(request, 1).SelectMany(Items))
        {
            // Gauge, sum and histogram have their points in field 1; a histogram's have their attributes in 9, a number's in 7.
            var points = metric.Where(field => field.Number is 5 or 7 or 9)
                .SelectMany(data => Proto.All(Proto.Read(data.Bytes), 1).Select(point => Attributes(point, data.Number == 9 ? 9 : 7)));
            var name = Proto.Of(metric, 1).Text;
            Metrics[name] = new OtlpMetric(name, Proto.Of(metric, 3).Text, scope, [.. points]);
        }
    }

    private void TakeLogs(List<Proto> request)
    {
        foreach (var (_, log) in Proto.All(request, 1).SelectMany(Items))
            Logs.Enqueue(new OtlpLog(Proto.Of(log, 9).Hex, Proto.Of(Proto.Read(Proto.Of(log, 5).Bytes), 1).Text, Attributes(log, 6)));
    }

    private void Keep(List<Proto> resource)
    {
        if (Attributes(Proto.Read(Proto.Of(resource, 1).Bytes), 1).TryGetValue("service.name", out var name))
            lock (Services) Services.Add(name);
    }

    /// <summary>Spans, metrics and logs are laid out alike: resource, scope, item.</summary>
    private static IEnumerable<(string Scope, List<Proto> Item)> Items(List<Proto> resource) => Proto.All(resource, 2).SelectMany(scope =>
        Proto.All(scope, 2).Select(item => (Proto.Of(Proto.Read(Proto.Of(scope, 1).Bytes), 1).Text, item)));

    private static Dictionary<string, string> Attributes(List<Proto> message, int number)
    {
        var attributes = new Dictionary<string, string>();
        foreach (var pair in Proto.All(message, number))
        {
            var value = Proto.Read(Proto.Of(pair, 2).Bytes).FirstOrDefault();
            attributes[Proto.Of(pair, 1).Text] = value.Number switch
            {
                1 => value.Text,
                2 => value.Value == 1 ? "true" : "false",
                3 => ((long)value.Value).ToString(CultureInfo.InvariantCulture),
                4 => value.Real.ToString(CultureInfo.InvariantCulture),
                _ => "",
            };
        }

        return attributes;
    }

    /// <summary>Whether a text was told in any way.</summary>
    public bool WasTold(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        return Raw.Any(message => message.AsSpan().IndexOf(bytes) >= 0);
    }
}
