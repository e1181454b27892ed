using System.Globalization;
using DurableGateway.Protocol;
using DurableGateway.Runs;

namespace DurableGateway.Steps;

/// <summary>Reads the headers of a <c>PUT …/steps/{step}</c>.</summary>
internal static class StepCallReader
{
    private const string DefaultContentType = "application/json";
    private const int MaxNameBytes = 1024;
    private const int MaxTargetBytes = 8192;
    private const int MaxExecution = 64;
    private static readonly string[] Rfc3339 = ["yyyy-MM-dd'T'HH:mm:ss.FFFFFFF'Z'", "yyyy-MM-dd'T'HH:mm:ss.FFFFFFFzzz"];

    /// <returns><see langword="null"/> and the problem if the call is malformed.</returns>
    public static StepCall? Read(HttpRequest request, string segment, DateTimeOffset now, RunId run, out Problem? problem)
    {
        if (!StepId.TryDecode(segment, out var id))
        {
            problem = Problems.StepMalformed(run, $"The step id '{segment}' is not 1 to {StepId.MaxBytes} bytes of percent-encoded UTF-8 "
                + "in one path segment, or is a dot segment.");
            return null;
        }

        var type = request.Headers[DurableHeaders.StepType].ToString();
        if (type is not ("" or "run" or "sleep" or "wait" or "callback" or "invoke"))
        {
            problem = Problems.StepUnsupported(run,
                $"{DurableHeaders.StepType} '{type}' is none of run, sleep, wait, callback and invoke.");
            return null;
        }

        try
        {
            problem = null;
            return type switch
            {
                "" or "run" => ReadRun(id, request, now),
                "sleep" => ReadSleep(id, request.Headers, now),
                "wait" => ReadWait(id, request.Headers),
                "callback" => new CallbackStepCall(id, Seconds(request.Headers, DurableHeaders.StepTimeout)),
                _ => ReadInvoke(id, request),
            };
        }
        catch (FormatException e)
        {
            problem = Problems.StepMalformed(run, e.Message);
            return null;
        }
    }

    private static StepCall ReadRun(string id, HttpRequest request, DateTimeOffset now)
    {
        var headers = request.Headers;
        var outcome = headers[DurableHeaders.StepOutcome].ToString();
        if (outcome == "started") return new StartStepCall(id, ReadExecution(headers));
        if (outcome is not ("" or "completed" or "failed"))
            throw new FormatException($"{DurableHeaders.StepOutcome} '{outcome}' is none of completed, failed and started.");
        var failed = outcome == "failed";
        var fallback = failed ? Problem.ContentType : DefaultContentType;
        return new RunStepCall(
            id, failed, failed && StructuredFields.ParseBoolean(headers[DurableHeaders.Retry]) is false,
            RetryAfter.Parse(headers.RetryAfter, now), StepRetryField.Parse(headers[DurableHeaders.StepRetry]),
            Seconds(headers, DurableHeaders.StepDuration),
            request.ContentType is { Length: > 0 } given ? given : fallback);
    }

    private static string ReadExecution(IHeaderDictionary headers)
    {
        var execution = StructuredFields.ParseText(headers[DurableHeaders.Execution]) ?? "";
        return execution.Length <= MaxExecution && execution.All(char.IsAscii)
            ? execution
            : throw new FormatException($"{DurableHeaders.Execution} is longer than {MaxExecution} characters, or not ASCII.");
    }

    private static SleepStepCall ReadSleep(string id, IHeaderDictionary headers, DateTimeOffset now)
    {
        var span = headers[DurableHeaders.StepFor].ToString();
        var time = headers[DurableHeaders.StepUntil].ToString();
        if (span.Length > 0 == time.Length > 0)
            throw new FormatException($"A sleep has either {DurableHeaders.StepFor} or {DurableHeaders.StepUntil}.");
        if (span.Length > 0) return new SleepStepCall(id, now + Seconds(headers, DurableHeaders.StepFor)!.Value);
        return DateTimeOffset.TryParseExact(time, Rfc3339, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var until)
            ? new SleepStepCall(id, until)
            : throw new FormatException($"{DurableHeaders.StepUntil} '{time}' is not a time of RFC 3339, such as 2026-11-23T12:00:00Z.");
    }

    private static WaitStepCall ReadWait(string id, IHeaderDictionary headers)
    {
        var type = Text(headers, DurableHeaders.EventType, MaxNameBytes);
        if (string.IsNullOrEmpty(type)) throw new FormatException($"A wait names the type of the event in {DurableHeaders.EventType}.");
        return new WaitStepCall(
            id, new Topic(type, Text(headers, DurableHeaders.EventKey, MaxNameBytes)),
            Seconds(headers, DurableHeaders.StepTimeout), Seconds(headers, DurableHeaders.EventLookback));
    }

    private static InvokeStepCall ReadInvoke(string id, HttpRequest request)
    {
        // The path is forwarded as it is. The invoked service decodes it.
        var target = request.Headers[DurableHeaders.InvokePath].ToString();
        if (!target.StartsWith('/') || target.StartsWith("//", StringComparison.Ordinal) || target.Contains('#', StringComparison.Ordinal)
            || !PercentEncoding.TryDecode(target.Split('?', 2)[0], MaxTargetBytes, " ", out _)
            || target.Contains(' ', StringComparison.Ordinal))
            throw new FormatException($"{DurableHeaders.InvokePath} '{target}' is not a path on this gateway. A path starts with one '/', "
                + "and everything except printable ASCII is percent-encoded.");
        var method = request.Headers[DurableHeaders.InvokeMethod].ToString();
        if (method.Length == 0) method = HttpMethods.Post;
        if (!method.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_'))
            throw new FormatException($"{DurableHeaders.InvokeMethod} '{method}' is not a method.");
        return new InvokeStepCall(id, method, target, request.ContentType);
    }

    /// <summary>Reads an optional number of seconds.</summary>
    private static TimeSpan? Seconds(IHeaderDictionary headers, string name)
    {
        if (!headers.TryGetValue(name, out var seconds)) return null;
        return StructuredFields.TryParseSeconds(seconds, out var span)
            ? span
            : throw new FormatException($"{name} '{seconds}' is not a number of seconds, zero or more.");
    }

    private static string? Text(IHeaderDictionary headers, string name, int maxBytes)
    {
        if (!headers.TryGetValue(name, out var value)) return null;
        return PercentEncoding.TryDecode(value.ToString(), maxBytes, "", out var text)
            ? text
            : throw new FormatException($"{name} is not percent-encoded UTF-8 of at most {maxBytes} bytes.");
    }
}
