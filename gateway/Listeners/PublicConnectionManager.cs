using System.Buffers;
using System.Collections.Concurrent;
using DurableGateway.Configuration;
using DurableGateway.Http;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;

namespace DurableGateway.Listeners;

/// <summary>What a connection of the public listener passes before the server reads it.</summary>
internal sealed class PublicConnectionManager(ServerLimits limits, TimeProvider time)
{
    private static readonly byte[] Preface = [.. "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"u8];

    private readonly ConcurrentDictionary<ConnectionContext, long> _silent = new();
    private readonly ConcurrentDictionary<ConnectionContext, long> _arrived = new();
    private long _open;

    /// <summary>The server's pipeline for connections of HTTP/2.</summary>
    public ConnectionDelegate? Http2 { get; set; }

    /// <summary>
    /// Whether a client has connected within this time and not said anything yet: what it is about to say is to be answered.
    /// </summary>
    public bool IsAboutToSpeak(TimeSpan within) => _silent.Values.Concat(_arrived.Values).Any(since => time.GetElapsedTime(since) < within);

    /// <summary>A connection has been taken; until the server comes to it, it is about to speak.</summary>
    public void Arrived(ConnectionContext connection) => _arrived[connection] = time.GetTimestamp();

    /// <summary>The server has come to it.</summary>
    public void Begun(ConnectionContext connection) => _arrived.TryRemove(connection, out _);

    /// <summary>
    /// The server's own limit would count connections of the control listener, too, and shut out services for their clients.
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
                "There are as many connections as Durable:Limits:MaxConcurrentConnections allows."));
        }
    }

    /// <summary>
    /// Without TLS a client cannot ask for HTTP/2; one that knows begins with its preface (RFC 9113 §3.3), which is no request of
    /// HTTP/1.1. The server speaks one or the other on a port, so the choice is made here.
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
            // The client said nothing in its time, or left, or the server stops.
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
        // The server's own clocks do not run yet.
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
