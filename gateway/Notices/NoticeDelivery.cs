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
/// Delivers notices to the webhook of <c>Durable:Notices</c>: CloudEvents 1.0 in structured mode, signed according to the Standard
/// Webhooks specification. Delivery is at least once: a notice stays in the outbox until the webhook answers with a success, and any node
/// that finds it due retries.
/// </summary>
internal sealed class NoticeDelivery(GatewaySettings settings, CallbackAddressProvider addresses, RunRecordReader runs,
    IHttpClientFactory clients, TimeProvider time, ILogger<NoticeDelivery> log)
    : IOutboxHandler
{
    /// <summary>The name of the HTTP client that calls the webhook.</summary>
    public const string Client = "notices";

    /// <summary>The timeout of one delivery. Shorter than the time for which a node owns an outbox entry.</summary>
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

    /// <returns>The time of the next try; <see langword="null"/> if the notice is delivered or given up.</returns>
    private async Task<DateTimeOffset?> DeliverAsync(Notice notice)
    {
        // If the webhook is no longer configured, drop the remaining notices.
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

        // The delay is the age of the notice, so it doubles.
        return time.GetUtcNow() + (age < FirstRetry ? FirstRetry : age > LastRetry ? LastRetry : age);
    }

    /// <returns>The error, or <see langword="null"/> after a success.</returns>
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
            return answer.IsSuccessStatusCode ? null : $"The webhook answered {(int)answer.StatusCode}.";
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

    /// <summary>The base address of the run's page: the shared address of all nodes if configured, otherwise this node.</summary>
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
