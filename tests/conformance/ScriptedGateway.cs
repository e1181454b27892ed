using System.Collections.Concurrent;
using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http.Features;

namespace DurableGateway.Conformance;

/// <summary>
/// The control listener of a gateway that misbehaves as scenarios describe. It has two addresses, and a third where no server listens.
/// </summary>
internal sealed class ScriptedGateway : IAsyncDisposable
{
    private const string RunsPath = "/_durable/v1/runs/";
    private const string StepsPath = "/steps";
    private const string EventsPath = "/_durable/v1/events";

    private readonly ConcurrentDictionary<string, ScriptedRun> _runs = new();
    private readonly WebApplication _app;

    private ScriptedGateway(WebApplication app) => _app = app;

    public static async Task<ScriptedGateway> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.Listen(IPAddress.Loopback, 0);
            kestrel.Listen(IPAddress.Loopback, 0);
            kestrel.Limits.MaxRequestBodySize = null;
        });
        var app = builder.Build();
        var gateway = new ScriptedGateway(app);
        app.Run(gateway.AnswerAsync);
        await app.StartAsync();
        return gateway;
    }

    public void Add(ScriptedRun run) => _runs[run.Id] = run;

    public string AddressOf(string name) => name switch
    {
        "a" => _app.Urls.First(),
        "b" => _app.Urls.Last(),
        _ => $"http://127.0.0.1:{ClosedPort}",
    };

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    /// <summary>A port that is reserved for this process and refuses connections.</summary>
    private int ClosedPort { get; } = Reserve();

    private static int Reserve()
    {
        // The socket is bound but does not listen. It remains until the process ends.
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        socket.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        Reserved.Add(socket);
        return ((IPEndPoint)socket.LocalEndPoint!).Port;
    }

    private static ConcurrentBag<Socket> Reserved { get; } = [];

    private async Task AnswerAsync(HttpContext context)
    {
        var target = context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        using var copy = new MemoryStream();
        await context.Request.Body.CopyToAsync(copy, context.RequestAborted);
        var headers = context.Request.Headers.ToDictionary(header => header.Key.ToLowerInvariant(), header => header.Value.ToString());
        var at = context.Connection.LocalPort == new Uri(AddressOf("a")).Port ? "a" : "b";
        var body = copy.ToArray();
        if (target == EventsPath) (target, body) = ReadEvent(headers, body);
        var (runId, step) = Read(target);
        if (runId is null || !_runs.TryGetValue(runId, out var run))
        {
            context.Response.StatusCode = StatusCodes.Status404NotFound;
            return;
        }

        var answer = await run.AnswerAsync(new Call(context.Request.Method, step, at, headers, body), context.RequestAborted);
        if (answer is null)
        {
            context.Abort();
            return;
        }

        context.Response.StatusCode = answer.Status;
        foreach (var (name, value) in answer.Headers) context.Response.Headers[name] = value;
        if (answer.Body.Length > 0) context.Response.ContentType = answer.ContentType;
        context.Response.ContentLength = answer.Body.Length;
        await context.Response.Body.WriteAsync(answer.Body, context.RequestAborted);
    }

    /// <summary>
    /// Converts an event in structured mode to binary mode, so that scenarios see both alike. Its source is its run.
    /// </summary>
    private static (string Target, byte[] Data) ReadEvent(Dictionary<string, string> headers, byte[] body)
    {
        if (!headers.GetValueOrDefault("content-type", "").StartsWith("application/cloudevents+json", StringComparison.Ordinal))
            return (headers.GetValueOrDefault("ce-source", ""), body);
        var happened = JsonNode.Parse(body)!.AsObject();
        foreach (var (name, value) in happened)
        {
            if (value is JsonValue && name is not ("data" or "data_base64")) headers["ce-" + name] = value.ToString();
        }

        return ((string?)happened["source"] ?? "", happened["data"] is { } data ? Encoding.UTF8.GetBytes(data.ToJsonString()) : []);
    }

    private static (string? Run, string? Step) Read(string target)
    {
        if (!target.StartsWith(RunsPath, StringComparison.Ordinal)) return (null, null);
        var rest = target[RunsPath.Length..];
        var slash = rest.IndexOf('/', StringComparison.Ordinal);
        if (slash < 0) return (rest, null);
        var step = rest[slash..];

        // An unencoded slash in an id is an error of the SDK.
        if (step.LastIndexOf('/') > StepsPath.Length) return (null, null);
        return (rest[..slash], step.Length > StepsPath.Length + 1 ? Uri.UnescapeDataString(step[(StepsPath.Length + 1)..]) : null);
    }
}
