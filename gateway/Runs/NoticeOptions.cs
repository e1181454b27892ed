namespace DurableGateway.Runs;

/// <summary>Which notices are written down.</summary>
/// <param name="Failed">Of runs that failed for good.</param>
/// <param name="StuckAfter">Of runs that have done nothing but fail for so long; <see langword="null"/>: of none.</param>
/// <param name="Mismatch">Of runs whose steps do not fit the handler.</param>
internal sealed record NoticeOptions(bool Failed, TimeSpan? StuckAfter, bool Mismatch)
{
    public static NoticeOptions None { get; } = new(false, null, false);
}
