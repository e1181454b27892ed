using System.Collections.Concurrent;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Threading.Channels;

[assembly: AssemblyFixture(typeof(DurableGateway.Tests.Support.HubsFixture))]

namespace DurableGateway.Tests.Support;

/// <summary>
/// A gateway and a service whose attempts the test controls: it sends their checkpoints and answers them. Tests with the same settings
/// share both, and each has its own path.
/// </summary>
internal sealed class World : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>A retry delay that is longer than any test.</summary>
    public const string RetryMuchLater = "Durable:Policies:default:Retry:Delay=00:04:00";

    private static int _count;

    private readonly Channel<HeldAttempt> _arrived = Channel.CreateUnbounded<HeldAttempt>();
    private readonly ConcurrentBag<HeldAttempt> _all = [];
    private readonly string _path = $"/w{Interlocked.Increment(ref _count)}";
    private readonly Hub _hub;
    private Task<HttpResponseMessage>? _live;

    private World(Hub hub)
    {
        _hub = hub;
        hub.Handlers[_path] = HoldAsync;
    }

    public GatewayHost Gateway => _hub.Gateway;
    public string Path => _path;

    public static async Task<World> StartAsync(params string[] settings)
    {
        var world = new World(await Hub.RentAsync(settings));
        var connection = world.Gateway.Services.GetRequiredService<DurableGateway.Storage.StoreConnection>();
        await Eventually.TrueAsync(() => connection.IsReady, "the store is there");
        return world;
    }

    public static async Task<World> StartAsync<TStore>(params string[] settings) where TStore : IStoreChoice =>
        await StartAsync([.. settings, .. await TStore.SettingsAsync(settings)]);

    /// <summary>Sends a request and returns its first attempt when it reaches the service.</summary>
    public Task<HeldAttempt> BeginAsync(params (string Name, string Value)[] headers)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, _path);
        foreach (var (name, value) in headers) request.Headers.TryAddWithoutValidation(name, value);
        _live = Gateway.Client.SendAsync(request);
        return NextAttemptAsync();
    }

    public Task<HeldAttempt> NextAttemptAsync() => _arrived.Reader.ReadAsync().AsTask().WaitAsync(Patience);

    /// <summary>The response to the client of <see cref="BeginAsync"/>.</summary>
    public Task<HttpResponseMessage> LiveAnswerAsync() => _live!.WaitAsync(Patience);

    /// <summary>Starts a run, fails its first attempt, and returns its result URL.</summary>
    public async Task<string> ParkAsync()
    {
        (await BeginAsync()).Answer(503);
        using var redirect = await LiveAnswerAsync();
        Assert.Equal(HttpStatusCode.SeeOther, redirect.StatusCode);
        return redirect.Headers.Location!.OriginalString;
    }

    /// <summary>The URL whose <c>DELETE</c> cancels the run of a result URL.</summary>
    public static string RunUrl(string resultUrl) => resultUrl.Replace("?", "/run?", StringComparison.Ordinal);

    public async ValueTask DisposeAsync()
    {
        _hub.Handlers.TryRemove(_path, out _);
        foreach (var attempt in _all) attempt.Answer(200);
        await _hub.ReturnAsync();
    }

    private async Task HoldAsync(HttpContext context)
    {
        var attempt = new HeldAttempt(SeenRequest.Of(context, []));
        context.RequestAborted.Register(attempt.Abort);
        _all.Add(attempt);
        _arrived.Writer.TryWrite(attempt);
        var answer = await attempt.Answered.WaitAsync(context.RequestAborted);
        context.Response.StatusCode = answer.Status;
        foreach (var (name, value) in answer.Headers) context.Response.Headers.Append(name, value);
        await context.Response.Body.WriteAsync(answer.Body);
    }
}

/// <summary>
/// A gateway and a service for all tests with the same settings. A few unused ones are kept for later tests; each has a store in memory.
/// </summary>
internal sealed class Hub
{
    private const int MaxIdle = 6;

