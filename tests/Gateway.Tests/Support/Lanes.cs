using System.Text;

namespace DurableGateway.Tests.Support;

/// <summary>An exchange: the client's request, the request at the service, its response, and the response at the client.</summary>
internal sealed record Exchange(
    string Lane, WireMessage Sent, WireMessage? Seen, IReadOnlyList<WireHead> Informational, WireMessage Received);

/// <summary>
/// A gateway with three routes to one raw service: without a policy, with the policy <c>disable</c>, and durable. The host of a request
/// selects the route.
/// </summary>
public sealed class Lanes : IAsyncLifetime
{
    internal const string Plain = "plain";
    internal const string Disabled = "disab";
    internal const string Durable = "durab";

    /// <summary>The placeholder for the lane's host in a request. All hosts have the same length, so that all requests do too.</summary>
    internal const string Host = "{host}";

    private const string Tag = "X-Exchange";

    private static readonly string[] All = [Plain, Disabled, Durable];

    private readonly string[] _settings;

    public Lanes() : this(new RawService())
    {
    }

    /// <param name="service">The service behind the routes.</param>
    /// <param name="settings">Further configuration of the gateway.</param>
    internal Lanes(RawService service, params string[] settings)
    {
        Service = service;
        _settings = settings;
    }

    internal RawService Service { get; }
    internal GatewayHost Gateway { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Gateway = await StartAsync(Service.Url, _settings);

    public async ValueTask DisposeAsync()
    {
        await Gateway.DisposeAsync();
        await Service.DisposeAsync();
    }

    internal static Task<GatewayHost> StartAsync(string upstream, params string[] settings) =>
        GatewayHost.StartAsync(upstream, [.. Routes("upstream"), .. settings]);

    /// <summary>The three routes, to a cluster.</summary>
    internal static IEnumerable<string> Routes(string cluster) => All.SelectMany(lane => new[]
    {
        $"ReverseProxy:Routes:{lane}:ClusterId={cluster}",
        $"ReverseProxy:Routes:{lane}:Match:Path={{**path}}",
        $"ReverseProxy:Routes:{lane}:Match:Hosts:0={HostOf(lane)}",
        lane == Plain
            ? $"ReverseProxy:Routes:{lane}:Metadata:Nothing=durable"
            : $"ReverseProxy:Routes:{lane}:Metadata:Durable.Policy={(lane == Disabled ? "disable" : "default")}",
    });

    internal static string HostOf(string lane) => $"{lane}.test";

    /// <summary>The head of a request with no body.</summary>
    internal static string Get(string target, params string[] headers) => Head("GET", target, headers) + "\r\n";

    internal static string Head(string method, string target, params string[] headers) =>
        $"{method} {target} HTTP/1.1\r\nHost: {Host}\r\n{string.Concat(headers.Select(line => line + "\r\n"))}";

    /// <summary>Sends the bytes (Latin-1) on every lane. The service and the client must see the same on each.</summary>
    /// <returns>The exchange on the durable lane.</returns>
    internal async Task<Exchange> SameAsync(string request)
    {
        var plain = await SendAsync(Plain, request);
        Assert.DoesNotContain(plain.Received.Head.Lines, IsDurable);
        Assert.DoesNotContain(plain.Seen?.Head.Lines ?? [], IsDurable);
        AssertAlike(plain, await SendAsync(Disabled, request));
        var durable = await SendAsync(Durable, request);
        AssertAlike(plain, durable);
        return durable;
    }

    internal async Task<Exchange> SendAsync(string lane, string request)
    {
        // The tag distinguishes this exchange from replays of an earlier one.
        var tag = Guid.NewGuid().ToString("N");
        var tagged = request.Replace($"Host: {Host}\r\n", $"Host: {Host}\r\n{Tag}: {tag}\r\n", StringComparison.Ordinal);
        var bytes = Encoding.Latin1.GetBytes(tagged.Replace(Host, HostOf(lane), StringComparison.Ordinal));
        using var wire = await Wire.ConnectAsync(Gateway.Public);
        await wire.WriteAsync(bytes);
        var sent = await ParseAsync(bytes);
        var informational = new List<WireHead>();
        var head = await wire.ReadHeadAsync();
        while (head is { Status: < 200 and not 101 })
        {
            informational.Add(head);
            head = await wire.ReadHeadAsync();
        }

        Assert.NotNull(head);
        var received = await wire.ReadRestAsync(head, sent.Head.Method);
        return new Exchange(lane, sent, Service.Seen.FirstOrDefault(message => message.Head[Tag] == tag), informational, received);
    }

    internal static void AssertAlike(Exchange one, Exchange other)
    {
        Assert.Equal(Text(one.Seen, one.Lane), Text(other.Seen, other.Lane));
        Assert.Equal(Text(one.Received, one.Lane), Text(other.Received, other.Lane));
        Assert.Equal(one.Informational.Select(head => head.StartLine), other.Informational.Select(head => head.StartLine));
        Assert.True(one.Seen is null || one.Seen.Body.AsSpan().SequenceEqual(other.Seen!.Body), "The service saw other bodies.");
        Assert.True(one.Received.Body.AsSpan().SequenceEqual(other.Received.Body), "The clients saw other bodies.");
    }

    /// <summary>The head of the message without values that differ between lanes or over time.</summary>
    internal static string? Text(WireMessage? message, string lane)
    {
        if (message is null) return null;
        var lines = message.Head.Lines.Where(line => !IsDurable(line) && !Is(line, "Date", "traceparent", "tracestate", "baggage", Tag));
        return string.Join('\n', [message.Head.StartLine, .. lines, "", .. message.Trailers]).Replace(HostOf(lane),
            Host, StringComparison.Ordinal);
    }

    /// <summary>Asserts that the service saw the request as the client sent it.</summary>
    internal static void AssertAsSent(Exchange exchange)
    {
        var seen = exchange.Seen;
        Assert.True(seen is not null, $"The service saw nothing; the client got {exchange.Received.Head.StartLine}");
        Assert.Equal(exchange.Sent.Head.StartLine, seen.Head.StartLine);
        Assert.Equal(Fields(exchange.Sent.Head), Fields(seen.Head));
        Assert.True(exchange.Sent.Body.AsSpan().SequenceEqual(seen.Body), "The service saw another body.");
        Assert.Equal(exchange.Sent.Trailers, seen.Trailers);
    }

    /// <summary>Asserts that the client got the response as the service sent it.</summary>
    /// <param name="response">The response of the service.</param>
    /// <param name="exchange">The exchange.</param>
    /// <param name="beside">A field that the gateway adds.</param>
    internal static async Task AssertAsAnsweredAsync(string response, Exchange exchange, params string[] beside)
    {
        var answered = await ParseAsync(Encoding.Latin1.GetBytes(response), exchange.Sent.Head.Method);
        Assert.Equal(answered.Head.StartLine, exchange.Received.Head.StartLine);
        Assert.Equal(Fields(answered.Head), Fields(exchange.Received.Head).Where(line => !Is(line, beside)));
        Assert.True(answered.Body.AsSpan().SequenceEqual(exchange.Received.Body), "The client saw another body.");
        Assert.Equal(answered.Trailers, exchange.Received.Trailers);
    }

    /// <summary>
    /// The values of each end-to-end field in their order, which a proxy must preserve. A proxy may join the lines of a request field
    /// with commas (RFC 9110 §5.3), reorder different fields, and add a <c>Content-Length</c> of zero.
    /// </summary>
    private static IEnumerable<string> Fields(WireHead head) => head.Lines
        .Where(line => !line.Equals("Content-Length: 0", StringComparison.OrdinalIgnoreCase))
        .Where(line => !IsDurable(line) && !Is(line, "Date", "traceparent", "tracestate", "Host", "X-Forwarded-For", "X-Forwarded-Host",
            "X-Forwarded-Proto", "X-Forwarded-Prefix", "Connection", "Keep-Alive", "Transfer-Encoding", "TE",
            "Trailer", "Upgrade", "Expect"))
        .GroupBy(line => WireHead.Name(line).ToUpperInvariant())
        .OrderBy(group => group.Key, StringComparer.Ordinal)
        .SelectMany(group => head.IsResponse
            ? head.Values(group.Key).Select(value => $"{group.Key}: {value}")
            : [$"{group.Key}: {string.Join(group.Key == "COOKIE" ? "; " : ", ", head.Values(group.Key))}"]);

    private static async Task<WireMessage> ParseAsync(byte[] bytes, string? request = null)
    {
        using var wire = new Wire(new MemoryStream(bytes));
        return await wire.ReadRestAsync((await wire.ReadHeadAsync())!, request);
    }

    private static bool IsDurable(string line) => line.StartsWith("Durable-", StringComparison.OrdinalIgnoreCase);

    private static bool Is(string line, params string[] names) => names.Contains(WireHead.Name(line), StringComparer.OrdinalIgnoreCase);
}
