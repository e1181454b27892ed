using System.Globalization;
using DurableGateway.Protocol;
using DurableGateway.Runs;
using Microsoft.AspNetCore.Http;

namespace DurableGateway.Steps;

/// <summary>A <c>PUT …/steps/{step}</c> as its headers describe it (§3).</summary>
internal abstract record StepCall(string Id)
{
    /// <summary>What is stored when the step is over.</summary>
    public abstract StepOutcome ToOutcome(int attempt, byte[] body, DateTimeOffset now);

    private const string DefaultContentType = "application/json";
    private static readonly string[] Rfc3339 = ["yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFzzz"];

    /// <returns><see langword="null"/> with the problem where the call is malformed.</returns>
    public static StepCall? Read(HttpRequest request, string segment, DateTimeOffset now, RunId run, out Problem? problem)
    {
        if (!StepId.TryDecode(segment, out var id))
        {
            problem = Problems.StepMalformed(run, $"The step id '{segment}' is not 1 to {StepId.MaxBytes} bytes of percent-encoded UTF-8 in one path segment, or is a dot segment.");
            return null;
        }

        var type = request.Headers[DurableHeaders.StepType].ToString();
        var (call, wrong) = type switch
        {
            "" or "run" => ReadRun(id, request, now),
            "sleep" => ReadSleep(id, request, now),
            _ => (null, null),
        };
        problem = call is not null ? null
            : wrong is not null ? Problems.StepMalformed(run, wrong)
            : Problems.StepUnsupported(run, $"{DurableHeaders.StepType} '{type}' is not supported; this gateway takes 'run' and 'sleep'.");
        return call;
    }

    private static (StepCall?, string? Wrong) ReadRun(string id, HttpRequest request, DateTimeOffset now)
    {
        var headers = request.Headers;
        var outcome = headers[DurableHeaders.StepOutcome].ToString();
        if (outcome is not ("" or "completed" or "failed")) return (null, $"{DurableHeaders.StepOutcome} '{outcome}' is neither completed nor failed.");
        TimeSpan? duration = null;
        if (headers.TryGetValue(DurableHeaders.StepDuration, out var seconds))
        {
            if (!StructuredFields.TryParseSeconds(seconds, out var span)) return (null, $"{DurableHeaders.StepDuration} '{seconds}' is not a number of seconds.");
            duration = span;
        }

        var failed = outcome == "failed";
        var fallback = failed ? Problem.ContentType : DefaultContentType;
        return (new RunStepCall(
            id, failed, failed && StructuredFields.ParseBoolean(headers[DurableHeaders.Retry]) is false,
            RetryAfter.Parse(headers.RetryAfter, now), duration, request.ContentType is { Length: > 0 } given ? given : fallback), null);
    }

    private static (StepCall?, string? Wrong) ReadSleep(string id, HttpRequest request, DateTimeOffset now)
    {
        var span = request.Headers[DurableHeaders.StepFor].ToString();
        var time = request.Headers[DurableHeaders.StepUntil].ToString();
        if (span.Length > 0 == time.Length > 0) return (null, $"A sleep has either {DurableHeaders.StepFor} or {DurableHeaders.StepUntil}.");
        if (span.Length > 0)
        {
            return StructuredFields.TryParseSeconds(span, out var length)
                ? (new SleepStepCall(id, now + length), null)
                : (null, $"{DurableHeaders.StepFor} '{span}' is not a number of seconds, zero or more.");
        }

        return DateTimeOffset.TryParseExact(time, Rfc3339, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var until)
            ? (new SleepStepCall(id, until), null)
            : (null, $"{DurableHeaders.StepUntil} '{time}' is not a time of RFC 3339, such as 2026-11-23T12:00:00Z.");
    }

}

/// <summary>A piece of the handler that has been executed.</summary>
internal sealed record RunStepCall(string Id, bool Failed, bool IsFinal, TimeSpan? RetryAfter, TimeSpan? Duration, string ContentType) : StepCall(Id)
{
    public override StepOutcome ToOutcome(int attempt, byte[] body, DateTimeOffset now) => new()
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

/// <summary>The handler sleeps until a time.</summary>
internal sealed record SleepStepCall(string Id, DateTimeOffset Until) : StepCall(Id)
{
    public override StepOutcome ToOutcome(int attempt, byte[] body, DateTimeOffset now) => new()
    {
        Id = Id,
        Type = "sleep",
        Failed = false,
        ContentType = "application/json",
        Body = ReadOnlyMemory<byte>.Empty,
        Attempt = attempt,
        StartedAt = now,
        EndedAt = now,
    };
}
