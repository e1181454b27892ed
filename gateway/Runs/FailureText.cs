namespace DurableGateway.Runs;

/// <summary>What a service said about a failure, for operators. It is masked before it is stored, and sealed in the store.</summary>
/// <param name="Reason">The reason in one line; empty if there is none.</param>
/// <param name="ContentType">The content type of <paramref name="Body"/>.</param>
/// <param name="Body">The beginning of the body, as text; empty if it is no more than the reason says.</param>
/// <param name="IsCut">Whether the body is longer than <paramref name="Body"/>.</param>
/// <param name="Took">How long the try took, if the service said so.</param>
internal readonly record struct FailureText(
    string Reason, string ContentType = "", string Body = "", bool IsCut = false, TimeSpan Took = default)
{
    /// <summary>The most of a body that is kept.</summary>
    public const int MaxBodyBytes = 4096;

    public bool IsEmpty => string.IsNullOrEmpty(Reason) && string.IsNullOrEmpty(Body);

    public static implicit operator FailureText(string? reason) => string.IsNullOrEmpty(reason) ? default : new(reason);
}
