using System;
using System.Collections.Generic;
using System.IO;
using System.Text.Json;

namespace DurableGateway.Client;

/// <summary>A step's failure as problem details (RFC 9457).</summary>
public sealed class StepProblem
{
    internal const string ContentType = "application/problem+json";
    private const int MaxStackChars = 2048;

    private const string StepTimeoutType = "/_durable/problems/step-timeout";

    private StepProblem(string? type, string title, string? detail, string? exceptionType, string? stackTrace, int? status)
    {
        Type = type;
        Title = title;
        Detail = detail;
        ExceptionType = exceptionType;
        StackTrace = stackTrace;
        Status = status;
    }

    /// <summary>
    /// The kind of failure as a URI reference, such as <c>/_durable/problems/step-timeout</c> and <c>/_durable/problems/step-interrupted</c>
    /// of the gateway, or what an invoked service named; <see langword="null"/> for an exception of a step.
    /// </summary>
    public string? Type { get; }

    /// <summary>What kind of failure it is, for people.</summary>
    public string Title { get; }

    /// <summary>What went wrong: the exception's message.</summary>
    public string? Detail { get; }

    /// <summary>The full name of the exception's type, where the failure was one.</summary>
    public string? ExceptionType { get; }

    /// <summary>Where it was thrown, shortened. For operators: it is not shown to clients.</summary>
    public string? StackTrace { get; }

    /// <summary>A status that the failure stands for, where it has one.</summary>
    public int? Status { get; }

    /// <summary>Whether what the step waited for has not come in its time.</summary>
    internal bool IsStepTimeout => Type?.EndsWith(StepTimeoutType, StringComparison.Ordinal) == true;

    internal static StepProblem Of(Exception e, bool withStack)
    {
        var stack = withStack ? e.StackTrace : null;
        if (stack?.Length > MaxStackChars) stack = stack.Substring(0, MaxStackChars);
        return new StepProblem(null, e.GetType().Name, e.Message, e.GetType().FullName, stack, (e as FailedResponseException)?.Status);
    }

    internal static StepProblem Of(string title, string detail) => new(null, title, detail, null, null, null);

    internal StepProblem Shortened() => new(Type, Title, Detail is { Length: > 256 } ? Detail.Substring(0, 256) : Detail, ExceptionType, null, Status);

    /// <summary>Reads what is stored, however little it resembles problem details.</summary>
    internal static StepProblem Parse(byte[] json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            var root = document.RootElement;
            if (root.ValueKind == JsonValueKind.Object)
            {
                return new StepProblem(
                    Text(root, "type"), Text(root, "title") ?? "The step failed", Text(root, "detail"), Text(root, "exceptionType"), Text(root, "stackTrace"),
                    root.TryGetProperty("status", out var status) && status.ValueKind == JsonValueKind.Number && status.TryGetInt32(out var number) ? number : null);
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // Another SDK's idea of a failure is still a failure.
        }

        return new StepProblem(null, "The step failed", null, null, null, null);
    }

    /// <summary>As it is stored: all of it.</summary>
    internal byte[] ToJson() => Write(json =>
    {
        if (Status is { } status) json.WriteNumber("status", status);
        if (ExceptionType is not null) json.WriteString("exceptionType", ExceptionType);
        if (StackTrace is not null) json.WriteString("stackTrace", StackTrace);
    });

    /// <summary>As a client may see it: nothing of the inside of the service but the message.</summary>
    /// <param name="step">The step that failed.</param>
    /// <param name="compensations">The compensations that failed for good.</param>
    internal byte[] ToClientJson(string? step = null, IReadOnlyList<StepFailedException>? compensations = null) => Write(json =>
    {
        json.WriteNumber("status", 500);
        if (step is not null) json.WriteString("step", step);
        if (compensations is not { Count: > 0 }) return;
        json.WriteStartArray("compensationFailures");
        foreach (var failure in compensations)
        {
            json.WriteStartObject();
            json.WriteString("step", failure.Step);
            json.WriteString("title", failure.Problem.Title);
            if (failure.Problem.Detail is not null) json.WriteString("detail", failure.Problem.Detail);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    });

    private byte[] Write(Action<Utf8JsonWriter> more)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            if (Type is not null) json.WriteString("type", Type);
            json.WriteString("title", Title);
            if (Detail is not null) json.WriteString("detail", Detail);
            more(json);
            json.WriteEndObject();
        }

        return buffer.ToArray();
    }

    private static string? Text(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
