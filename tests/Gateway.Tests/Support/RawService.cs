using System.Collections.Concurrent;
using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace DurableGateway.Tests.Support;

/// <summary>A raw service: its requests and responses are exactly the bytes on the wire.</summary>
internal sealed class RawService : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly ConcurrentDictionary<Wire, Task> _connections = new();
    private readonly ConcurrentDictionary<string, string> _testOfRun = new();
    private readonly Task _accepting;
    private Func<Wire, WireHead, Task> _handler = (_, _) => Task.CompletedTask;
    private string _test = "";

    private readonly X509Certificate2? _certificate;

    /// <param name="certificate">The certificate for TLS; <see langword="null"/> for plain HTTP.</param>
    public RawService(X509Certificate2? certificate = null)
    {
        _certificate = certificate;
        _listener.Start();
        _accepting = AcceptAsync();
    }

    public string Url => $"{(_certificate is null ? "http" : "https")}://{_listener.LocalEndpoint}";

    /// <summary>Answers a request after its head was read. The body is still unread.</summary>
    /// <remarks>
    /// It belongs to the test that sets it. It does not see replays of an earlier test's runs, which the service answers itself.
    /// </remarks>
    public Func<Wire, WireHead, Task> Handler
    {
        get => _handler;
        set
        {
            // A handler that is set during the call is for the next attempt of the same test.
            _test = TestContext.Current.Test?.UniqueID ?? _test;
            _handler = value;
        }
    }

    /// <summary>The whole requests, as <see cref="Reply(string[])"/> and <see cref="RecordAsync"/> saw them.</summary>
    public ConcurrentQueue<WireMessage> Seen { get; } = new();

    /// <summary>
    /// Reads each further request completely and answers with these bytes (Latin-1), in order. The last answer repeats.
    /// </summary>
    public void Reply(params string[] responses)
    {
        var count = -1;
        Handler = async (wire, head) =>
        {
            await RecordAsync(wire, head);
            var response = responses[Math.Min(Interlocked.Increment(ref count), responses.Length - 1)];
            await wire.WriteAsync(head.Method == "HEAD"
                ? response[..(response.IndexOf("\r\n\r\n", StringComparison.Ordinal) + 4)]
                : response);
        };
    }

    public async Task<WireMessage> RecordAsync(Wire wire, WireHead head)
    {
        if (head["Expect"] == "100-continue") await wire.WriteAsync("HTTP/1.1 100 Continue\r\n\r\n");
        var message = await wire.ReadRestAsync(head);
        Seen.Enqueue(message);
        return message;
    }

    public static string Ok(string body = "ok", params string[] headers) =>
        "HTTP/1.1 200 "
        + $"OK\r\n{string.Concat(headers.Select(line => line + "\r\n"))}Content-Length: {Encoding.Latin1.GetByteCount(body)}\r\n\r\n{body}";

    public async ValueTask DisposeAsync()
    {
        _listener.Stop();
        foreach (var wire in _connections.Keys) wire.Dispose();
        await _accepting;
        await Task.WhenAll(_connections.Values);
    }

    private async Task AcceptAsync()
    {
        while (true)
        {
            try
            {
                var client = await _listener.AcceptTcpClientAsync();
                client.NoDelay = true;
                Stream stream = client.GetStream();
                if (_certificate is not null)
                {
                    var tls = new SslStream(stream);
                    await tls.AuthenticateAsServerAsync(_certificate);
                    stream = tls;
                }

                var wire = new Wire(stream);
                _connections[wire] = ServeAsync(wire);
            }
            catch (Exception e) when (e is SocketException or ObjectDisposedException or InvalidOperationException)
            {
                return;
            }
        }
    }

    private async Task ServeAsync(Wire wire)
    {
        try
        {
            while (!wire.IsClosed && await wire.ReadHeadAsync() is { } head)
            {
                if (head["Durable-Run-Id"] is { } run && _testOfRun.GetOrAdd(run, _test) != _test)
                {
                    await wire.ReadRestAsync(head);
                    await wire.WriteAsync(Ok());
                }
                else
                {
                    await Handler(wire, head);
                }
            }
        }
        catch (Exception e) when (e is IOException or ObjectDisposedException or TimeoutException)
        {
            // The gateway closed the connection.
        }
        finally
        {
            wire.Dispose();
        }
    }
}
