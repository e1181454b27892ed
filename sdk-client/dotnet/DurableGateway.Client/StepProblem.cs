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
    /// The problem type as a URI reference: one of the gateway, such as <c>/_durable/problems/step-timeout</c> and
    /// <c>/_durable/problems/step-interrupted</c>, or one of an invoked service; <see langword="null"/> for an exception of a step.
    /// </summary>
    public string? Type { get; private init; }

    /// <summary>The kind of failure, in words.</summary>
    public string Title { get; }

    /// <summary>The error, for example the message of the exception. Clients do not see it.</summary>
    public string? Detail { get; private init; }

    /// <summary>The full name of the exception's type, if the failure was an exception.</summary>
    public string? ExceptionType { get; private init; }

    /// <summary>The truncated stack trace of the exception, for operators. Clients do not see it.</summary>
    public string? StackTrace { get; private init; }

    /// <summary>The HTTP status of the failure, if it has one.</summary>
    public int? Status { get; private init; }

    /// <summary>
    /// The message for the client if the failure ends the run; <see langword="null"/> if the client does not get the reason.
    /// </summary>
    public string? ClientMessage { get; private init; }

    /// <summary>The step that failed, if the problem is stored with another step.</summary>
    internal string? Step { get; private init; }

    /// <summary>Whether the wait of the step timed out.</summary>
    internal bool IsStepTimeout => Type?.EndsWith(StepTimeoutType, StringComparison.Ordinal) == true;

    /// <summary>Whether the step exceeds the run timeout of the policy. A retry cannot help.</summary>
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

    /// <summary>A copy with the step.</summary>
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

    /// <summary>Reads a stored failure, even if it is not problem details.</summary>
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
            // A failure in another format is still a failure.
        }

        return new StepProblem(Failed);
    }

    /// <summary>The complete failure, as it is stored.</summary>
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

    /// <summary>The failure for clients: the step, and the message for clients.</summary>
    /// <param name="details">Whether to include the exception.</param>
    /// <param name="compensations">The compensations that failed finally.</param>
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
        // Only the gateway's problem types are part of the contract. Those of other services are not disclosed.
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
