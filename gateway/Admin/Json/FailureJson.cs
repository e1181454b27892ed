using DurableGateway.Runs;

namespace DurableGateway.Admin.Json;

/// <summary>The beginning of the body with which a service reported a failure, with secrets masked.</summary>
internal sealed record FailureJson(string ContentType, string Body, bool IsCut)
{
    /// <returns><see langword="null"/> if the reason is all that there is.</returns>
    public static FailureJson? From(FailureText failure) =>
        string.IsNullOrEmpty(failure.Body) ? null : new FailureJson(failure.ContentType, failure.Body, failure.IsCut);
}
