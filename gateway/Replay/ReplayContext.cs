using System.Globalization;
using DurableGateway.Http;
using DurableGateway.Proxy;
using DurableGateway.Runs;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Http.Timeouts;

namespace DurableGateway.Replay;

/// <summary>Creates the synthetic HTTP context that sends a stored request through its route's pipeline.</summary>
internal static class ReplayContext
{
    public static DefaultHttpContext Create(
        StoredRequest stored, AttemptFeature attempt, ResponseCapture capture, Endpoint endpoint, IServiceProvider services)
    {
        var request = new HttpRequestFeature
        {
            Method = stored.Method,
            Scheme = stored.Scheme,
            Protocol = stored.Protocol,
            PathBase = stored.PathBase,
            Path = stored.Path,
            QueryString = stored.Query,
            RawTarget = stored.RawTarget,
            Body = new MemoryStream(stored.Body.ToArray(), writable: false),
        };
        stored.Headers.CopyTo(request.Headers);
        if (stored.Chunked) request.Headers.TransferEncoding = "chunked";

        var features = SyntheticHttpContext.CreateFeatures(request, stored, attempt.Attempt.Run.ToString(), capture);
        if (stored.Trailers.Count > 0) features.Set<IHttpRequestTrailersFeature>(new RequestTrailersOf(stored.Trailers));
        features.Set<IHttpResponseTrailersFeature>(new ResponseTrailers());
        features.Set<IHttpRequestBodyDetectionFeature>(new BodyDetection(stored.Chunked || !stored.Body.IsEmpty));

        // A route with a Timeout throws without this feature.
        features.Set<IHttpRequestTimeoutFeature>(new Timeouts(attempt.Attempt.Aborted));
        features.Set<IHttpRequestLifetimeFeature>(new HttpRequestLifetimeFeature { RequestAborted = attempt.Attempt.Aborted });

        features.Set<IHttpRequestIdentifierFeature>(new HttpRequestIdentifierFeature
        {
            TraceIdentifier = string.Create(CultureInfo.InvariantCulture, $"{attempt.Attempt.Run}:{attempt.Attempt.Key.Number}"),
        });
        features.Set(attempt);

        var context = new DefaultHttpContext(features) { RequestServices = services };
        context.SetEndpoint(endpoint);

        // A PathPattern transform silently sends "/" without these values.
        context.Request.RouteValues = new RouteValueDictionary(stored.RouteValues.Select(pair =>
            KeyValuePair.Create(pair.Key, (object?)pair.Value)));
        return context;
    }

    private sealed class RequestTrailersOf : IHttpRequestTrailersFeature
    {
        public RequestTrailersOf(IReadOnlyList<HeaderLine> lines) => lines.CopyTo(Trailers);

        public bool Available => true;
        public IHeaderDictionary Trailers { get; } = new HeaderDictionary();
    }

    private sealed class BodyDetection(bool canHaveBody) : IHttpRequestBodyDetectionFeature
    {
        public bool CanHaveBody { get; } = canHaveBody;
    }

    private sealed class Timeouts(CancellationToken token) : IHttpRequestTimeoutFeature
    {
        public CancellationToken RequestTimeoutToken { get; } = token;

        public void DisableTimeout()
        {
            // The attempt's timeout is the policy's, not the route's.
        }
    }

    private sealed class ResponseTrailers : IHttpResponseTrailersFeature
    {
        public IHeaderDictionary Trailers { get; set; } = new HeaderDictionary();
    }
}