    private static readonly object HubsLock = new();
    private static readonly Dictionary<string, Hub> Hubs = [];

    private readonly string _settings;
    private readonly Lazy<Task> _started;
    private int _users;
    private long _idleSince;

    private Hub(string[] settings)
    {
        _settings = string.Join(' ', settings);
        _started = new Lazy<Task>(() => StartAsync(settings));
    }

    public TestService Service { get; private set; } = null!;
    public GatewayHost Gateway { get; private set; } = null!;

    /// <summary>The handlers of the service by path. Requests for a test that has ended are answered immediately.</summary>
    public ConcurrentDictionary<string, Func<HttpContext, Task>> Handlers { get; } = new();

    public static async Task<Hub> RentAsync(params string[] settings)
    {
        Hub? hub;
        lock (HubsLock)
        {
            var key = string.Join(' ', settings);
            if (!Hubs.TryGetValue(key, out hub)) Hubs[key] = hub = new Hub(settings);
            hub._users++;
        }

        await hub._started.Value;
        return hub;
    }

    public async Task ReturnAsync()
    {
        Hub? oldest = null;
        lock (HubsLock)
        {
            _idleSince = Environment.TickCount64;
            if (--_users > 0) return;
            var idle = Hubs.Values.Where(hub => hub._users == 0).ToList();
            if (idle.Count > MaxIdle) oldest = idle.MinBy(hub => hub._idleSince)!;
            if (oldest is not null) Hubs.Remove(oldest._settings);
        }

        if (oldest is not null) await oldest.StopAsync();
    }

    public static async Task StopAllAsync()
    {
        foreach (var hub in Hubs.Values) await hub.StopAsync();
    }

    private async Task StartAsync(string[] settings)
    {
        Service = await TestService.StartAsync(
            (context, _) => Handlers.TryGetValue(context.Request.Path.Value!, out var handler) ? handler(context) : Task.CompletedTask,
            readBody: false);
        Gateway = await GatewayHost.StartAsync(Service.Url, settings);
    }

    private async Task StopAsync()
    {
        // A gateway that did not start has failed the tests that asked for it.
        if (Gateway is not null) await Gateway.DisposeAsync();
        if (Service is not null) await Service.DisposeAsync();
    }
}

/// <summary>Disposes all <see cref="Hub"/>s.</summary>
public sealed class HubsFixture : IAsyncDisposable
{
    public async ValueTask DisposeAsync()
    {
        await Hub.StopAllAsync();
        await OnRedis.StopAsync();
    }
}

/// <summary>An attempt at the service, which the test controls.</summary>
internal sealed class HeldAttempt(SeenRequest request)
{
    private static readonly HttpClient Control = new(new SocketsHttpHandler
    {
        UseCookies = false,
        RequestHeaderEncodingSelector = (_, _) => Encoding.UTF8,
    });
    private readonly TaskCompletionSource<(int, byte[], (string,
        string)[])> _answer = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private readonly TaskCompletionSource _aborted = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public SeenRequest Request => request;
    public string Callback => request["Durable-Callback"]!;
    public string Token => request["Durable-Token"]!;
    public string RunId => request["Durable-Run-Id"]!;
    public Task<(int Status, byte[] Body, (string Name, string Value)[] Headers)> Answered => _answer.Task!;

    public void Answer(int status, string body = "", params (string Name, string Value)[] headers) =>
        AnswerBytes(status, Encoding.UTF8.GetBytes(body), headers);

    public void AnswerBytes(int status, byte[] body, params (string Name, string Value)[] headers) =>
        _answer.TrySetResult((status, body, headers));

    /// <summary>Completes when the gateway closes the connection of the attempt.</summary>
    public Task Aborted => _aborted.Task;

    public void Abort() => _aborted.TrySetResult();

