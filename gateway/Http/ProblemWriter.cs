using DurableGateway.Protocol;
using DurableGateway.Runs;
using Yarp.ReverseProxy.Forwarder;

namespace DurableGateway.Http;

/// <summary>Answers with problem details (RFC 9457).</summary>
internal static class ProblemWriter
{
    private const string AwayRetryAfter = "1";

    /// <summary>Seconds: room is made by what expires, not by the next moment.</summary>
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

    /// <summary>What was asked needs the store, which is away: it may be asked again soon.</summary>
    public static Task WriteStoreAwayAsync(this HttpResponse response, RunId? run, string detail)
    {
        response.Headers.RetryAfter = AwayRetryAfter;
        return response.WriteProblemAsync(Problems.StoreUnavailable(run, detail));
    }

    /// <summary>What was asked needs the store, which did not take it.</summary>
    public static Task WriteStoreAwayAsync(this HttpResponse response, RunId? run, StoreUnavailableException error, string before = "") =>
        response.WriteProblemAsync(response.DescribeStoreAway(run, error, before + error.Detail));

    /// <summary>The problem of that, for who writes it in another form. <c>Retry-After</c> is set.</summary>
    public static Problem DescribeStoreAway(this HttpResponse response, RunId? run, StoreUnavailableException error, string detail)
    {
        response.Headers.RetryAfter = error.IsFull ? FullRetryAfter : AwayRetryAfter;
        return error.IsFull ? Problems.StoreFull(run, detail) : Problems.StoreUnavailable(run, detail);
    }

    /// <summary>The problem of who has no key, and how one is given (RFC 9110 §11.6.1).</summary>
    public static Task WriteChallengeAsync(this HttpResponse response, Problem problem)
    {
        response.Headers.WWWAuthenticate = "Bearer";
        return response.WriteProblemAsync(problem);
    }

    /// <summary>What the forwarder's error says about the service.</summary>
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
