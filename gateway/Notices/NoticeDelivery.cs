using System.Collections.Immutable;
using System.Net.Mime;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using CloudNative.CloudEvents;
using CloudNative.CloudEvents.SystemTextJson;
using DurableGateway.Configuration;
using DurableGateway.Diagnostics;
using DurableGateway.Listeners;
using DurableGateway.Runs;
using DurableGateway.Storage;

namespace DurableGateway.Notices;

/// <summary>
/// Brings notices to the webhook of <c>Durable:Notices</c>: CloudEvents 1.0 in structured mode, signed as the Standard Webhooks
/// specification says. Delivered at least once: a notice stays in its queue until the webhook has answered with a success, and whoever
/// finds it due tries again.
/// </summary>
internal sealed class NoticeDelivery(GatewaySettings settings, CallbackAddressProvider addresses, RunRecordReader runs,
    IHttpClientFactory clients, TimeProvider time, ILogger<NoticeDelivery> log)
    : IOutboxHandler
{
    /// <summary>The name of the HTTP client that calls the webhook.</summary>
    public const string Client = "notices";

    /// <summary>How long one delivery takes at most. Shorter than the time for which a node has an entry of the outbox.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(8);

    private static readonly TimeSpan FirstRetry = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LastRetry = TimeSpan.FromMinutes(30);
    private static readonly TimeSpan GiveUpAfter = TimeSpan.FromDays(1);
    private static readonly JsonEventFormatter Formatter = new(JsonSerializerOptions.Web, default);

    string IOutboxHandler.Prefix => Notice.Prefix;

    async Task<OutboxDisposition> IOutboxHandler.HandleAsync(OutboxEntry entry) =>
        Notice.TryParse(entry.Name, out var notice) && await DeliverAsync(notice) is { } later
            ? OutboxDisposition.Retry(later)
            : OutboxDisposition.Done;

    /// <returns>When it is to be tried again; <see langword="null"/> where it has been delivered, or never will be.</returns>
    private async Task<DateTimeOffset?> DeliverAsync(Notice notice)
    {
        // The webhook is no longer configured: notices that are left are dropped.
        if (settings.Notices is not { } webhook || await runs.GetAsync(notice.Run) is not { } run) return null;
        if (await SendAsync(webhook, notice, run) is not { } problem)
        {
            Count(notice, "delivered");
            return null;
        }

        var age = time.GetUtcNow() - notice.At;
        if (age > GiveUpAfter)
        {
            log.NoticeGivenUp(notice.Id, problem);
            Count(notice, "given_up");
            return null;
        }

        log.NoticeFailed(notice.Id, problem);
        Count(notice, "failed");

        // Each pause is as long as all before it.
        return time.GetUtcNow() + (age < FirstRetry ? FirstRetry : age > LastRetry ? LastRetry : age);
    }

    /// <returns>What went wrong.</returns>
    private async Task<string?> SendAsync(NoticeSettings webhook, Notice notice, RunRecord run)
    {
        var body = Formatter.EncodeStructuredModeMessage(Event(notice, run), out var contentType);
        var now = time.GetUtcNow().ToUnixTimeSeconds();
        using var request = new HttpRequestMessage(HttpMethod.Post, webhook.Url) { Content = new ReadOnlyMemoryContent(body) };
        request.Content.Headers.TryAddWithoutValidation("Content-Type", contentType.ToString());
        request.Headers.Add("webhook-id", notice.Id);
        request.Headers.Add("webhook-timestamp", $"{now}");
        request.Headers.Add("webhook-signature", Sign(webhook.Secret, notice.Id, now, body.Span));
        try
        {
            using var answer = await clients.CreateClient(Client).SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
            return answer.IsSuccessStatusCode ? null : $"It answered {(int)answer.StatusCode}.";
        }
        catch (Exception e) when (e is HttpRequestException or OperationCanceledException or Polly.ExecutionRejectedException)
        {
            return e.Message;
        }
    }

    internal static string Sign(ImmutableArray<byte> secret, string id, long timestamp, ReadOnlySpan<byte> body)
    {
        using var mac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, secret.AsSpan());
        mac.AppendData(Encoding.UTF8.GetBytes($"{id}.{timestamp}."));
        mac.AppendData(body);
        return "v1," + Convert.ToBase64String(mac.GetHashAndReset());
    }

    /// <summary>Where an operator sees the run: at any node, where there is such an address.</summary>
    private string Control => settings.SharedAddress ?? addresses.Own;

    private CloudEvent Event(Notice notice, RunRecord run) => new(CloudEventsSpecVersion.V1_0)
    {
        Id = notice.Id,
        Type = "durable-gateway.run." + notice.Kind.ToString().ToLowerInvariant(),
        Source = new Uri(Control),
        Subject = notice.Run.ToString(),
        Time = notice.At,
        DataContentType = MediaTypeNames.Application.Json,
        Data = new NoticeData(
            notice.Run.ToString(), run.Route, run.Method, run.Path.Split('?')[0], run.State.Name(), run.Attempt,
            run.StartedAt, run.EndedAt, run.NextAttemptAt,
            run.CompletedSteps, run.FailedSteps, run.Mismatches, run.Note.Reason is { Length: > 0 } ? run.Note.ToString() : null,
            $"{Control}/runs/{notice.Run}"),
    };

    private static void Count(Notice notice, string outcome) => Instruments.Notices.Add(1,
        new(TelemetryNames.Attributes.NoticeKind, notice.Kind.ToString().ToLowerInvariant()),
        new(TelemetryNames.Attributes.Outcome, outcome));
}
