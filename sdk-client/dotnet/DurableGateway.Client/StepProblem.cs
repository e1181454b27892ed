using System;
using System.Collections.Generic;
using System.IO;
using System.Text.Json;

namespace DurableGateway.Client;

/// <summary>A step's failure as problem details (RFC 9457).</summary>
public sealed class StepProblem
{
    internal const string ContentType = "application/problem+json";
    private const string Failed = "The step failed";
    private const int MaxStackChars = 2048;

    private const string GatewaysOwn = "/_durable/problems/";
    private const string StepTimeoutType = GatewaysOwn + "step-timeout";
    private const string BeyondRunTimeoutType = GatewaysOwn + "beyond-run-timeout";

    private StepProblem(string title) => Title = title;

    /// <summary>
    /// The kind of failure as a URI reference, such as <c>/_durable/problems/step-timeout</c> and
    /// <c>/_durable/problems/step-interrupted</c>
    /// of the gateway, or what an invoked service named; <see langword="null"/> for an exception of a step.
    /// </summary>
    public string? Type { get; private init; }

    /// <summary>What kind of failure it is, for people.</summary>
    public string Title { get; }

    /// <summary>What went wrong: the exception's message. Not for clients.</summary>
    public string? Detail { get; private init; }

    /// <summary>The full name of the exception's type, where the failure was one.</summary>
    public string? ExceptionType { get; private init; }

    /// <summary>Where it was thrown, shortened. For operators: it is not shown to clients.</summary>
    public string? StackTrace { get; private init; }

    /// <summary>A status that the failure stands for, where it has one.</summary>
    public int? Status { get; private init; }

    /// <summary>
    /// What the client of the run is told where the failure ends it; <see langword="null"/>: that it failed, and not why.
    /// </summary>
    public string? ClientMessage { get; private init; }

    /// <summary>The step whose failure it is, where it is kept elsewhere.</summary>
    internal string? Step { get; private init; }

    /// <summary>Whether what the step waited for has not come in its time.</summary>
    internal bool IsStepTimeout => Type?.EndsWith(StepTimeoutType, StringComparison.Ordinal) == true;

    /// <summary>Whether the run's policy leaves no time for what the step asks for: it never will.</summary>
    internal bool IsBeyondRunTimeout => Type?.EndsWith(BeyondRunTimeoutType, StringComparison.Ordinal) == true;

    internal static StepProblem Of(Exception e, bool withStack)
    {
        var stack = withStack ? e.StackTrace : null;
        if (stack?.Length > MaxStackChars) stack = stack.Substring(0, MaxStackChars);
        return new StepProblem(e.GetType().Name)
        {
            Detail = e.Message,
            ExceptionType = e.GetType().FullName,
            StackTrace = stack,
            Status = (e as FailedResponseException)?.Status,
            ClientMessage = (e as NonRetryableException)?.ClientMessage,
        };
    }

    internal static StepProblem Of(StepUsageException e) => Of("A durable step is used wrongly", e.Message);

    internal static StepProblem Of(string title, string detail, string? clientMessage = null) =>
        new(title) { Detail = detail, ClientMessage = clientMessage };

    /// <summary>The same, of a step.</summary>
    internal StepProblem At(string step) => new(Title)
    {
        Type = Type,
        Detail = Detail,
        ExceptionType = ExceptionType,
        StackTrace = StackTrace,
        Status = Status,
        ClientMessage = ClientMessage,
        Step = step,
    };

    internal StepProblem Shortened() => new(Title)
    {
        Type = Type,
        Detail = Shortened(Detail),
        ExceptionType = ExceptionType,
        Status = Status,
        ClientMessage = Shortened(ClientMessage),
        Step = Step,
    };

    /// <summary>Reads what is stored, however little it resembles problem details.</summary>
    internal static StepProblem Parse(byte[] json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            var root = document.RootElement;
            if (root.ValueKind == JsonValueKind.Object)
            {
                return new StepProblem(Text(root, "title") ?? Failed)
                {
                    Type = Text(root, "type"),
                    Detail = Text(root, "detail"),
                    ExceptionType = Text(root, "exceptionType"),
                    StackTrace = Text(root, "stackTrace"),
                    Status = root.TryGetProperty("status", out var status) && status.ValueKind == JsonValueKind.Number
                        && status.TryGetInt32(out var number) ? number : null,
                    ClientMessage = Text(root, "clientMessage"),
                    Step = Text(root, "step"),
                };
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            // Another SDK's idea of a failure is still a failure.
        }

        return new StepProblem(Failed);
    }

    /// <summary>As it is stored: all of it.</summary>
    internal byte[] ToJson() => Write(json =>
    {
        if (Type is not null) json.WriteString("type", Type);
        json.WriteString("title", Title);
        if (Detail is not null) json.WriteString("detail", Detail);
        if (Status is { } status) json.WriteNumber("status", status);
        if (ExceptionType is not null) json.WriteString("exceptionType", ExceptionType);
        if (StackTrace is not null) json.WriteString("stackTrace", StackTrace);
        if (ClientMessage is not null) json.WriteString("clientMessage", ClientMessage);
        if (Step is not null) json.WriteString("step", Step);
    });

    /// <summary>As a client may see it: which step failed, and what the developer meant for clients.</summary>
    /// <param name="details">Whether the client is a developer, who may see the exception.</param>
    /// <param name="compensations">The compensations that failed for good.</param>
    internal byte[] ToClientJson(bool details, IReadOnlyList<StepFailedException>? compensations = null) => Write(json =>
    {
        WriteForClient(json, details, Step);
        json.WriteNumber("status", 500);
        if (compensations is not { Count: > 0 }) return;
        json.WriteStartArray("compensationFailures");
        foreach (var failure in compensations)
        {
            json.WriteStartObject();
            failure.Problem.WriteForClient(json, details, failure.Step);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    });

    private void WriteForClient(Utf8JsonWriter json, bool details, string? step)
    {
        // The gateway's own kinds of failure are part of the contract. What another service names is not this one's to tell.
        if (Type is not null && (details || Type.StartsWith(GatewaysOwn, StringComparison.Ordinal))) json.WriteString("type", Type);
        json.WriteString("title", details ? Title : step is null ? "The request failed" : "A step of the request failed");
        if ((ClientMessage ?? (details ? Detail : null)) is { } detail) json.WriteString("detail", detail);
        if (details && ExceptionType is not null) json.WriteString("exceptionType", ExceptionType);
        if (step is not null) json.WriteString("step", step);
    }

    private static byte[] Write(Action<Utf8JsonWriter> members)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            members(json);
            json.WriteEndObject();
        }

        return buffer.ToArray();
    }

    private static string? Shortened(string? text) => text is { Length: > 256 } ? text.Substring(0, 256) : text;

    private static string? Text(JsonElement element, string name) =>
        element.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
