using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net.Sockets;
using System.Text;
using DurableGateway.Configuration;
using DurableGateway.Diagnostics;
using DurableGateway.Protocol;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.WebUtilities;

namespace DurableGateway.Listeners;

/// <summary>
/// Opens tunnels for connections of the egress listener that begin with <c>CONNECT</c>. The server supports no tunnels: it would end a
/// connection as soon as the client has sent its last byte, and refuses a <c>Host</c> without the port. So these connections do not reach
/// it.
/// </summary>
internal sealed class TunnelHandler(GatewaySettings settings, DestinationGuard guard, TimeProvider time, ILogger<TunnelHandler> log)
{
    private const int MaxHead = 16 * 1024;
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(15);

    /// <summary>How long the client may take to read what is left when the tunnel has ended.</summary>
    private static readonly TimeSpan Linger = TimeSpan.FromSeconds(30);

    private readonly ForwardSettings _forward = settings.Forward;
    private int _open;

    /// <summary>Opens a tunnel, or gives the connection to the server.</summary>
    public async Task ServeAsync(ConnectionContext connection, ConnectionDelegate http)
    {
        if (await ReadHeadAsync(connection) is not { } head) return;
        if (head.Length > 0) await TunnelAsync(connection, head);
        else await http(connection);
    }

    private async Task TunnelAsync(ConnectionContext connection, byte[] head)
    {
        if (TunnelRequest.Parse(head, out var fault) is not { } request)
        {
            await RefuseAsync(connection, Problems.BadRequest(StatusCodes.Status400BadRequest, fault));
            return;
        }

        if (Refusal(request) is { } reason)
        {
            await RefuseAsync(connection, request, reason);
            return;
        }

        try
        {
            if (Interlocked.Increment(ref _open) > _forward.MaxTunnels)
            {
                await RefuseAsync(connection, Problems.TooManyTunnels(_forward.MaxTunnels));
                return;
            }

            using var destination = await ConnectAsync(connection, request);
            if (destination is null) return;
            Instruments.EgressUnbound.Add(1, new KeyValuePair<string, object?>(TelemetryNames.Attributes.Route, ForwardRoutes.Any));
            await connection.Transport.Output.WriteAsync("HTTP/1.1 200 Connection Established\r\n\r\n"u8.ToArray());
            await new Tunnel(connection, destination, _forward.TunnelIdleTimeout, time).RunAsync();
        }
        catch (Exception e) when (e is IOException or OperationCanceledException)
        {
            // The client has gone.
        }
        finally
        {
            Interlocked.Decrement(ref _open);
        }

        // The server waits until the client has read what is left, and the client may never do so.
        _ = AbortLaterAsync(connection);
    }

    private string? Refusal(TunnelRequest request) =>
        _forward.Mode != EgressForward.Any
            ? "Durable:Egress:Forward is Routes, and calls in tunnels cannot become steps. Call http:// and not https://: a route can "
                + "forward the call by https://."
        : !_forward.TunnelPorts.Contains(request.Port) ? "The port is not in Durable:Egress:TunnelPorts."
        : null;

    private async Task<Socket?> ConnectAsync(ConnectionContext connection, TunnelRequest request)
    {
        using var patience = new CancellationTokenSource(ConnectTimeout, time);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, Stopping(connection));
        try
        {
            return await guard.ConnectAsync(request.Host, request.Port, end.Token);
        }
        catch (DestinationRefusedException e)
        {
            await RefuseAsync(connection, request, e.Message);
        }
        catch (SocketException)
        {
            await RefuseAsync(connection, Problems.TunnelUnreachable());
        }
        catch (OperationCanceledException)
        {
            await RefuseAsync(connection, Problems.TunnelTimeout());
        }

        return null;
    }

    private Task RefuseAsync(ConnectionContext connection, TunnelRequest request, string reason)
    {
        log.DestinationRefused($"{request.Host}:{request.Port}", reason);
        return RefuseAsync(connection, Problems.DestinationRefused(reason));
    }

    private static async Task RefuseAsync(ConnectionContext connection, Problem problem)
    {
        var body = problem.ToJson();
        var head = string.Create(CultureInfo.InvariantCulture,
            $"HTTP/1.1 {problem.Status} {ReasonPhrases.GetReasonPhrase(problem.Status)}\r\nContent-Type: {Problem.ContentType}\r\n"
            + $"Cache-Control: no-store\r\nContent-Length: {body.Length}\r\nConnection: close\r\n\r\n");
        await connection.Transport.Output.WriteAsync((byte[])[.. Encoding.ASCII.GetBytes(head), .. body]);
    }

    /// <summary>Reads the head of a request for a tunnel, and nothing of any other request.</summary>
    /// <returns>The head; empty for another request; <see langword="null"/> if the connection is over.</returns>
    private async Task<byte[]?> ReadHeadAsync(ConnectionContext connection)
    {
        using var patience = new CancellationTokenSource(settings.Limits.KeepAliveTimeout, time);
        using var end = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, Stopping(connection));
        var input = connection.Transport.Input;
        var hasBegun = false;
        try
        {
            while (true)
            {
                var result = await input.ReadAsync(end.Token);
                var buffer = result.Buffer;
                if (!MayBegin(buffer) || (result.IsCompleted && buffer.IsEmpty))
                {
                    input.AdvanceTo(buffer.Start);
                    return [];
                }

                if (TryTake(buffer, out var head, out var rest))
                {
                    input.AdvanceTo(rest);
                    return head;
                }

                input.AdvanceTo(buffer.Start, buffer.End);
                if (result.IsCompleted) return null;
                if (buffer.Length > MaxHead)
                {
                    await RefuseAsync(connection, Problems.BadRequest(StatusCodes.Status431RequestHeaderFieldsTooLarge,
                        "The head of the request is too large."));
                    return null;
                }

                if (hasBegun || buffer.IsEmpty) continue;
                hasBegun = true;
                patience.CancelAfter(settings.Limits.RequestHeadersTimeout);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // The client sent nothing in time or disconnected, or the server is stopping.
            return null;
        }
    }

    private static bool MayBegin(ReadOnlySequence<byte> buffer)
    {
        Span<byte> first = stackalloc byte[TunnelRequest.Start.Length];
        var length = (int)Math.Min(buffer.Length, first.Length);
        buffer.Slice(0, length).CopyTo(first);
        return first[..length].SequenceEqual(TunnelRequest.Start[..length]);
    }

    private static bool TryTake(ReadOnlySequence<byte> buffer, [NotNullWhen(true)] out byte[]? head, out SequencePosition rest)
    {
        var reader = new SequenceReader<byte>(buffer);
        rest = buffer.Start;
        head = null;
        if (!reader.TryReadTo(out ReadOnlySequence<byte> lines, "\r\n\r\n"u8) || lines.Length > MaxHead) return false;
        rest = reader.Position;
        head = buffer.Slice(buffer.Start, rest).ToArray();
        return true;
    }

    private static CancellationToken Stopping(ConnectionContext connection) =>
        connection.Features.Get<IConnectionLifetimeNotificationFeature>()?.ConnectionClosedRequested ?? CancellationToken.None;

    private async Task AbortLaterAsync(ConnectionContext connection)
    {
        await Task.Delay(Linger, time);
        connection.Abort(new ConnectionAbortedException("The client does not read the end of its tunnel."));
    }
}
