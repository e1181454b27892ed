using System.Text.Json;
using DurableGateway.Admin;
using DurableGateway.Configuration;
using DurableGateway.Http;
using DurableGateway.Listeners;
using DurableGateway.Protocol;
using DurableGateway.Proxy;
using DurableGateway.Runs;

namespace DurableGateway.Events;

/// <summary><c>POST /_durable/v1/events</c> on the control listener (§6): accepts a CloudEvent and wakes waiting runs.</summary>
internal sealed class EventEndpoints(EventDelivery delivery, AdminAccess access, Tokens tokens, GatewaySettings settings)
{
    public const string Path = "/_durable/v1/events";

    public void Map(IEndpointRouteBuilder routes) => routes.MapPost(Path, TakeAsync);

    private async Task TakeAsync(HttpContext context)
    {
        var response = context.Response;
        var maySend = access.MaySendEvents(context);
        if (!maySend && !context.Request.Headers.ContainsKey(DurableHeaders.Token))
        {
            // Refuse before reading the body.
            await (access.IsForeign(context.Request)
                ? response.WriteProblemAsync(Problems.ForeignPage(context.Request.Host.Host))
                : response.WriteChallengeAsync(Problems.EventKeyRequired()));
            return;
        }

        if (await context.Request.ReadWholeAsync(settings.MaxEventBytes) is not { } body)
        {
            await response.WriteProblemAsync(Problems.EventTooLarge(settings.MaxEventBytes));
            return;
        }

        var (arrived, source, problem) = await EventReader.ReadAsync(context.Request, body);
        if (arrived is null)
        {
            await response.WriteProblemAsync(problem!);
            return;
        }

        if (!maySend && !IsOfRun(context.Request, source))
        {
            await response.WriteChallengeAsync(Problems.EventKeyRequired());
            return;
        }

        try
        {
            var woken = await delivery.PublishAsync(arrived);
            response.StatusCode = StatusCodes.Status202Accepted;
            response.ContentType = "application/json";
            await response.Body.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(new WokenJson(woken), WireJson.Default.WokenJson),
                context.RequestAborted);
        }
        catch (StoreUnavailableException e)
        {
            await response.WriteStoreAwayAsync(null, e);
        }
    }

    /// <summary>Whether the request has the token of an attempt and the event's source is the run of the attempt.</summary>
    private bool IsOfRun(HttpRequest request, string source) =>
        source.StartsWith(CallbackAddressProvider.RunPath, StringComparison.Ordinal)
        && RunId.TryParse(source[CallbackAddressProvider.RunPath.Length..], out var run)
        && tokens.VerifySteps(run, request.Headers[DurableHeaders.Token]) is not null;
}
