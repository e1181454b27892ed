using System.Buffers;
using DurableGateway.Http;
using DurableGateway.Protocol;
using DurableGateway.Results;
using DurableGateway.Runs;
using Yarp.ReverseProxy.Transforms;
using Yarp.ReverseProxy.Transforms.Builder;

namespace DurableGateway.Proxy;

/// <summary>Reads the contract's headers of an attempt's answer (§4), and decides what becomes of its response.</summary>
internal sealed class AttemptResponseTransforms(
    ResultUrlFactory results, ServiceBuildTracker builds, IStreamStore streams, RunEngine engine, IFailureReader failures,
    TimeProvider time) : ITransformProvider
{
    /// <summary>How long a client may wait for its redirect because the body of a failure comes late.</summary>
    private static readonly TimeSpan FailurePatience = TimeSpan.FromMilliseconds(500);

    /// <summary>The most that is read of the body of a failure. A whole JSON body can be masked precisely.</summary>
    private const int MaxFailureBytes = 64 * 1024;

    public void ValidateRoute(TransformRouteValidationContext context)
    {
    }

    public void ValidateCluster(TransformClusterValidationContext context)
    {
    }

    // On plain routes too: a run that was parked before its route became plain goes on by it, under the policy that it has.
    public void Apply(TransformBuilderContext context) => context.AddResponseTransform(OnResponse);

    private ValueTask OnResponse(ResponseTransformContext context)
    {
        var http = context.HttpContext;
        if (context.ProxyResponse is not { } answer) return default;
        if (http.Features.Get<AttemptFeature>() is not { } feature)
        {
            // The mark of a request is a header of its response, which is found sooner than a feature that is not there.
            if (!http.Response.Headers.ContainsKey(DurableHeaders.Status) || http.Features.Get<NotDurable>() is null) return default;
            HopByHopHeaders.RemoveDurable(http.Response.Headers);
            NotDurable.Mark(http);
            return default;
        }

        var attempt = feature.Attempt;
        var said = ServiceAnswer.Read(answer.Headers);
        feature.Status = (int)answer.StatusCode;
        feature.Outcome = AttemptJudge.Judge(attempt.Policy, feature.Status,
            StructuredFields.ParseBoolean(said.Suspended), StructuredFields.ParseBoolean(said.Retry));
        feature.IsFinalAnswer = feature.Outcome == AttemptOutcome.FailedForGood;
        if (said.Build is not null) builds.Learn(http, StructuredFields.ParseText(said.Build));
        feature.Mismatch = said.Mismatch;
        if (said.RetryAfter is not null) feature.RetryAfter = RetryAfter.Parse(said.RetryAfter, time.GetUtcNow());

        // The client sees a failure that is not retried, unchanged.
        if (feature.Outcome == AttemptOutcome.Failed && !attempt.IsReplay && attempt.Policy.MaxAttempts == 1 && !attempt.LacksStore)
            feature.Outcome = AttemptOutcome.FailedForGood;

        // The same holds for a failure that cannot be replayed because the request is too large to be stored.
        var tooLarge = feature.RequestBody is { Overflowed: true } && !attempt.IsStored;
        if (tooLarge && feature.Outcome is AttemptOutcome.Failed or AttemptOutcome.Suspended)
            feature.Outcome = AttemptOutcome.FailedForGood;

        if (said.HasDurable)
        {
            HopByHopHeaders.RemoveDurable(http.Response.Headers);
            if (!attempt.IsReplay) http.Response.Headers[DurableHeaders.RunId] = attempt.RunText;
        }

        var isStream = feature.Outcome == AttemptOutcome.Completed && said.Stream == "resume"
            && answer.Content.Headers.ContentType?.MediaType?.Equals(ProgressStream.ContentType,
                StringComparison.OrdinalIgnoreCase) is true;
        if (feature.Outcome == AttemptOutcome.Failed)
        {
            var headers = answer.Content.Headers;
            var (type, encoding) = (headers.ContentType?.ToString(), string.Join(',', headers.ContentEncoding));
            feature.Explain = (body, isWhole) => failures.Read(type, encoding, body, isWhole);
        }

        if (attempt.IsReplay) return OnReplayAsync(http, answer, feature, isStream);
        if (feature.Outcome is AttemptOutcome.Failed or AttemptOutcome.Suspended || (attempt.IsStored && !attempt.HoldsLease))
        {
            Suppress(context, feature);
            return feature.Explain is null ? default : ReadFailureAsync(answer, feature);
        }

        if (feature.Status == StatusCodes.Status101SwitchingProtocols)
        {
            BeginUpgrade(http, feature);
            return default;
        }

        Http1TrailerTransforms.Begin(context);
        var silence = LongLivedRequest.IdleTimeoutOf(http);
        feature.Body = ServiceContent.Watch(answer, silence, time, attempt.Aborted);
        var client = new ClientStream(http.Response.Body, silence, http, time, feature.ClientGone);
        if (isStream) return OnStreamAsync(context, feature, client);
        BeginResponse(http, feature, client);
        return default;
    }

    private async ValueTask OnReplayAsync(HttpContext http, HttpResponseMessage answer, AttemptFeature feature, bool isStream)
    {
        var attempt = feature.Attempt;
        feature.ResponseHeaders = HopByHopHeaders.Keep(http.Response.Headers);
        if (feature.Status == StatusCodes.Status204NoContent && attempt.LastEventId is not null) isStream = await ResumeAsync(feature);
        feature.Body = ServiceContent.Watch(answer, LongLivedRequest.IdleTimeoutOf(http), time, attempt.Aborted);

        // A subscription may have no end; nobody subscribes any more. Its time is that of the attempt.
        if (isStream || !LongLivedRequest.Includes(http)) attempt.BeginResponse();
        if (isStream && !await TryKeepAsync(http, feature, client: null)) throw new IOException("The stream cannot be kept.");
    }

    private async ValueTask OnStreamAsync(ResponseTransformContext context, AttemptFeature feature, ClientStream client)
    {
        var (http, attempt) = (context.HttpContext, feature.Attempt);
        if (await IsStoredAsync(attempt))
        {
            feature.ResponseHeaders = HopByHopHeaders.Keep(http.Response.Headers);
            if (!await TryKeepAsync(http, feature, client))
            {
                Suppress(context, feature);
                return;
            }
        }
        else if (!attempt.TryKeepOutOfStore())
        {
            NotDurable.Mark(http);
        }

        BeginResponse(http, feature, client);
    }

    /// <summary>Nothing that is exchanged after an upgrade is part of a response.</summary>
    private static void BeginUpgrade(HttpContext http, AttemptFeature feature)
    {
        feature.IsUpgraded = true;
        http.Response.Headers.Remove(DurableHeaders.RunId);
        feature.Attempt.StopStoringByTime();
        feature.Attempt.BeginUnboundedResponse();
        NotDurable.Mark(http);
    }

    /// <summary>Suppresses the body. The status code stays, because passive health checks read it.</summary>
    private static void Suppress(ResponseTransformContext context, AttemptFeature feature)
    {
        context.SuppressResponseBody = true;
        feature.IsSuppressed = true;
    }

    /// <summary>Reads the beginning of a suppressed body, for operators.</summary>
    private async ValueTask ReadFailureAsync(HttpResponseMessage answer, AttemptFeature feature)
    {
        if (answer.Content.Headers.ContentLength == 0) return;
        var (buffer, length, isWhole) = (ArrayPool<byte>.Shared.Rent(MaxFailureBytes), 0, false);
        using var patience = new CancellationTokenSource(FailurePatience, time);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(patience.Token, feature.Attempt.Aborted);
        try
        {
            var body = await answer.Content.ReadAsStreamAsync(stop.Token);
            while (length < MaxFailureBytes && !isWhole)
            {
                var count = await body.ReadAsync(buffer.AsMemory(length, MaxFailureBytes - length), stop.Token);
                isWhole = count == 0;
                length += count;
            }
        }
        catch (Exception e) when (e is IOException or HttpRequestException or OperationCanceledException)
        {
            // What has come is enough for operators.
        }

        try
        {
            feature.Failure = feature.Explain!(buffer.AsMemory(0, length), isWhole);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Stores the run before the first event of a stream that its client can resume.</summary>
    private async Task<bool> IsStoredAsync(Attempt attempt)
    {
        try
        {
            return await engine.EnsureStoredAsync(attempt);
        }
        catch (Exception e) when (e is StoreUnavailableException or IOException or OperationCanceledException)
        {
            // Nothing is stored. The response tells the client so, because it cannot resume.
            return false;
        }
    }

    /// <summary>
    /// Restores the stored head of the stream. A service answers <c>204</c> if no event follows <c>Last-Event-ID</c>: the stored stream is
    /// complete.
    /// </summary>
    private async Task<bool> ResumeAsync(AttemptFeature feature)
    {
        if (await streams.GetHeadAsync(feature.Attempt.Run) is not { } head) return false;
        (feature.Status, feature.ResponseHeaders) = (head.Status, head.Headers);
        return true;
    }

    /// <summary>Stores the head of the stream before the client sees it.</summary>
    /// <returns><see langword="false"/> if it could not be stored. The attempt has then failed.</returns>
    private async Task<bool> TryKeepAsync(HttpContext http, AttemptFeature feature, ClientStream? client)
    {
        // Content-Length covers only this attempt's part of the stream.
        feature.ResponseHeaders = [.. feature.ResponseHeaders.Where(line =>
            !line.Name.Equals("Content-Length", StringComparison.OrdinalIgnoreCase))];
        var keeper = new StreamKeeper(streams, feature, new StoredResponse(feature.Status, feature.ResponseHeaders, default), client, time);
        if (!await keeper.TryBeginAsync()) return false;
        (feature.Keeper, http.Response.Body) = (keeper, keeper);
        return true;
    }

    private void BeginResponse(HttpContext http, AttemptFeature feature, ClientStream client)
    {
        var attempt = feature.Attempt;
        var response = http.Response;
        if (feature.Keeper is null) response.Body = client;
        attempt.BeginResponse();
        if (feature.Keeper is null && LongLivedRequest.Includes(http))
        {
            // A subscription has served its purpose when its client leaves. If the service fails before that, it is retried.
            attempt.BeginUnboundedResponse();
            feature.ClientGone.UnsafeRegister(static state => ((Attempt)state!).Interrupt(AttemptInterrupt.ClientGone), attempt);
        }

        if (attempt.State == AttemptState.Unstorable || (feature.RequestBody is { Overflowed: true } && !attempt.IsStored))
        {
            NotDurable.Mark(http);
            attempt.StopStoringByTime();
            return;
        }

        var hasBody = !HttpMethods.IsHead(http.Request.Method) && !BodilessStatus.Includes(feature.Status);
        if (!attempt.MayBeStored && (response.ContentLength is not null || !hasBody))
        {
            attempt.StopStoringByTime();
            return;
        }

        feature.ResultUrl = results.For(attempt);
        response.Headers[DurableHeaders.Result] = feature.ResultUrl;
        if (feature.Keeper is not null) return;
        feature.ResponseHeaders = HopByHopHeaders.Keep(response.Headers);
        feature.Capture = new ResponseCapture(
            client, attempt.Policy.MaxResponseBytes, () => attempt.Interrupt(AttemptInterrupt.ResponseTooLarge), response.ContentLength);
        response.Body = feature.Capture;
    }
}
