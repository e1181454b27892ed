using System;
using System.IO;
using System.Text.Json;

namespace DurableGateway.Client;

/// <summary>A step's failure as problem details (RFC 9457).</summary>
public sealed class StepProblem
{
    internal const string ContentType = "application/problem+json";
    private const int MaxStackChars = 2048;

    private StepProblem(string title, string? detail, string? exceptionType, string? stackTrace, int? status)
    {
        Title = title;
        Detail = detail;
        ExceptionType = exceptionType;
        StackTrace = stackTrace;
        Status = status;
    }

    /// <summary>What kind of failure it is.</summary>
    public string Title { get; }

    /// <summary>What went wrong: the exception's message.</summary>
    public string? Detail { get; }

    /// <summary>The full name of the exception's type, where the failure was one.</summary>
    public string? ExceptionType { get; }

    /// <summary>Where it was thrown, shortened. For operators: it is not shown to clients.</summary>
    public string? StackTrace { get; }

    /// <summary>A status that the failure stands for, where it has one.</summary>
    public int? Status { get; }

    internal static StepProblem Of(Exception e, bool withStack)
    {
        var stack = withStack ? e.StackTrace : null;
        if (stack?.Length > MaxStackChars) stack = stack.Substring(0, MaxStackChars);
        return new StepProblem(e.GetType().Name, e.Message, e.GetType().FullName, stack, null);
    }

    internal static StepProblem Of(string title, string detail) => new(title, detail, null, null, null);

    internal StepProblem Shortened() => new(Title, Detail is { Length: > 256 } ? Detail.Substring(0, 256) : Detail, ExceptionType, null, Status);

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
                    Text(root, "title") ?? "The step failed", Text(root, "detail"), Text(root, "exceptionType"), Text(root, "stackTrace"),
                    root.TryGetProperty("status", out var status) && status.ValueKind == JsonValueKind.Number && status.TryGetInt32(out var number) ? number : null);
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // Another SDK's idea of a failure is still a failure.
        }

        return new StepProblem("The step failed", null, null, null, null);
    }

    /// <summary>As it is stored: all of it.</summary>
    internal byte[] ToJson() => Write(json =>
    {
        if (Status is { } status) json.WriteNumber("status", status);
        if (ExceptionType is not null) json.WriteString("exceptionType", ExceptionType);
        if (StackTrace is not null) json.WriteString("stackTrace", StackTrace);
    });

    /// <summary>As a client may see it: nothing of the inside of the service but the message.</summary>
    internal byte[] ToClientJson(string? step = null) => Write(json =>
    {
        json.WriteNumber("status", 500);
        if (step is not null) json.WriteString("step", step);
    });

    private byte[] Write(Action<Utf8JsonWriter> more)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
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