    public void Suspend() => Answer(202, "", ("Durable-Suspended", "?1"));

    /// <param name="segment">The step's id as it is in the request target.</param>
    /// <param name="body">The outcome.</param>
    /// <param name="headers">Headers in addition to the token. The default of <c>Content-Type</c> is <c>application/json</c>; an empty
    /// value omits it.</param>
    public Task<CallAnswer> PutAsync(string segment, string body = "1", params (string Name, string Value)[] headers) =>
        PutBytesAsync(segment, Encoding.UTF8.GetBytes(body), headers);

    public async Task<CallAnswer> PutBytesAsync(string segment, byte[] body, params (string Name, string Value)[] headers)
    {
        using var call = Call(HttpMethod.Put, $"{Callback}/steps/{segment}", Token);
        call.Content = new ByteArrayContent(body);
        if (!headers.Any(header => header.Name == "Content-Type"))
            call.Content.Headers.TryAddWithoutValidation("Content-Type", "application/json");
        foreach (var (name, value) in headers)
        {
            if (name != "Content-Type") call.Headers.TryAddWithoutValidation(name, value);
            else if (value.Length > 0) call.Content.Headers.TryAddWithoutValidation(name, value);
        }

        return await SendAsync(call);
    }

    /// <summary>A step of a type other than <c>run</c>.</summary>
    public Task<CallAnswer> PutTypeAsync(string type, string segment, params (string Name, string Value)[] headers) =>
        PutAsync(segment, "", [("Durable-Step-Type", type), .. headers]);

    public Task<CallAnswer> FailAsync(string segment, params (string Name, string Value)[] headers) =>
        PutAsync(segment, """{"title":"no"}""",
            [("Durable-Step-Outcome", "failed"), ("Content-Type", "application/problem+json"), .. headers]);

    /// <summary>The same call, with another token, or none.</summary>
    public async Task<CallAnswer> PutWithTokenAsync(string segment, string? token)
    {
        using var call = Call(HttpMethod.Put, $"{Callback}/steps/{segment}", token);
        call.Content = new StringContent("1");
        return await SendAsync(call);
    }

    public async Task<CallAnswer> GetAsync(string path = "", string? token = null)
    {
        using var call = Call(HttpMethod.Get, Callback + path, token ?? Token);
        return await SendAsync(call);
    }

    public static async Task<CallAnswer> SendAsync(HttpRequestMessage call)
    {
        using var answer = await Control.SendAsync(call).WaitAsync(World.Patience);
        var headers = answer.Headers.Concat(answer.Content.Headers).ToDictionary(
            header => header.Key, header => string.Join(", ", header.Value), StringComparer.OrdinalIgnoreCase);
        return new CallAnswer(answer.StatusCode, headers, await answer.Content.ReadAsByteArrayAsync());
    }

    public static HttpRequestMessage Call(HttpMethod method, string url, string? token)
    {
        // Do not normalize the path: these calls test dots, percent signs and slashes.
        var call = new HttpRequestMessage(method,
            new Uri(url, new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true }));
        if (token is not null) call.Headers.TryAddWithoutValidation("Durable-Token", token);
        return call;
    }
}

/// <summary>A response of the control listener.</summary>
internal sealed record CallAnswer(HttpStatusCode Status, IReadOnlyDictionary<string, string> Headers, byte[] Body)
{
    public string Text => Encoding.UTF8.GetString(Body);
    public string? this[string header] => Headers.GetValueOrDefault(header);
    public JsonElement Json => JsonDocument.Parse(Body).RootElement;

    public void AssertProblem(HttpStatusCode status, string name)
    {
        Assert.Equal(status, Status);
        Assert.Equal("application/problem+json", this["Content-Type"]);
        Assert.Equal("/_durable/problems/" + name, Json.GetProperty("type").GetString());
        Assert.Equal((int)status, Json.GetProperty("status").GetInt32());
    }
}
