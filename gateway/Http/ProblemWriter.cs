using DurableGateway.Protocol;
using DurableGateway.Runs;
using Yarp.ReverseProxy.Forwarder;

namespace DurableGateway.Http;

/// <summary>Writes problem details (RFC 9457).</summary>
internal static class ProblemWriter
{
    private const string AwayRetryAfter = "1";

    /// <summary>In seconds. A full store has room again only after records have expired.</summary>
    private const string FullRetryAfter = "10";

    public static async Task WriteProblemAsync(this HttpResponse response, Problem problem)
    {
        response.StatusCode = problem.Status;
        response.ContentType = Problem.ContentType;
        response.Headers.CacheControl = "no-store";
        if (HttpMethods.IsHead(response.HttpContext.Request.Method)) return;
        var body = problem.ToJson();
        response.ContentLength = body.Length;
        await response.Body.WriteAsync(body, response.HttpContext.RequestAborted);
    }

    /// <summary>Reports that the store is unavailable. The client can repeat the request soon.</summary>
    public static Task WriteStoreAwayAsync(this HttpResponse response, RunId? run, string detail)
    {
        response.Headers.RetryAfter = AwayRetryAfter;
        return response.WriteProblemAsync(Problems.StoreUnavailable(run, detail));
    }

    /// <summary>Reports that the store is unavailable or full.</summary>
    public static Task WriteStoreAwayAsync(this HttpResponse response, RunId? run, StoreUnavailableException error, string before = "") =>
        response.WriteProblemAsync(response.DescribeStoreAway(run, error, before + error.Detail));

    /// <summary>Creates that problem for a caller that writes it in another format, and sets <c>Retry-After</c>.</summary>
    public static Problem DescribeStoreAway(this HttpResponse response, RunId? run, StoreUnavailableException error, string detail)
    {
        response.Headers.RetryAfter = error.IsFull ? FullRetryAfter : AwayRetryAfter;
        return error.IsFull ? Problems.StoreFull(run, detail) : Problems.StoreUnavailable(run, detail);
    }

    /// <summary>Reports that the request has no valid key, and how to send one (RFC 9110 §11.6.1).</summary>
    public static Task WriteChallengeAsync(this HttpResponse response, Problem problem)
    {
        response.Headers.WWWAuthenticate = "Bearer";
        return response.WriteProblemAsync(problem);
    }

    /// <summary>Describes the forwarder's error to the client.</summary>
    public static Problem Describe(RunId? run, ForwarderError error, bool timedOut)
    {
        var id = run ?? default;
        var problem = timedOut || error is ForwarderError.RequestTimedOut
            ? Problems.ServiceTimeout(id, "The service did not answer within the time allowed.")
            : Problems.ServiceUnreachable(id, error switch
            {
                ForwarderError.NoAvailableDestinations => "No destination of the route's cluster is available.",
                ForwarderError.ResponseBodyDestination => "The service's response was cut off.",
                ForwarderError.RequestBodyDestination => "The service stopped reading the request.",
                _ => $"The request could not be sent, or was not answered ({error}).",
            });
        return run is null ? problem with { RunId = null } : problem;
    }
}
