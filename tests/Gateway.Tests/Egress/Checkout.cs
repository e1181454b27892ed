using System.Text;
using DurableGateway.Egress;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using DurableGateway.Tests.Support;

namespace DurableGateway.Tests.Egress;

/// <summary>A service that makes calls through the egress listener, the service that it calls, and the gateway between them.</summary>
internal sealed class Checkout : IAsyncDisposable
{
    public const string TraceState = "tracestate";
    public const string Baggage = "baggage";
    public const string Token = "Durable-Egress-Token";

    /// <summary>Sends the headers that a test sets, and none of its own.</summary>
    public static readonly HttpClient Client = new(new SocketsHttpHandler
    {
        ActivityHeadersPropagator = null,
        PooledConnectionLifetime = TimeSpan.Zero,
    });

    public required TestService Payments { get; init; }
    public required TestService Service { get; init; }
    public GatewayHost Gateway { get; private set; } = null!;

    /// <summary>What the gateway knows of the service's calls.</summary>
    public Callers Callers { get; } = new();

    public RunId Run =>
        RunId.TryParse(Service.Seen.First()["Durable-Run-Id"], out var run) ? run : throw new InvalidOperationException();

    /// <summary>The bodies of the calls that reached the service that is called.</summary>
    public string[] Ledger => [.. Payments.Seen.Select(call => Encoding.UTF8.GetString(call.Body))];

    /// <param name="handle">The handler of the service; its second argument counts the attempts.</param>
    /// <param name="pay">The handler of the service that is called. By default it answers <c>201</c>.</param>
    /// <param name="settings">Settings of the gateway, and metadata of the route as <c>Durable.Step.Drift=Fail</c>.</param>
    public static async Task<Checkout> StartAsync(
        Func<Checkout, HttpContext, int, Task> handle, Func<HttpContext, int, Task>? pay = null, params string[] settings) =>
        await StartAsync(handle, pay, null, settings);

    /// <param name="handle">The handler of the service; its second argument counts the attempts.</param>
    /// <param name="pay">The handler of the service that is called. By default it answers <c>201</c>.</param>
    /// <param name="customize">Changes the gateway.</param>
    /// <param name="settings">Settings of the gateway, and metadata of the route as <c>Durable.Step.Drift=Fail</c>.</param>
    public static async Task<Checkout> StartAsync(Func<Checkout, HttpContext, int, Task> handle, Func<HttpContext, int, Task>? pay,
        Action<WebApplicationBuilder>? customize, params string[] settings)
    {
        Checkout? checkout = null;
        checkout = new Checkout
        {
            Payments = await TestService.StartAsync(pay ?? PayAsync),
            Service = await TestService.StartAsync((context, count) => handle(checkout!, context, count), readBody: false),
        };
        checkout.Gateway = await GatewayHost.StartAsync(checkout.Service.Url, builder =>
        {
            builder.Services.AddSingleton<IStartupFilter>(checkout.Callers);
            customize?.Invoke(builder);
        }, Settings(checkout.Payments.Url, settings));
        return checkout;
    }

    public static string[] Settings(string payments, params string[] settings) =>
    [
        "Durable:Listeners:Egress=http://127.0.0.1:0",
        "ReverseProxy:Routes:payments:ClusterId=payments",
        "ReverseProxy:Routes:payments:Match:Path=/payments/{**rest}",
        "ReverseProxy:Routes:payments:Metadata:Durable.Step=Remember",
        $"ReverseProxy:Clusters:payments:Destinations:one:Address={payments}",
        .. settings.Select(setting => setting.StartsWith("Durable.Step", StringComparison.Ordinal)
            ? "ReverseProxy:Routes:payments:Metadata:" + setting
            : setting),
    ];

    /// <summary>Answers with a number that is another one each time.</summary>
    public static Task PayAsync(HttpContext context, int count)
    {
        context.Response.StatusCode = 201;
        context.Response.Headers["X-Receipt"] = $"r{count}";
        return context.Response.WriteAsync($"receipt {count}");
    }

    /// <summary>Makes a call as the handler of a request does, with what one carrier hands on.</summary>
    public Task<HttpResponseMessage> CallAsync(
        HttpContext context, string body, string carrier = TraceState, string path = "/payments/charges",
        Uri? egress = null, CancellationToken cancellation = default) =>
        Client.SendAsync(Request(context.Request.Headers[carrier], body, carrier, path, egress), cancellation);

    /// <summary>Makes a call, and disconnects when it has got somewhere. Returns when the gateway has noticed that.</summary>
    public async Task LeaveAsync(HttpContext context, string body, Task reached)
    {
        using var impatience = new CancellationTokenSource();
        var call = CallAsync(context, body, cancellation: impatience.Token);
        await reached;
        await impatience.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => call);
        await Callers.Gone;
    }

    public Attempt Attempt =>
        Gateway.Services.GetRequiredService<AttemptRegistry>().TryGet(Run, out var attempt)
            ? attempt
            : throw new InvalidOperationException("The attempt is over.");

    /// <summary>Returns when a number of calls wait for another one.</summary>
    public Task WaitingAsync(int calls) => Eventually.TrueAsync(
        () => Gateway.Services.GetRequiredService<CallLedgers>().Of(Attempt).Waiting == calls, "a call waits for another one");

    /// <summary>Returns when the history of the run says something about a call.</summary>
    public Task NotedAsync(string text) => Eventually.TrueAsync(
        async () => (await Gateway.Services.GetRequiredService<IRunHistory>().GetAsync(Run))
            .Any(entry => entry.Kind == HistoryKind.Mismatch && entry.Text == text),
        "the history says what became of the call");

    public HttpRequestMessage Request(
        string? carried, string body, string carrier = TraceState, string path = "/payments/charges", Uri? egress = null)
    {
        var request = new HttpRequestMessage(HttpMethod.Post, new Uri(egress ?? Gateway.Egress, path))
        {
            Content = new StringContent(body, Encoding.UTF8, body.StartsWith('{') ? "application/json" : "text/plain"),
        };
        if (!string.IsNullOrEmpty(carried)) request.Headers.TryAddWithoutValidation(carrier, carried);
        return request;
    }

    public async ValueTask DisposeAsync()
    {
        await Gateway.DisposeAsync();
        await Service.DisposeAsync();
        await Payments.DisposeAsync();
    }
}
