using DurableGateway.Protocol;
using DurableGateway.Runs;
using Microsoft.AspNetCore.Http;

namespace DurableGateway.Steps;

/// <summary>A <c>PUT …/steps/{step}</c> as its headers describe it (§3).</summary>
internal sealed record StepCall(string Id, bool Failed, bool IsFinal, TimeSpan? RetryAfter, TimeSpan? Duration, string ContentType)
{
    private const string DefaultContentType = "application/json";

    /// <returns><see langword="null"/> with the problem where the call is malformed.</returns>
    public static StepCall? Read(HttpRequest request, string segment, DateTimeOffset now, RunId run, out Problem? problem)
    {
        var headers = request.Headers;
        problem = null;
        if (!StepId.TryDecode(segment, out var id))
        {
            problem = Problems.StepMalformed(run, $"The step id '{segment}' is not 1 to {StepId.MaxBytes} bytes of percent-encoded UTF-8 in one path segment, or is a dot segment.");
            return null;
        }

        var type = headers[DurableHeaders.StepType].ToString();
        if (type is not ("" or "run"))
        {
            problem = Problems.StepUnsupported(run, $"{DurableHeaders.StepType} '{type}' is not supported; this gateway takes 'run'.");
            return null;
        }

        var outcome = headers[DurableHeaders.StepOutcome].ToString();
        if (outcome is not ("" or "completed" or "failed"))
        {
            problem = Problems.StepMalformed(run, $"{DurableHeaders.StepOutcome} '{outcome}' is neither completed nor failed.");
            return null;
        }

        TimeSpan? duration = null;
        if (headers.TryGetValue(DurableHeaders.StepDuration, out var seconds))
        {
            if (!StructuredFields.TryParseSeconds(seconds, out var span))
            {
                problem = Problems.StepMalformed(run, $"{DurableHeaders.StepDuration} '{seconds}' is not a number of seconds.");
                return null;
            }

            duration = span;
        }

        var failed = outcome == "failed";
        var fallback = failed ? Problem.ContentType : DefaultContentType;
        return new StepCall(
            id, failed, failed && StructuredFields.ParseBoolean(headers[DurableHeaders.Retry]) is false,
            Protocol.RetryAfter.Parse(headers.RetryAfter, now), duration, request.ContentType is { Length: > 0 } given ? given : fallback);
    }

    public StepOutcome ToOutcome(int attempt, byte[] body, DateTimeOffset now) => new()
    {
        Id = Id,
        Failed = Failed,
        ContentType = ContentType,
        Body = body,
        Attempt = attempt,
        StartedAt = Duration is { } duration ? now - duration : now,
        EndedAt = now,
    };
}
