using System;
using System.Linq;
using System.Net;
using System.Net.Http;
using System.Threading;
using System.Threading.Tasks;

namespace DurableGateway.Client;

/// <summary>The steps that the gateway completes: sleeps, waits, callbacks and calls of other routes.</summary>
internal sealed partial class StepRunner
{
    public Task SleepAsync(string name, TimeSpan time, CancellationToken cancellationToken = default)
    {
        if (time < TimeSpan.Zero)
            throw new ArgumentOutOfRangeException(nameof(time), time, "The duration of a sleep must not be negative.");
        return SleepAsync(name, ParkedWrite.For(time), () => time, cancellationToken);
    }

    public Task SleepUntilAsync(string name, DateTimeOffset time, CancellationToken cancellationToken = default) =>
        SleepAsync(name, ParkedWrite.Until(time), () => time - options.Now, cancellationToken);

    public Task<T?> WaitForEventAsync<T>(
        string name, string eventType, string? key = null, TimeSpan? timeout = null, TimeSpan? lookback = null,
        CancellationToken cancellationToken = default)
    {
        if (string.IsNullOrWhiteSpace(eventType))
            throw new ArgumentException("A wait must have an event type: the type of the CloudEvent.", nameof(eventType));
        if (key is { Length: 0 })
            throw new ArgumentException(
                "The key must not be empty. Omit it to accept the next event of the type with any key.", nameof(key));
        ThrowIfNegative(timeout, nameof(timeout), "Omit it to wait until the run times out.");
        ThrowIfNegative(lookback, nameof(lookback),
            "Omit it to accept events since the start of the run, or use zero to accept only events from now on.");
        cancellationToken.ThrowIfCancellationRequested();
        var write = new ParkedWrite(StepTypes.Wait)
            .With(DurableHeaders.EventType, StructuredField.Text(eventType))
            .With(DurableHeaders.EventKey, key is null ? null : StructuredField.Text(key))
            .With(DurableHeaders.StepTimeout, timeout)
            .With(DurableHeaders.EventLookback, lookback);
        return UnlessLateAsync(BeginAsync(
            name, StepTypes.Wait, PayloadOf<T>,
            (id, content) => AskAsync(id, content, "waits for an event, which needs a gateway", write), cancellationToken));

        static async Task<T?> UnlessLateAsync(Task<T?> waiting)
        {
            try
            {
                return await waiting.ConfigureAwait(false);
            }
            catch (StepFailedException e) when (e.Problem.IsStepTimeout)
            {
                return default;
            }
        }
    }

    public Task<T?> CallbackAsync<T>(
        string name, Func<Uri, CancellationToken, Task> handOut, TimeSpan? timeout = null, CancellationToken cancellationToken = default)
    {
        if (handOut is null)
            throw new ArgumentNullException(nameof(handOut),
                "A callback needs a function that sends its URL to the third party. Without the URL, nobody can complete the step.");
        ThrowIfNegative(timeout, nameof(timeout), "Omit it to wait until the run times out.");
        cancellationToken.ThrowIfCancellationRequested();
        var write = new ParkedWrite(StepTypes.Callback).With(DurableHeaders.StepTimeout, timeout);
        return BeginAsync(
            name, StepTypes.Callback, PayloadOf<T>,
            async (id, content) =>
            {
                using var response = await PutParkedAsync(id, "waits for a callback, which needs a gateway",
                    write).ConfigureAwait(true);
                if (response.StatusCode == HttpStatusCode.Accepted)
                    await HandOutAsync(id, response, handOut, cancellationToken).ConfigureAwait(true);
                return await ActOnAsync(id, response, content).ConfigureAwait(false);
            },
            cancellationToken);
    }

    public Task<T?> InvokeAsync<T>(
        string name, string path, object? body = null, HttpMethod? method = null, CancellationToken cancellationToken = default)
    {
        if (path is not { Length: > 0 } || path[0] != '/' || path.StartsWith("//", StringComparison.Ordinal) || path.IndexOf('#') >= 0)
            throw new ArgumentException($"'{path}' is not the path of a route. Give the part after the host, such as '/invoices?dry=1'.",
                nameof(path));
        cancellationToken.ThrowIfCancellationRequested();
        return BeginAsync(
            name, StepTypes.Invoke, PayloadOf<T>,
            (id, content) =>
            {
                var (bytes, contentType) = Payload(id, body);
                var write = new ParkedWrite(StepTypes.Invoke, body is null ? null : bytes, contentType)
                    .With(DurableHeaders.InvokePath, StructuredField.Target(path))
                    .With(DurableHeaders.InvokeMethod, (method ?? HttpMethod.Post).Method);
                return AskAsync(id, content, "calls another route, which needs a gateway", write);
            },
            cancellationToken);
    }

    private Task<bool> SleepAsync(string name, ParkedWrite write, Func<TimeSpan> left, CancellationToken cancellationToken) =>
        BeginAsync(
            name, StepTypes.Sleep, _ => StepContent.Nothing.Instance,
            async (id, content) =>
            {
                if (gateway is not null) return await AskAsync(id, content, "", write).ConfigureAwait(false);
                var time = left();
                if (time > TimeSpan.Zero) await options.DelayAsync(time, cancellationToken).ConfigureAwait(false);
                return true;
            },
            cancellationToken);

    /// <summary>Starts a step that the gateway completes, and returns its outcome if there is one already.</summary>
    private async Task<T> AskAsync<T>(string id, StepContent<T> content, string what, ParkedWrite write)
    {
        using var response = await PutParkedAsync(id, what, write).ConfigureAwait(false);
        return await ActOnAsync(id, response, content).ConfigureAwait(false);
    }

    private Task<HttpResponseMessage> PutParkedAsync(string id, string what, ParkedWrite write) =>
        RequireGateway(id, what).PutAsync(id, write);

    /// <summary>Executes the hand-out as a separate step, before the callback's step suspends the run.</summary>
    private async Task HandOutAsync(
        string callback, HttpResponseMessage response, Func<Uri, CancellationToken, Task> handOut, CancellationToken cancellationToken)
    {
        var text = response.Headers.TryGetValues(DurableHeaders.CallbackUrl, out var values) ? values.First() : null;
        if (!Uri.TryCreate(text, UriKind.RelativeOrAbsolute, out var url) || text is "")
            throw new CheckpointException($"Step '{callback}': the gateway returned no URL for the callback "
                + $"({DurableHeaders.CallbackUrl}). Check whether the gateway knows its public address.");
        var id = _names.EnterHandOut(callback);
        await BeginAsync(
            id, StepTypes.Run, Role.HandOut, _ => StepContent.Nothing.Instance,
            (_, content) => ExecuteAsync(id, token => GivingNothingAsync(inner => handOut(url, inner), token),
                content, null, cancellationToken),
            cancellationToken).ConfigureAwait(true);
    }

    private GatewayClient RequireGateway(string id, string what) => gateway ?? throw new StepUsageException(
        $"Step '{id}' {what}, but this request did not come through one. Call the service through the gateway, by a durable route. "
        + $"In a unit test, pass an {nameof(IStep)} of the test to the handler.");

    private PayloadContent<T> PayloadOf<T>(string id) => new(ContentOf<T>(id));

    private static void ThrowIfNegative(TimeSpan? span, string name, string instead)
    {
        if (span < TimeSpan.Zero) throw new ArgumentOutOfRangeException(name, span, "A time span must not be negative. " + instead);
    }
}
