using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace DurableGateway.Tests.Support;

/// <summary>A service behind the gateway on real Kestrel. The test sets its handler, and it records the requests.</summary>
internal sealed class TestService : IAsyncDisposable
{
    private readonly WebApplication _app;

    private TestService(WebApplication app) => _app = app;

    public string Url => _app.Urls.First();

    /// <summary>Every request that reached the service, in order of arrival.</summary>
    public ConcurrentQueue<SeenRequest> Seen { get; } = new();

    /// <param name="handle">Answers a request; the second argument counts the requests to that path, from 1.</param>
    /// <param name="port">0 for any free port.</param>
    /// <param name="readBody">Whether the body is read, and remembered, before the handler runs.</param>
    /// <param name="protocols">The HTTP versions.</param>
    public static async Task<TestService> StartAsync(
        Func<HttpContext, int, Task> handle, int port = 0, bool readBody = true, HttpProtocols protocols = HttpProtocols.Http1AndHttp2)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = null;
            kestrel.Listen(IPAddress.Loopback, port, listen => listen.Protocols = protocols);
        });
        var app = builder.Build();
        var service = new TestService(app);
        var counts = new ConcurrentDictionary<string, int>();
        app.Run(async context =>
        {
            var body = Array.Empty<byte>();
            if (readBody)
            {
                using var buffer = new MemoryStream();
                await context.Request.Body.CopyToAsync(buffer);
                body = buffer.ToArray();
            }

            service.Seen.Enqueue(SeenRequest.Of(context, body));
            await handle(context, counts.AddOrUpdate(context.Request.Path.Value ?? "", 1, (_, count) => count + 1));
        });
        await app.StartAsync();
        return service;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();
}

internal static class HttpContexts
{
    /// <summary>A handler that never answers. It ends when the gateway closes the connection.</summary>
    public static Task HangAsync(this HttpContext context)
    {
        var hung = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        context.RequestAborted.Register(() => hung.TrySetCanceled());
        return hung.Task;
    }
}

/// <summary>A request as the service saw it.</summary>
internal sealed record SeenRequest(string Method, string Target, IReadOnlyList<KeyValuePair<string, string>> Headers, byte[] Body)
{
    public string? this[string header] =>
        Headers.Where(line => line.Key.Equals(header, StringComparison.OrdinalIgnoreCase)).Select(line => line.Value).FirstOrDefault();

    public static SeenRequest Of(HttpContext context, byte[] body) => new(
        context.Request.Method,
        context.Features.Get<Microsoft.AspNetCore.Http.Features.IHttpRequestFeature>()!.RawTarget,
        [.. context.Request.Headers.SelectMany(header => header.Value.Select(value => KeyValuePair.Create(header.Key, value ?? "")))],
        body);
}
