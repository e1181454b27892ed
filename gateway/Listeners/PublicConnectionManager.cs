using System.Buffers;
using System.Collections.Concurrent;
using DurableGateway.Configuration;
using DurableGateway.Http;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace DurableGateway.Listeners;

/// <summary>Handles a connection of the public listener before the server reads from it.</summary>
internal sealed class PublicConnectionManager(ServerLimits limits, TimeProvider time)
{
    private static readonly byte[] Preface = [.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8];

    private readonly ConcurrentDictionary<ConnectionContext, long> _silent = new();
    private readonly ConcurrentDictionary<ConnectionContext, long> _arrived = new();
    private long _open;

    /// <summary>The server's pipeline for HTTP/2 connections.</summary>
    public ConnectionDelegate? Http2 { get; set; }

    /// <summary>
    /// Whether a client has connected within this time and has not sent anything yet. Its first request must still be answered.
    /// </summary>
    public bool IsAboutToSpeak(TimeSpan within) => _silent.Values.Concat(_arrived.Values).Any(since => time.GetElapsedTime(since) < within);

    /// <summary>Records an accepted connection that the server does not handle yet.</summary>
    public void Arrived(ConnectionContext connection) => _arrived[connection] = time.GetTimestamp();

    /// <summary>Records that the server handles the connection.</summary>
    public void Begun(ConnectionContext connection) => _arrived.TryRemove(connection, out _);

    /// <summary>
    /// Limits the public connections. The server's own limit would include connections of the control listener, so that clients could lock
    /// out services.
    /// </summary>
    public async Task LimitAsync(ConnectionContext connection, ConnectionDelegate next)
    {
        try
        {
            if (Interlocked.Increment(ref _open) <= limits.MaxConcurrentConnections) await next(connection);
            else Refuse(connection);
        }
        finally
        {
            Interlocked.Decrement(ref _open);
        }

        void Refuse(ConnectionContext connection)
        {
            Begun(connection);
            connection.Abort(new ConnectionAbortedException(
                "The number of connections exceeds Durable:Limits:MaxConcurrentConnections."));
        }
    }

    /// <summary>
    /// Chooses the protocol. A client cannot negotiate HTTP/2 without TLS. A client that assumes it begins with the HTTP/2 preface (RFC
    /// 9113 §3.3), which is not a valid HTTP/1.1 request. The server supports only one of the protocols on a port, so the choice is made
    /// here.
    /// </summary>
    public async Task ChooseAsync(ConnectionContext connection, ConnectionDelegate http1)
    {
        ConnectionDelegate chosen;
        _silent.TryAdd(connection, time.GetTimestamp());
        Begun(connection);
        try
        {
            chosen = await IsHttp2Async(connection) ? Http2! : http1;
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // The client sent nothing in time or disconnected, or the server is stopping.
            return;
        }
        finally
        {
            _silent.TryRemove(connection, out _);
        }

        await chosen(connection);
    }

    private async Task<bool> IsHttp2Async(ConnectionContext connection)
    {
        // The server's own timeouts do not apply yet.
        var stopping = connection.Features.Get<IConnectionLifetimeNotificationFeature>()?.ConnectionClosedRequested
            ?? CancellationToken.None;
        using var idle = new CancellationTokenSource(limits.KeepAliveTimeout, time);
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(idle.Token, stopping);
        var input = connection.Transport.Input;
        while (true)
        {
            var result = await input.ReadAsync(patience.Token);
            var start = result.Buffer;
            var undecided = start.Length < Preface.Length && !result.IsCompleted && Matches(start);
            var matches = start.Length >= Preface.Length && Matches(start);
            input.AdvanceTo(start.Start, undecided ? start.End : start.Start);
            if (!undecided) return matches;
            if (start.Length > 0) idle.CancelAfter(limits.RequestHeadersTimeout);
        }
    }

    private static bool Matches(ReadOnlySequence<byte> start)
    {
        Span<byte> first = stackalloc byte[Preface.Length];
        var length = (int)Math.Min(start.Length, Preface.Length);
        start.Slice(0, length).CopyTo(first);
        return first[..length].SequenceEqual(Preface.AsSpan(0, length));
    }
}
